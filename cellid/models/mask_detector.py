"""Mask R-CNN on images: from the answers of the network to detections with masks."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from cellid.config import DetectionRuleSettings
from cellid.models.detector import pad_image
from cellid.models.mask_rcnn import MaskRcnn
from cellid.models.mask_rcnn_losses import BOX_WEIGHTS, of_class
from cellid.nn.boxes import clip_boxes, decode_boxes
from cellid.nn.nms import Suppressor
from cellid.nn.proposals import proposal_candidates
from cellid.types import Detections, Frame

Answers = dict[str, NDArray[np.float32]]
"""What the network says of one image, as `cellid.models.mask_rcnn.build_mask_rcnn`."""

_SMALLEST_PX = 1e-2  # an object with a shorter side is none (torchvision's)
_DRAWN_AT_ONCE = 16  # masks, so that memory does not grow with their number


class MaskDetector:
    """Finds and draws objects in images of any size.

    Parameters
    ----------
    model : MaskRcnn
    rules : DetectionRuleSettings
        Which answers are detections; ``candidates`` is of proposals.
    """

    def __init__(self, model: MaskRcnn, rules: DetectionRuleSettings) -> None:
        if not model.compiled:
            model.jit_compile = False  # XLA would compile its convolutions for every shape
        self._model = model
        self._judge, self._artist = (_OnBoxes(model, head) for head in (model.look_at, model.draw))
        self._rules = rules
        settings = model.settings
        proposals = settings.proposals
        self._n_proposals = proposals.proposals
        self._proposer = Suppressor(
            rules.candidates * len(settings.levels), proposals.max_iou, 0.0, self._n_proposals
        )
        self._suppressor = Suppressor(
            self._n_proposals * model.n_classes,
            rules.max_iou,
            rules.min_distance_px,
            rules.max_detections,
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
            The surest first, their boxes within the image, with masks.
        """
        batch = pad_image(image)
        return self.find(self._model.predict_on_batch(batch), batch.shape[1:3], image.shape[:2])

    def find(
        self,
        outputs: Answers,
        padded_shape: tuple[int, int],
        image_shape: tuple[int, int],
        judged: bool = True,
        drawn: bool = True,
    ) -> Detections:
        """Return the objects that the network's answers to an image tell of, as `detect`.

        Parameters
        ----------
        outputs, padded_shape, image_shape
            As of `propose`.
        judged : bool
            Whether proposals are looked at a second time; else they are what is found, of the
            first class, as sure as they were proposed.
        drawn : bool
            Whether masks are drawn; else they fill their boxes.
        """
        proposals, logits = self.propose(outputs, padded_shape, image_shape)
        if judged:
            boxes, scores, classes = self._candidates(outputs, proposals, image_shape)
        else:
            scores = ops.convert_to_numpy(ops.sigmoid(logits))
            sure = scores > self._rules.min_score
            boxes, scores = proposals[sure], scores[sure]
            classes = np.zeros(len(boxes), np.int32)
        kept = self._suppressor.kept(boxes, scores, classes)
        boxes, classes = boxes[kept], classes[kept]
        side = self._model.settings.mask_output
        masks = (
            self._masks(outputs, boxes, classes)
            if drawn
            else np.ones((len(boxes), side, side), np.float32)
        )
        return Detections(boxes, scores[kept], classes, masks)

    def propose(
        self,
        outputs: Answers,
        padded_shape: tuple[int, int],
        image_shape: tuple[int, int],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the boxes of an image that are looked at a second time, the surest first.

        Parameters
        ----------
        outputs : dict
            As from the network, of one image.
        padded_shape, image_shape : (int, int)
            Rows and columns, as the network saw them and as they are.

        Returns
        -------
        boxes : (N, 4) float32
        logits : (N,) float32
            That there is an object.
        """
        candidates = proposal_candidates(
            outputs["objectness"],
            outputs["shifts"],
            self._model.anchors(padded_shape),
            image_shape,
            self._rules.candidates,
        )
        boxes, scores, levels = (ops.convert_to_numpy(values)[0] for values in candidates)
        kept = self._proposer.kept(boxes, scores, levels)
        return boxes[kept], scores[kept]

    def _candidates(
        self,
        outputs: Answers,
        proposals: NDArray[np.float32],
        image_shape: tuple[int, int],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
        """Return box, score and class of what proposals show."""
        n = len(proposals)
        proposals = np.pad(proposals, [(0, self._n_proposals - n), (0, 0)])[None]
        logits, shifts = (
            answer[0, :n].astype(np.float32)
            for answer in self._judge.predict_on_batch((outputs, proposals))
        )
        scores = ops.convert_to_numpy(ops.softmax(logits))[:, 1:]
        boxes = decode_boxes(shifts[:, 1:], proposals[0, :n, None], BOX_WEIGHTS)
        boxes = ops.convert_to_numpy(clip_boxes(boxes, image_shape))
        exists = np.min(boxes[..., 2:] - boxes[..., :2], axis=-1) >= _SMALLEST_PX
        proposal, label = np.nonzero((scores > self._rules.min_score) & exists)
        return boxes[proposal, label], scores[proposal, label], label.astype(np.int32)

    def _masks(
        self,
        outputs: Answers,
        boxes: NDArray[np.float32],
        classes: NDArray[np.int32],
    ) -> NDArray[np.float32]:
        """Return the masks (N, m, m) of boxes (N, 4), each of its own class."""
        side = self._model.settings.mask_output
        masks = [np.zeros((0, side, side), np.float32)]
        for start in range(0, len(boxes), _DRAWN_AT_ONCE):
            here = slice(start, start + _DRAWN_AT_ONCE)
            n = len(boxes[here])
            missing = _DRAWN_AT_ONCE - n
            padded = np.pad(boxes[here], [(0, missing), (0, 0)])[None]
            logits = self._artist.predict_on_batch((outputs, padded))
            own = of_class(logits, 1 + np.pad(classes[here], (0, missing))[None])
            drawn = ops.sigmoid(ops.cast(own, "float32"))
            masks.append(ops.convert_to_numpy(drawn)[0, :n])
        return np.concatenate(masks)


class _OnBoxes(keras.Model):
    """A head of a network on the features of boxes.

    XLA compiles it once for every shape of the pyramid, in about two seconds: on a CPU it then
    reads the features of a thousand boxes ten times as fast.
    """

    def __init__(self, network: MaskRcnn, head: Callable[[Any, Any], Any]) -> None:
        super().__init__(name="on_boxes")
        self._network, self._head = network, head
        self.compile(jit_compile=keras.backend.backend() != "torch")

    def call(self, inputs: tuple[Any, Any]) -> Any:
        return self._head(*inputs)
