"""Labels without a setting to tune: everything is measured in nucleus diameters and noise."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.config import LabelSettings
from cellid.errors import CellidError
from cellid.labeling.enhancement import WorkingImage, enhance
from cellid.labeling.field import fill_dead
from cellid.labeling.outline import Outlines, outline, sharpen
from cellid.labeling.quality import ObjectQuality, judge
from cellid.labeling.scale import estimate_diameter, measure_noise
from cellid.labeling.shape import Floats, find_cut, score_likeness, sum_moments
from cellid.labeling.splitting import cut_waists
from cellid.labeling.tree import grow_tree, select_nuclei
from cellid.types import Frame, Labels

# More levels find no more nuclei and take longer.
_N_LEVELS = 16
_LEAST_LIKENESS = 0.3  # of what is found beside the cores chosen first
# Where hand-drawn nuclei and the objects found are equally many.
_LEAST_SCORE = 0.2


@dataclass(frozen=True)
class AutoLabels:
    """The nuclei of a stain image, and what was measured to find them.

    Attributes
    ----------
    labels : (Y, X) int32
        0 is background, nuclei are numbered from 1, from the top down.
    quality : ObjectQuality
        A row a nucleus.
    diameter_px : float
        Diameter of a nucleus, measured or given.
    noise : float
        Standard deviation of the noise, grey levels.
    """

    labels: Labels
    quality: ObjectQuality
    diameter_px: float
    noise: float


def label_auto(stain: NDArray[np.generic], settings: LabelSettings) -> AutoLabels:
    """Find the nuclei of a stain image of any brightness, scale and bit depth.

    The stain is evened out (`enhance`: background removed, local histograms equalised with
    limited contrast), the components of its grey levels that look most like nuclei are
    chosen (`select_nuclei`), each gets a threshold of its own (`outline`), touching ones are
    cut (`cut_waists`), and what is unlike a nucleus in shape, size or contrast is left
    out (`judge`).

    Parameters
    ----------
    stain : (Y, X) array, uint8, uint16 or float
        Nuclei brighter than their surroundings.
    settings : LabelSettings
        Only ``diameter_px`` is read.

    Returns
    -------
    AutoLabels

    Raises
    ------
    CellidError
        If ``stain`` is not one two-dimensional image of finite numbers.
    """
    image = _check_stain(stain)
    noise = measure_noise(image)
    image, dead = fill_dead(image, noise)
    diameter = settings.diameter_px or estimate_diameter(image, noise)
    work = enhance(image, diameter, noise)
    if work is None:
        return _find_nothing(image.shape, diameter, noise)
    found = _find_objects(work)
    # A cluster that was cut has better outlines, which may show more waists.
    for _ in range(2):
        found = outline(cut_waists(found.objects, work.diameter_px), work)
    quality = judge(found, work)
    labels = sharpen(image, found, work, diameter)
    if dead is not None:
        labels[dead] = 0
    order = _number_anew(labels, quality.score > _LEAST_SCORE)
    return AutoLabels(labels, quality.select(order), diameter, noise)


def _number_anew(labels: Labels, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number the objects worth keeping from the top of the image down, in place.

    Returns the row of each, in the new order.
    """
    pixels = np.flatnonzero(labels > 0)
    old = labels.ravel()[pixels]
    first = np.full(kept.size + 1, labels.size)
    first[old[::-1]] = pixels[::-1]
    order = np.argsort(first[1:], kind="stable")
    order = order[(kept & (first[1:] < labels.size))[order]]
    number = np.zeros(kept.size + 1, np.int32)
    number[order + 1] = np.arange(1, order.size + 1)
    labels.ravel()[pixels] = number[old]
    return order


def _find_objects(work: WorkingImage) -> Outlines:
    """Find everything that could be a nucleus or a cluster of them."""
    top = float(work.band.max())
    if top <= work.floor:
        return outline(np.zeros(work.band.shape, np.int32), work)
    levels = np.geomspace(work.floor, top, _N_LEVELS, endpoint=False)
    area = np.pi * work.diameter_px**2 / 4
    cores = select_nuclei(grow_tree(work.band, levels), area)
    return outline(_add_overshadowed(cores, work.band, levels, area), work)


def _add_overshadowed(cores: Labels, band: Frame, levels: Floats, area_px: float) -> Labels:
    """Add nuclei that lie beside brighter ones and merge with them at every level they reach.

    What the chosen cores leave of the image is searched again, and only what looks like a
    nucleus counts: leftovers have odd shapes.
    """
    rest = band * (cv2.dilate((cores > 0).view(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    # Half of the levels show what no brighter neighbour hides any more.
    more = select_nuclei(grow_tree(rest, levels[::2]), area_px)
    n = int(more.max()) + 1
    moments = sum_moments(more.ravel(), more.shape[1], n)
    kept = score_likeness(moments, area_px, find_cut(more, n)) > _LEAST_LIKENESS
    kept[0] = False
    number = np.where(kept, np.cumsum(kept) + int(cores.max()), 0).astype(np.int32)
    return np.asarray(np.where(cores > 0, cores, number[more]))


def _find_nothing(shape: tuple[int, ...], diameter_px: float, noise: float) -> AutoLabels:
    none = np.zeros(0)
    quality = ObjectQuality(none, none, none, none, np.zeros(0, np.bool_))
    return AutoLabels(np.zeros(shape, np.int32), quality, diameter_px, noise)


def _check_stain(stain: NDArray[np.generic]) -> NDArray[np.float32]:
    if stain.ndim != 2 or stain.size == 0:
        raise CellidError(
            "stain",
            expected="one image with axes YX",
            got=f"shape {stain.shape}",
            remedy="pass one two-dimensional image at a time",
        )
    image = np.ascontiguousarray(stain, dtype=np.float32)
    if not np.isfinite(image).all():
        raise CellidError(
            "stain",
            expected="finite grey levels",
            got="NaN or infinity",
            remedy="replace them by the background's grey level, for example with np.nan_to_num",
        )
    return image
