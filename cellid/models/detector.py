"""A detector on images: from the answers of the network to detections."""

from collections.abc import Sequence

import numpy as np
from keras import ops
from numpy.typing import NDArray

from cellid.config import DetectionRuleSettings
from cellid.models.retinanet import ALIGNMENT_PX, SHIFT_WEIGHTS, RetinaNet
from cellid.nn.anchors import pyramid_anchors
from cellid.nn.boxes import clip_boxes, decode_boxes
from cellid.nn.nms import build_suppressor
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
        self._model = model
        self._rules = rules
        self._n_candidates = rules.candidates * len(model.levels)
        self._suppressor = build_suppressor(
            self._n_candidates, rules.max_iou, rules.min_distance_px, rules.max_detections
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
        shape = image.shape[:2]
        padding = [(0, -side % ALIGNMENT_PX) for side in shape]
        pixels = image.reshape(*shape, -1)
        batch = np.pad(pixels, [*padding, (0, 0)])[None]
        outputs = self._model(batch, training=False)
        logits, shifts = (
            ops.convert_to_numpy(ops.cast(outputs[name], "float32"))[0]
            for name in ("logits", "shifts")
        )
        levels = pyramid_anchors(self._model.anchors, self._model.levels, batch.shape[1:3])
        anchor, scores, classes = self._candidates(logits, [len(level) for level in levels])
        boxes = decode_boxes(shifts[anchor], np.concatenate(levels)[anchor], SHIFT_WEIGHTS)
        boxes = ops.convert_to_numpy(clip_boxes(boxes, shape))
        kept = self._kept(boxes, scores, classes)
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

    def _kept(
        self,
        boxes: NDArray[np.float32],
        scores: NDArray[np.float32],
        classes: NDArray[np.int32],
    ) -> NDArray[np.int32]:
        """Return the indices of candidates that suppress leaves."""
        missing = self._n_candidates - len(scores)
        padded = (
            np.pad(boxes, [(0, missing), (0, 0)]),
            np.pad(scores, (0, missing), constant_values=-np.inf),
            np.pad(classes, (0, missing)),
        )
        kept = self._suppressor.predict_on_batch([array[None] for array in padded])[0]
        return kept[kept >= 0]
