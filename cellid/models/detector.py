"""A detector on images: from the answers of the network to detections."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from cellid.config import DetectionRuleSettings
from cellid.imaging.geometry import rescale_frame, scaled_shape
from cellid.imaging.patches import scale_intensity
from cellid.models.classifier import standardise
from cellid.models.retinanet import ALIGNMENT_PX, SHIFT_WEIGHTS, RetinaNet, build_retinanet
from cellid.models.run import check_channels, load_weights
from cellid.nn.anchors import pyramid_anchors
from cellid.nn.boxes import clip_boxes, decode_boxes
from cellid.nn.nms import Suppressor
from cellid.runs import DetectorConfig, ObjectConfig, read_detector_config
from cellid.types import Detections, Frame


class Detector:
    """Finds objects in images of any size.

    Parameters
    ----------
    model : RetinaNet
    rules : DetectionRuleSettings
        Which answers are detections.
    """

    def __init__(self, model: RetinaNet, rules: DetectionRuleSettings) -> None:
        if not model.compiled:
            model.jit_compile = False  # XLA would compile for every shape of an image
        self._model = model
        self._rules = rules
        n_candidates = rules.candidates * len(model.levels)
        self._suppressor = Suppressor(
            n_candidates, rules.max_iou, rules.min_distance_px, rules.max_detections
        )

    def detect(self, image: Frame) -> Detections:
        """Return the objects found in an image.

        Parameters
        ----------
        image : (Y, X) or (Y, X, C) float32
            As the network was trained on.

        Returns
        -------
        Detections
            The surest first, their boxes within the image.
        """
        batch = pad_image(image)
        # As a graph, whose convolutions run with what follows them: half the time on a CPU
        outputs = self._model.predict_on_batch(batch)
        logits, shifts = (outputs[name][0].astype(np.float32) for name in ("logits", "shifts"))
        levels = pyramid_anchors(self._model.anchors, self._model.levels, batch.shape[1:3])
        anchor, scores, classes = self._candidates(logits, [len(level) for level in levels])
        boxes = decode_boxes(shifts[anchor], np.concatenate(levels)[anchor], SHIFT_WEIGHTS)
        boxes = ops.convert_to_numpy(clip_boxes(boxes, image.shape[:2]))
        kept = self._suppressor.kept(boxes, scores, classes)
        return Detections(boxes[kept], scores[kept], classes[kept])

    def _candidates(
        self, logits: NDArray[np.float32], level_sizes: Sequence[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int32]]:
        """Return anchor, score and class of the surest answers of each level."""
        scores = ops.convert_to_numpy(ops.sigmoid(logits))
        n_classes = scores.shape[1]
        surest, start = [], 0
        for size in level_sizes:
            of_level = scores[start : start + size].ravel()
            sure = np.flatnonzero(of_level > self._rules.min_score)
            sure = sure[np.argsort(-of_level[sure], kind="stable")[: self._rules.candidates]]
            surest.append(start * n_classes + sure)
            start += size
        index = np.concatenate(surest)
        anchor, label = np.divmod(index, n_classes)
        return anchor, scores.ravel()[index], label.astype(np.int32)


def pad_image(image: Frame) -> NDArray[np.float32]:
    """Return a batch (1, Y, X, C) of one image, its sides multiples of `ALIGNMENT_PX`."""
    padding = [(0, -side % ALIGNMENT_PX) for side in image.shape[:2]]
    pixels = image.reshape(*image.shape[:2], -1)
    return np.pad(pixels, [*padding, (0, 0)])[None]


@dataclass(frozen=True)
class ObjectRun(ABC):
    """What the trained detectors of boxes and of outlines have in common."""

    folder: Path
    config: ObjectConfig
    model: keras.Model

    @abstractmethod
    def find(self, prepared: Frame) -> Detections:
        """Return the objects in a prepared image, all that are surer than ``min_score``."""

    def prepare(self, image: NDArray[Any], pixel_size_um: float | None) -> Frame:
        """Return an image as the network wants it, float32 from -1 to 1.

        Where the pixel sizes of the training images and of this one are both known, it is
        brought to theirs.

        Raises
        ------
        CellidError
            If the image has other channels than the training images.
        """
        check_channels(image, self.config.n_channels, "the objects")
        scaled = scale_intensity(image, self.config.recipe.objects.scaling)
        shape = scaled_shape(image.shape, self.scale(pixel_size_um))
        return standardise(rescale_frame(scaled, shape))

    def scale(self, pixel_size_um: float | None) -> float:
        """Return network pixels a pixel of an image of ``pixel_size_um``."""
        trained, scale = self.config.pixel_size_um, self.config.recipe.objects.scale
        if trained is None or pixel_size_um is None:
            return scale
        return scale * pixel_size_um / trained

    def detect(self, image: NDArray[Any], pixel_size_um: float | None = None) -> Detections:
        """Return the objects found in an image as it was taken, surer than ``min_score``.

        Parameters
        ----------
        image : (Y, X) or (Y, X, C) array
        pixel_size_um : float or None

        Returns
        -------
        Detections
            In pixels of the image, the surest first.
        """
        return self.find(self.prepare(image, pixel_size_um)).scaled(1 / self.scale(pixel_size_um))


@dataclass(frozen=True)
class DetectorRun(ObjectRun):
    """A trained detector of boxes with its settings."""

    config: DetectorConfig
    model: RetinaNet

    def find(self, prepared: Frame) -> Detections:
        """Return the objects in a prepared image, all that are surer than ``min_score``."""
        return self.detector.detect(prepared)

    @cached_property
    def detector(self) -> Detector:
        """What finds objects in prepared images."""
        return Detector(self.model, self.config.recipe.predict)


def load_detector(folder: Path) -> DetectorRun:
    """Load a trained detector from its run folder; no code in the folder is executed.

    Raises
    ------
    CellidError
        If the folder is no finished run, of another task, or its weights are missing, damaged
        or of another network.
    """
    config = read_detector_config(folder)
    recipe = config.recipe
    model = build_retinanet(recipe.model, config.anchors, recipe.train.loss, config.n_channels, 1)
    load_weights(model, folder)
    return DetectorRun(folder, config, model)
