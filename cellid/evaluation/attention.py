"""Whether the heat of an explanation lies on the objects that it should be due to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import ndimage

from cellid.evaluation.counts import Summable, divide
from cellid.types import Frame, Mask


@dataclass(frozen=True)
class Attention(Summable):
    """Where the heat of patches lies; sums over patches, scores that derive from them.

    Attributes
    ----------
    n_patches : int
        With heat and with objects; others say nothing.
    inside : float
        Share of the heat within the objects.
    area : float
        Share of the patch that the objects take: that of heat spread evenly, by chance.
    ideal : float
        Share of heat that knows the objects, and is as coarse as the network's.
    hits : float
        1 where the hottest pixel is on an object or near one.
    near : float
        Share of the patch that is on an object or near one: the hits by chance.
    """

    n_patches: int
    inside: float
    area: float
    ideal: float
    hits: float
    near: float

    _summed: ClassVar[tuple[str, ...]] = (
        *("n_patches", "inside", "area", "ideal", "hits", "near"),
    )

    def as_dict(self) -> dict[str, float]:
        """Return the means over patches, and ``enrichment``, heat within over that by chance."""
        means = {name: divide(getattr(self, name), self.n_patches) for name in self._summed[1:]}
        return {"enrichment": divide(self.inside, self.area), **means}


NO_ATTENTION = Attention(0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Of no patch, and of one without heat or objects."""


def measure_attention(heat: Frame, mask: Mask, ideal: Frame, tolerance_px: float) -> Attention:
    """Measure where the heat of one patch lies.

    Parameters
    ----------
    heat : (Y, X) float32, not negative
        Its scale does not matter.
    mask : (Y, X) bool
        Objects.
    ideal : (Y, X) float32, not negative
        Heat that knows the mask, as coarse as ``heat``: what a share within is to be held against,
        for heat of few places always spills over.
    tolerance_px : float
        How near an object the hottest pixel counts as a hit: the pointing game of Zhang et al.,
        "Top-down neural attention by excitation backprop", ECCV 2016. Of several hottest
        pixels, the share that is near.

    Returns
    -------
    Attention
        `NO_ATTENTION` without heat or objects.
    """
    if not mask.any() or not heat.any():
        return NO_ATTENTION
    near = ndimage.distance_transform_edt(~mask) <= tolerance_px
    return Attention(
        n_patches=1,
        inside=_share_inside(heat, mask),
        area=float(mask.mean()),
        ideal=_share_inside(ideal, mask),
        hits=float(near[heat == heat.max()].mean()),
        near=float(near.mean()),
    )


def add_attention(patches: Sequence[Attention]) -> Attention:
    """Return the sums over the patches of one image or group."""
    return sum(patches, NO_ATTENTION)


def _share_inside(heat: Frame, mask: Mask) -> float:
    return float(heat[mask].sum(dtype=np.float64) / heat.sum(dtype=np.float64))
