"""A cascade: a classifier of patches says where a detector is to look."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellid.config import GateSettings
from cellid.imaging.geometry import rescale_labels
from cellid.imaging.patches import Boxes, patch_boxes
from cellid.imaging.regions import bound_regions, cover_boxes
from cellid.models.classifier import Classifier, classify
from cellid.models.detector import DetectorRun
from cellid.models.retinanet import ALIGNMENT_PX
from cellid.types import Detections


@dataclass(frozen=True)
class JudgedImage:
    """The patches of an image and how probable objects are in them.

    Attributes
    ----------
    shape : tuple of int
        Height and width of the image.
    boxes : (N, 4) int64
    probabilities : (N,) float64
    """

    shape: tuple[int, ...]
    boxes: Boxes
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class Gate:
    """Lets a detector see the patches of an image that a classifier takes for positive.

    Parameters
    ----------
    classifier : Classifier
    settings : GateSettings
    """

    classifier: Classifier
    settings: GateSettings

    @property
    def threshold(self) -> float:
        """Least probability of a patch that is looked at."""
        chosen = self.settings.threshold
        return self.classifier.config.threshold if chosen is None else chosen

    def judge(self, image: NDArray[np.generic], pixel_size_um: float | None) -> JudgedImage:
        """Return what the classifier says of the overlapping patches of an image."""
        size_px = self.classifier.patch_px(pixel_size_um)
        boxes = patch_boxes(image.shape, size_px, self.settings.overlap)
        prepared = self.classifier.prepare(image)
        return JudgedImage(image.shape, boxes, classify(self.classifier, prepared, boxes, size_px))


def detect_behind_gate(
    run: DetectorRun,
    gate: Gate,
    image: NDArray[np.generic],
    pixel_size_um: float | None,
    judged: JudgedImage,
    threshold: float,
) -> tuple[Detections, float]:
    """Return the objects with their centres in open patches, and the share of pixels looked at.

    Open patches that touch are looked at as one rectangle, so what the detector sees is the
    image itself where the gate lets all of it through, and so is what it finds.

    Parameters
    ----------
    run : DetectorRun
    gate : Gate
        Says how much more the detector sees about open patches.
    image : (Y, X) or (Y, X, C) array
    pixel_size_um : float or None
    judged : JudgedImage
        From `Gate.judge`.
    threshold : float
        Least probability of an open patch, such as `Gate.threshold`.
    """
    prepared = run.prepare(image, pixel_size_um)
    opened = cover_boxes(judged.boxes[judged.probabilities >= threshold], judged.shape)
    # In the network's pixels, so that the grid of its features is that of the whole image
    seen = rescale_labels(opened.astype(np.int32), prepared.shape[:2]) > 0
    regions = bound_regions(seen, gate.settings.margin_px, ALIGNMENT_PX)
    found = []
    for y0, x0, y1, x1 in regions:
        part = run.detector.detect(prepared[y0:y1, x0:x1]).moved(float(y0), float(x0))
        centre = ((part.boxes[:, :2] + part.boxes[:, 2:]) / 2).astype(int)
        centre = np.minimum(centre, np.array(seen.shape) - 1)
        found.append(part.chosen(seen[tuple(centre.T)]))
    looked_at = ((regions[:, 2:] - regions[:, :2]).prod(axis=1)).sum() / seen.size
    return Detections.joined(found).scaled(1 / run.scale(pixel_size_um)), float(looked_at)
