"""A Mask R-CNN taken apart: what each of its parts hands on, and how that looks in an image.

The network is three graphs, one after the other: from the image to what stages, and attention, hand
to the pyramid; the pyramid; the proposals. They share the layers of the network, so together
they give what it gives, and what passes between them can be replaced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import keras
import numpy as np
from keras import KerasTensor, ops
from numpy.typing import NDArray

from cellid.explain.gradcam import find_stride, spread_heat
from cellid.models.detector import pad_image
from cellid.models.mask_rcnn import ATTENTION, MaskRcnn
from cellid.models.mask_rcnn_losses import of_class
from cellid.nn.resnet import STAGES
from cellid.types import Detections, Frame

PROPOSALS, BOX_HEAD, MASK_HEAD = "rpn", "box_head", "mask_head"
CHANNELS, PLACES = "_channels", "_places"  # weights that attention gives, after its name

_AT_ONCE = 64  # boxes, so that few numbers of them are compiled for

Floats = NDArray[np.float32]
Kind = Literal["stage", "attention", "level", "proposals", "boxes", "masks"]


class Part(NamedTuple):
    """A part of the network: its name, and what it is."""

    name: str
    kind: Kind


@dataclass(frozen=True, eq=False)
class Seen:
    """What the network made of an image before boxes are looked at.

    Attributes
    ----------
    shape, padded_shape : (int, int)
        Rows and columns of the image, as it is and as the network saw it.
    tensors : dict of str to (1, Y, X, C) tensor
        What each stage and each attention hands on; and the latter's weights of
        channels (1, 1, 1, C) and of places (1, Y, X, 1), named with `CHANNELS` and `PLACES`.
    pyramid : dict of str to (1, Y, X, C) tensor
        Levels, finest first.
    outputs : dict of str to tensor
        As from the network.
    """

    shape: tuple[int, int]
    padded_shape: tuple[int, int]
    tensors: Mapping[str, KerasTensor]
    pyramid: Mapping[str, KerasTensor]
    outputs: Mapping[str, KerasTensor]


class Anatomy:
    """A Mask R-CNN in parts.

    Attributes
    ----------
    attention : tuple of str
        Names of the attention of each stage; none in a network without.
    levels : tuple of str
        Names of the pyramid's levels, finest first.
    """

    def __init__(self, model: MaskRcnn) -> None:
        self._model = model
        has_attention = model.settings.attention
        self.attention = tuple(f"{ATTENTION}{stage}" for stage in STAGES if has_attention)
        self.levels = tuple(f"p{level}" for level in model.settings.levels)
        seen = {stage: model.get_layer(stage).output for stage in STAGES}
        for name in self.attention:
            seen[name] = model.get_layer(f"{name}_by_place").output
            for weights in (CHANNELS, PLACES):
                seen[name + weights] = model.get_layer(name + weights).output
        pyramid = {
            name: model.output[name] if name in model.output else _pooled_level(model, name)
            for name in self.levels
        }
        answers = {name: model.output[name] for name in ("objectness", "shifts")}
        self._backbone = keras.Model(model.input, seen)
        self._pyramid = keras.Model([seen[name] for name in self.handing], pyramid)
        self._proposals = keras.Model(list(pyramid.values()), answers)

    @property
    def handing(self) -> tuple[str, ...]:
        """Names of what hands features to the pyramid: attention, or stages without it."""
        return self.attention or STAGES

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts, in the order in which an image goes through them."""
        return (
            *(Part(stage, "stage") for stage in STAGES),
            *(Part(name, "attention") for name in self.attention),
            *(Part(level, "level") for level in self.levels),
            Part(PROPOSALS, "proposals"),
            Part(BOX_HEAD, "boxes"),
            Part(MASK_HEAD, "masks"),
        )

    def look(self, image: Frame) -> Seen:
        """Return what the network makes of an image (Y, X) or (Y, X, C), as it was trained on."""
        batch = pad_image(image)
        tensors = self._backbone(batch, training=False)
        pyramid = self.build_pyramid([tensors[name] for name in self.handing])
        shape, padded_shape = (image.shape[0], image.shape[1]), batch.shape[1:3]
        return Seen(shape, padded_shape, tensors, pyramid, self.answer(pyramid))

    def build_pyramid(self, handed: Sequence[KerasTensor]) -> dict[str, KerasTensor]:
        """Return the pyramid over what the names in `handing` hand to it."""
        return dict(self._pyramid(list(handed), training=False))

    def answer(self, pyramid: Mapping[str, KerasTensor]) -> dict[str, KerasTensor]:
        """Return what the network answers from its pyramid."""
        answers = self._proposals([pyramid[name] for name in self.levels], training=False)
        read = {name: pyramid[name] for name in self.levels if name in self._model.output}
        return {**answers, **read}

    def activations(self, seen: Seen, found: Detections) -> dict[str, Floats]:
        """Return what each part hands on, in the order of `parts`.

        Parameters
        ----------
        seen : Seen
        found : Detections
            Boxes that the heads are asked about, in pixels of the image.

        Returns
        -------
        dict of str to float32
            Of stages, attention and levels (Y, X, C). Of proposals the logits that there is an
            object (Y, X, A), an array a level, as ``rpn_p2``. Of the box head the last hidden
            layer (N, H), of the mask head the logits (N, m, m) of the class that was found.
        """
        features = {**seen.tensors, **seen.pyramid}
        values = {
            part.name: ops.convert_to_numpy(features[part.name])[0]
            for part in self.parts
            if part.name in features
        }
        logits, start = ops.convert_to_numpy(seen.outputs["objectness"])[0], 0
        anchors = self._model.anchors(seen.padded_shape)
        for level, of_level in zip(self.levels, anchors, strict=True):
            places = values[level].shape[:2]
            stop = start + len(of_level)
            values[f"{PROPOSALS}_{level}"] = logits[start:stop].reshape(*places, -1)
            start = stop
        values[BOX_HEAD], values[MASK_HEAD] = self._ask_heads(seen, found)
        return values

    def _ask_heads(self, seen: Seen, found: Detections) -> tuple[Floats, Floats]:
        model, n = self._model, len(found)
        missing = -n % _AT_ONCE or (0 if n else _AT_ONCE)
        boxes = np.pad(found.boxes, [(0, missing), (0, 0)])[None]
        classes = np.pad(1 + found.classes, (0, missing))[None]
        vectors = model.features(seen.outputs, boxes, model.settings.box_side)
        vectors = ops.reshape(vectors, (boxes.shape[1], -1))
        for name in ("fc6", "fc7"):
            vectors = model.find_layer(f"roi_heads_box_head_{name}")(vectors)
        logits = of_class(model.draw(seen.outputs, boxes), classes)[0]
        return ops.convert_to_numpy(vectors)[:n], ops.convert_to_numpy(logits)[:n]


def weigh_channels_of(seen: Seen, name: str) -> Floats:
    """Return how much the attention of that name lets each channel pass, (C,) from 0 to 1."""
    return ops.convert_to_numpy(seen.tensors[name + CHANNELS]).ravel()


def show_activations(
    activations: Mapping[str, Floats], seen: Seen, found: Detections
) -> dict[str, Frame]:
    """Bring what parts hand on back to the image.

    Channels are averaged, without their signs. Of proposals and masks it is the probability:
    of the surest anchor of a place, and of the object in its box. The box head's boxes are
    filled with the mean of their vectors; where boxes overlap, the highest value shows.

    Parameters
    ----------
    activations : mapping of str to float32
        From `Anatomy.activations`.
    seen : Seen
    found : Detections
        As given there.

    Returns
    -------
    dict of str to (Y, X) float32
    """
    shown = {}
    for name, values in activations.items():
        if name == BOX_HEAD:
            cells = np.abs(values).mean(axis=1)[:, None, None]
            shown[name] = _paste(np.broadcast_to(cells, (len(values), 1, 1)), found, seen.shape)
        elif name == MASK_HEAD:
            shown[name] = _paste(_sigmoid(values), found, seen.shape)
        elif name.startswith(PROPOSALS):
            shown[name] = _spread(_sigmoid(values.max(axis=-1)), seen)
        else:
            shown[name] = _spread(np.abs(values).mean(axis=-1), seen)
    return shown


def show_attention(seen: Seen, name: str) -> Frame:
    """Return how much the attention of that name lets each place pass, (Y, X) from 0 to 1."""
    return _spread(ops.convert_to_numpy(seen.tensors[name + PLACES])[0, ..., 0], seen)


def _pooled_level(model: MaskRcnn, name: str) -> KerasTensor:
    return model.get_layer(f"fpn_pool{name[1:]}").output


def _spread(values: Floats, seen: Seen) -> Frame:
    stride_px = find_stride(seen.padded_shape[0], values.shape[0])
    spread = spread_heat(values[None], stride_px, seen.padded_shape)[0]
    return spread[: seen.shape[0], : seen.shape[1]]


def _sigmoid(logits: Floats) -> Floats:
    return ops.convert_to_numpy(ops.sigmoid(logits))


def _paste(cells: Floats, found: Detections, shape: tuple[int, int]) -> Frame:
    """Return the highest of the values (N, m, m) that fill boxes, 0 outside."""
    canvas = np.zeros(shape, np.float32)
    for (rows, columns), values in found.paste_cells(cells, shape):
        canvas[rows, columns] = np.maximum(canvas[rows, columns], values)
    return canvas
