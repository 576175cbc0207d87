"""What a Mask R-CNN finds without one of its parts, with the same weights.

A part is not cut out but replaced by what tells nothing, so that the rest still gets features of
a kind that it knows: its mean (Morcos et al., "On the importance of single directions for
generalization", ICLR 2018, set units to a fixed value or their mean), the features as they were
before it, or equal scores.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from keras import KerasTensor, ops

from cellid.explain.parts import BOX_HEAD, CHANNELS, MASK_HEAD, PLACES, PROPOSALS, Anatomy, Seen
from cellid.models.mask_detector import MaskDetector
from cellid.models.mask_rcnn import ATTENTION
from cellid.nn.resnet import STAGES
from cellid.types import Detections

ALL_ATTENTION = ATTENTION.rstrip("_")
"""Name of the attention of all stages together."""

How = Literal["mean", "identity", "even", "random", "proposed", "filled"]
"""What stands for a part.

========  ===========================================================================
mean      each channel's mean over the places of the image
identity  features as the stage gave them: the network as it would be without attention
even      features times the means of attention's weights: as strong, and no choice
random    as many anchors, drawn at random and not moved, in place of proposals
proposed  proposals as they are, as sure as they were proposed
filled    whole boxes
========  ===========================================================================
"""


class Ablation(NamedTuple):
    """A part of the network, and what stands for it."""

    part: str
    how: How


_OF_KIND: Mapping[str, How] = {
    "stage": "mean",
    "attention": "identity",
    "level": "mean",
    "proposals": "random",
    "boxes": "proposed",
    "masks": "filled",
}


def plan_ablations(anatomy: Anatomy) -> tuple[Ablation, ...]:
    """Return an ablation a part, in their order, and two of all attention."""
    ablations = [Ablation(part.name, _OF_KIND[part.kind]) for part in anatomy.parts]
    if anatomy.attention:
        last = ablations.index(Ablation(anatomy.attention[-1], "identity")) + 1
        ablations[last:last] = [
            Ablation(ALL_ATTENTION, "identity"),
            Ablation(ALL_ATTENTION, "even"),
        ]
    return tuple(ablations)


class Ablator:
    """Finds objects with a part of the network replaced.

    Parameters
    ----------
    anatomy : Anatomy
    detector : MaskDetector
        Of the same network.
    seed : int
        Of the anchors that stand for proposals.
    """

    def __init__(self, anatomy: Anatomy, detector: MaskDetector, seed: int) -> None:
        self._anatomy = anatomy
        self._detector = detector
        self._seed = seed

    def find(self, seen: Seen, ablation: Ablation | None) -> Detections:
        """Return the objects found in an image; None: by the whole network."""
        part = ablation.part if ablation else None
        return self._detector.find(
            self._answer(seen, ablation) if ablation else dict(seen.outputs),
            seen.padded_shape,
            seen.shape,
            judged=part != BOX_HEAD,
            drawn=part != MASK_HEAD,
        )

    def _answer(self, seen: Seen, ablation: Ablation) -> dict[str, KerasTensor]:
        part, how = ablation
        if part in (BOX_HEAD, MASK_HEAD):
            return dict(seen.outputs)
        if part == PROPOSALS:
            shape = tuple(seen.outputs["objectness"].shape)
            order = np.random.default_rng(self._seed).random(shape, np.float32)
            still = ops.zeros_like(seen.outputs["shifts"])
            return {**seen.outputs, "objectness": ops.convert_to_tensor(order), "shifts": still}
        if part in seen.pyramid:
            return self._anatomy.answer({**seen.pyramid, part: _even_out(seen.pyramid[part])})
        handed = [
            _replace(seen, stage, name, how)
            if part in (stage, f"{ATTENTION}{stage}", ALL_ATTENTION)
            else seen.tensors[name]
            for stage, name in zip(STAGES, self._anatomy.handing, strict=True)
        ]
        return self._anatomy.answer(self._anatomy.build_pyramid(handed))


def _replace(seen: Seen, stage: str, name: str, how: How) -> KerasTensor:
    """Return what stands for the features of a stage that ``name`` hands to the pyramid."""
    if how == "mean":
        return _even_out(seen.tensors[name])
    features = seen.tensors[stage]
    if how == "even":
        for weights in (CHANNELS, PLACES):
            features = features * ops.mean(seen.tensors[name + weights])
    return features


def _even_out(features: KerasTensor) -> KerasTensor:
    """Return features (B, Y, X, C) that have their means at every place."""
    return ops.zeros_like(features) + ops.mean(features, axis=(1, 2), keepdims=True)
