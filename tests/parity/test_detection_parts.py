"""Detection parts and RetinaNets against torchvision's (`fixtures/make_detection.py`)."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from cellid.config import (
    AnchorSettings,
    DetectionRuleSettings,
    DetectorLossSettings,
    DetectorNetworkSettings,
)
from cellid.models.detector import Detector
from cellid.models.retinanet import RetinaNet, build_retinanet, retinanet_losses
from cellid.nn.anchors import pyramid_anchors
from cellid.nn.boxes import decode_boxes, encode_boxes, match_anchors, pairwise_iou
from cellid.nn.nms import build_suppressor

from .fixtures.detection_case import (
    CANDIDATES,
    CODINGS,
    DETECTIONS,
    EVERY,
    IMAGE_SHAPE,
    LABELS,
    MAX_IOU,
    RATIOS,
    RULES,
    SHAPE,
    SIZES,
    VARIANTS,
    draw_weight,
)
from .fixtures.seeded_weights import draw_image

FIXTURE = np.load(Path(__file__).parent / "fixtures" / "detection.npz")
ANCHORS = AnchorSettings(sizes=SIZES, ratios=RATIOS, whole_px=True)
YX = [1, 0, 3, 2]  # torchvision puts x first
CLOSE = {"rtol": 0, "atol": 1e-4}

truth, found, others = (FIXTURE[name][:, YX] for name in ("truth", "found", "others"))


def array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def test_overlap() -> None:
    np.testing.assert_allclose(array(pairwise_iou(truth, found)), FIXTURE["overlap"], atol=1e-6)


@pytest.mark.parametrize("name", RULES)
def test_matching(name: str) -> None:
    valid = np.ones((1, len(truth)), bool)
    matched = match_anchors(found, truth[None], valid, *RULES[name])
    np.testing.assert_array_equal(array(matched)[0], FIXTURE[f"matched {name}"])


@pytest.mark.parametrize("name", CODINGS)
def test_coding_of_boxes(name: str) -> None:
    shifts = array(encode_boxes(truth, others, CODINGS[name]))
    np.testing.assert_allclose(shifts[:, YX], FIXTURE[f"shifts {name}"], **CLOSE)
    decoded = array(decode_boxes(3 * shifts, others, CODINGS[name]))
    np.testing.assert_allclose(decoded[:, YX], FIXTURE[f"decoded {name}"], rtol=1e-6, atol=1e-4)


def test_suppression() -> None:
    scores, classes = FIXTURE["scores"][None], FIXTURE["classes"][None].astype(np.int32)
    suppressor = build_suppressor(len(found), MAX_IOU, 0.0, len(found))
    (kept,) = suppressor.predict_on_batch([found[None], scores, classes])
    np.testing.assert_array_equal(kept[kept >= 0], FIXTURE["kept"])


@pytest.fixture(scope="module")
def loaded(request: pytest.FixtureRequest) -> tuple[str, RetinaNet]:
    """A variant, and a RetinaNet with weights by the rule."""
    network = DetectorNetworkSettings(backbone=request.param)
    model = build_retinanet(network, ANCHORS, DetectorLossSettings(), n_channels=3, n_classes=2)
    for name, shape in json.loads(str(FIXTURE[f"{request.param} shapes"])).items():
        weight = draw_weight(name, tuple(shape))
        if "bbox_reg" in name:
            weight = weight.reshape(-1, 4, *shape[1:])[:, YX].reshape(shape)
        if weight.ndim == 4:
            weight = weight.transpose(2, 3, 1, 0)
        layer, _, kind = name.removeprefix("backbone.").removeprefix("body.").rpartition(".")
        variable(model.get_layer(layer.replace(".", "_")), kind).assign(weight)
    return request.param, model


def variable(layer: keras.Layer, kind: str) -> keras.Variable:
    """Return the variable of a layer that PyTorch calls ``kind``."""
    if isinstance(layer, keras.layers.Conv2D):
        return {"weight": layer.kernel, "bias": layer.bias}[kind]
    return {
        "weight": layer.gamma,
        "bias": layer.beta,
        "running_mean": layer.moving_mean,
        "running_var": layer.moving_variance,
    }[kind]


@pytest.mark.parametrize("loaded", VARIANTS, indirect=True)
def test_network_anchors_and_losses(loaded: tuple[str, RetinaNet]) -> None:
    variant, model = loaded
    images = draw_image((2, 3, *SHAPE)).transpose(0, 2, 3, 1)
    names = [f"fpn_layer_blocks_{i}_0" for i in range(3)]
    names += ["fpn_extra_blocks_p6", "fpn_extra_blocks_p7"]
    pyramid = [model.get_layer(name).output for name in names]
    *levels, outputs = keras.Model(model.inputs, [*pyramid, model.outputs])(
        [images], training=False
    )
    for number, level in enumerate(levels, 3):
        here = array(level)[0, ..., ::EVERY]
        np.testing.assert_allclose(here, FIXTURE[f"{variant} P{number}"], **CLOSE)
    logits, shifts = outputs
    np.testing.assert_allclose(array(logits)[0], FIXTURE[f"{variant} cls_logits"], **CLOSE)
    here = array(shifts)[0][:, YX]
    np.testing.assert_allclose(here, FIXTURE[f"{variant} bbox_regression"], **CLOSE)

    anchors = np.concatenate(pyramid_anchors(ANCHORS, model.levels, SHAPE))
    np.testing.assert_allclose(anchors[:, YX], FIXTURE["resnet18 anchors"])

    boxes = FIXTURE["resnet18 truth"][:, YX]
    batch = {
        "boxes": np.stack([boxes, np.zeros_like(boxes)]),
        "valid": np.array([[True] * len(boxes), [False] * len(boxes)]),
        "classes": np.array([LABELS] * 2, np.int32),
    }
    losses = retinanet_losses(
        {"logits": logits, "shifts": shifts}, batch, anchors, DetectorLossSettings()
    )
    for ours, theirs in (("classification", "classification"), ("boxes", "bbox_regression")):
        assert float(losses[ours]) == pytest.approx(FIXTURE[f"{variant} loss {theirs}"], rel=1e-5)


@pytest.mark.parametrize("loaded", VARIANTS[:1], indirect=True)
def test_detections(loaded: tuple[str, RetinaNet]) -> None:
    variant, model = loaded
    rules = DetectionRuleSettings(candidates=CANDIDATES, max_iou=MAX_IOU, max_detections=DETECTIONS)
    image = draw_image((3, *IMAGE_SHAPE)).transpose(1, 2, 0)
    detections = Detector(model, rules).detect(image)
    theirs = {name: FIXTURE[f"{variant} detected {name}"] for name in ("boxes", "scores", "labels")}
    np.testing.assert_allclose(detections.boxes[:, YX], theirs["boxes"], rtol=0, atol=1e-3)
    np.testing.assert_allclose(detections.scores, theirs["scores"], **CLOSE)
    np.testing.assert_array_equal(detections.classes, theirs["labels"])
