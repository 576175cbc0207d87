"""torchvision's weights of ``maskrcnn_resnet50_fpn`` in a Mask R-CNN."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import keras
import numpy as np

from cellid.io.pretrained_files import locate
from cellid.io.state_dict import StateDict, read_state_dict
from cellid.models.mask_rcnn import MaskRcnn
from cellid.models.pretrained import (
    COUNT,
    Array,
    Place,
    assign_weights,
    backbone_places,
    kernel_in_keras_order,
)

# Names of torchvision before version 0.13, in which its files of COCO are written: those of today
_RENAMED = (
    (re.compile(r"(backbone\.fpn\.(?:inner|layer)_blocks\.\d)\.(weight|bias)"), r"\1.0.\2"),
    (re.compile(r"rpn\.head\.conv\.(weight|bias)"), r"rpn.head.conv.0.0.\1"),
)
_OLD_MASK_LAYER = re.compile(r"roi_heads\.mask_head\.mask_fcn(\d)\.(weight|bias)")

# torchvision's name of a layer: ours
_LAYERS = {
    **{
        f"backbone.fpn.{blocks}.{i}.0": f"fpn_{blocks}_{i}_0"
        for blocks in ("inner_blocks", "layer_blocks")
        for i in range(4)
    },
    "rpn.head.conv.0.0": "rpn_head_conv_0_0",
    "rpn.head.cls_logits": "rpn_head_cls_logits",
    "rpn.head.bbox_pred": "rpn_head_bbox_pred",
    "roi_heads.box_head.fc6": "roi_heads_box_head_fc6",
    "roi_heads.box_head.fc7": "roi_heads_box_head_fc7",
    **{f"roi_heads.mask_head.{i}.0": f"roi_heads_mask_head_{i}_0" for i in range(4)},
}
# The same of what is replaced for other classes
_PREDICTORS = {
    "roi_heads.box_predictor.cls_score": "roi_heads_box_predictor_cls_score",
    "roi_heads.box_predictor.bbox_pred": "roi_heads_box_predictor_bbox_pred",
    "roi_heads.mask_predictor.conv5_mask": "roi_heads_mask_predictor_conv5_mask",
    "roi_heads.mask_predictor.mask_fcn_logits": "roi_heads_mask_predictor_mask_fcn_logits",
}
_BACKBONE = "backbone.body."
_SHIFTS = "bbox_pred"
_FLATTENED = "roi_heads.box_head.fc6"

_YX = [1, 0, 3, 2]  # torchvision puts x first


def load_mask_rcnn_weights(model: MaskRcnn, source: str | Path) -> bool:
    """Put torchvision's weights into a model.

    Where the file is of another number of classes, the layers that answer (torchvision's box and
    mask predictors) stay as they are. Batch norm in these files is run with no ε, as
    torchvision runs them; a factor on its weights makes up for ours. The first
    convolution is summed for grey images, as by `load_backbone_weights`.

    Parameters
    ----------
    model : MaskRcnn
        Of a ResNet-50 without attention, with three anchors a place.
    source : str or Path
        A file (``.pth``, ``.safetensors``) of ``maskrcnn_resnet50_fpn``, of old names or new;
        or a name of `cellid.io.pretrained_files.PRETRAINED`, which is fetched.

    Returns
    -------
    bool
        Whether the layers that answer came with it.

    Raises
    ------
    CellidError
        If the file cannot be had or read, or is of another network; the model stays as it was.
    """
    path = locate(source)
    weights = {
        _current_name(name): array
        for name, array in read_state_dict(path).items()
        if not name.endswith(COUNT)
    }
    weights = _without_epsilon(weights, _norm_epsilon(model))
    score = weights.get("roi_heads.box_predictor.cls_score.bias")
    same_classes = score is None or score.shape == (1 + model.n_classes,)
    if not same_classes:
        weights = {
            name: array
            for name, array in weights.items()
            if name.rpartition(".")[0] not in _PREDICTORS
        }
    names = _LAYERS | _PREDICTORS if same_classes else _LAYERS
    assign_weights(weights, dict(_places(model, names)), path, "Mask R-CNN")
    return same_classes


def _places(model: MaskRcnn, names: dict[str, str]) -> Iterator[tuple[str, Place]]:
    """Yield torchvision's name and the place of each array of a model."""
    for name, place in backbone_places(model):
        yield f"{_BACKBONE}{name}", place
    for theirs, ours in names.items():
        layer = model.find_layer(ours)
        dense = isinstance(layer, keras.layers.Dense)
        for kind, variable in (("weight", layer.kernel), ("bias", layer.bias)):
            shape = tuple(variable.shape)
            if kind == "bias":
                convert: Callable[[Array], Array] = np.asarray
            elif theirs == _FLATTENED:
                side = model.settings.box_side
                convert = partial(_flattened_in_keras_order, side=side, shape=shape)
            elif dense:
                convert = np.transpose
            else:
                convert = partial(kernel_in_keras_order, shape=shape)
            if theirs.endswith(_SHIFTS):
                convert = partial(_y_first, then=convert)
            yield f"{theirs}.{kind}", Place(variable, convert)


def _current_name(name: str) -> str:
    """Return the name that torchvision gives an array today."""
    if old := _OLD_MASK_LAYER.fullmatch(name):
        return f"roi_heads.mask_head.{int(old[1]) - 1}.0.{old[2]}"
    for pattern, replacement in _RENAMED:
        name = pattern.sub(replacement, name) if pattern.fullmatch(name) else name
    return name


def _without_epsilon(weights: StateDict, epsilon: float) -> StateDict:
    """Return weights with which batch norm of ``epsilon`` does what it does without."""
    scaled = dict(weights)
    for name, variance in weights.items():
        weight = f"{name.removesuffix('running_var')}weight"
        if name.endswith(".running_var") and weight in weights:
            variance = variance.astype(np.float64)
            factor = np.sqrt(1 + epsilon / np.where(variance > 0, variance, np.inf))
            if weights[weight].shape == factor.shape:
                scaled[weight] = (weights[weight] * factor).astype(np.float32)
    return scaled


def _norm_epsilon(model: keras.Model) -> float:
    """Return the ε of a model's batch norms."""
    kind = keras.layers.BatchNormalization
    return next(layer.epsilon for layer in model.layers if isinstance(layer, kind))


def _flattened_in_keras_order(array: Array, side: int, shape: tuple[int, ...]) -> Array:
    """Bring a layer on flattened features from (O, C · Y · X) to (Y · X · C, O)."""
    if array.T.shape != shape:
        return array
    return array.reshape(len(array), -1, side, side).transpose(2, 3, 1, 0).reshape(shape)


def _y_first(array: Array, then: Callable[[Array], Array]) -> Array:
    """Bring the outputs of shifts, the first axis, from x to y first; and ``then`` convert."""
    if len(array) % 4:
        return array
    return then(array.reshape(-1, 4, *array.shape[1:])[:, _YX].reshape(array.shape))
