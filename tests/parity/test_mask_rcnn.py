"""Mask R-CNN and its parts against torchvision's (`fixtures/make_mask_rcnn.py`)."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from cellid.config import (
    DetectionRuleSettings,
    ProposalSettings,
    SampleSettings,
    TransferMaskRcnnSettings,
)
from cellid.errors import CellidError
from cellid.io.state_dict import StateDict
from cellid.models.detector import pad_image
from cellid.models.mask_detector import MaskDetector
from cellid.models.mask_rcnn import MaskRcnn, build_mask_rcnn
from cellid.models.pretrained_mask_rcnn import load_mask_rcnn_weights
from cellid.nn.roi_align import roi_align

from .fixtures.mask_rcnn_case import (
    ANCHOR_SAMPLES,
    BOX_SAMPLES,
    CANDIDATES,
    DETECTIONS,
    FINEST,
    IMAGE_SHAPE,
    LABELS,
    N_CLASSES,
    POSITIVE_BOXES,
    PROPOSALS,
    ROI_SIDES,
    SHAPE,
    draw_cells,
    draw_objects,
    draw_pyramid,
    draw_pyramid_boxes,
    draw_weight,
)
from .fixtures.state_dicts import write_safetensors

FIXTURE = np.load(Path(__file__).parent / "fixtures" / "mask_rcnn.npz")
SETTINGS = TransferMaskRcnnSettings(
    proposals=ProposalSettings(
        train_candidates=CANDIDATES, train_proposals=PROPOSALS, proposals=PROPOSALS
    ),
    anchor_samples=SampleSettings(samples=ANCHOR_SAMPLES),
    box_samples=SampleSettings(
        positive_iou=0.5,
        negative_iou=0.5,
        samples=BOX_SAMPLES,
        positive_share=POSITIVE_BOXES / BOX_SAMPLES,
    ),
)
CLOSE = {"rtol": 0, "atol": 1e-3}
HEADS = ("roi_heads_box_head_fc6", "roi_heads_box_head_fc7", "roi_heads_mask_head_3_0")
PREDICTORS = (
    "roi_heads_box_predictor_cls_score",
    "roi_heads_box_predictor_bbox_pred",
    "roi_heads_mask_predictor_conv5_mask",
    "roi_heads_mask_predictor_mask_fcn_logits",
)


def array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("side", ROI_SIDES)
def test_features_of_boxes(side: int) -> None:
    features = array(roi_align(draw_pyramid(), FINEST, draw_pyramid_boxes(), side))
    theirs = FIXTURE[f"aligned {side}"].reshape(features.shape)
    np.testing.assert_allclose(features, theirs, rtol=0, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the gradient is TensorFlow's")
def test_gradients_of_features() -> None:
    import tensorflow as tf

    pyramid = [tf.constant(level) for level in draw_pyramid()]
    with tf.GradientTape() as tape:
        tape.watch(pyramid)
        features = roi_align(pyramid, FINEST, draw_pyramid_boxes(), ROI_SIDES[-1])
        loss = tf.reduce_sum(tf.square(features))
    for i, gradient in enumerate(tape.gradient(loss, pyramid)):
        theirs = FIXTURE[f"gradient {i}"]
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(gradient / scale, theirs / scale, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def weights() -> StateDict:
    """Return torchvision's parameters, by the rule."""
    shapes = json.loads(str(FIXTURE["shapes"]))
    return {name: draw_weight(name, tuple(shape)) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def loaded(weights: StateDict, tmp_path_factory: pytest.TempPathFactory) -> MaskRcnn:
    model = build_mask_rcnn(SETTINGS, n_channels=3, n_classes=N_CLASSES, seed=0)
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    write_safetensors(path, weights)
    assert load_mask_rcnn_weights(model, path)
    return model


def test_detections(loaded: MaskRcnn) -> None:
    rules = DetectionRuleSettings(candidates=CANDIDATES, max_detections=DETECTIONS)
    detector = MaskDetector(loaded, rules)
    image = draw_cells(IMAGE_SHAPE, seed=0)
    batch = pad_image(image)
    proposals, _ = detector.propose(loaded(batch, training=False), batch.shape[1:3], IMAGE_SHAPE)
    np.testing.assert_allclose(proposals, FIXTURE["proposals"], **CLOSE)

    found = detector.detect(image)
    np.testing.assert_allclose(found.boxes, FIXTURE["detected boxes"], **CLOSE)
    np.testing.assert_allclose(found.scores, FIXTURE["detected scores"], **CLOSE)
    np.testing.assert_array_equal(1 + found.classes, FIXTURE["detected labels"])
    np.testing.assert_allclose(found.masks, FIXTURE["detected masks"], **CLOSE)


def test_losses(loaded: MaskRcnn) -> None:
    images = np.stack([draw_cells(SHAPE, seed) for seed in (0, 1)])
    labels, boxes = draw_objects()
    truth = {
        "boxes": boxes,
        "valid": np.ones(len(boxes), bool),
        "classes": np.array(LABELS, np.int32),
        "labels": labels,
        "numbers": np.arange(1, len(boxes) + 1, dtype=np.int32),
    }
    truth = {name: np.stack([values, 0 * values]) for name, values in truth.items()}
    loaded.compute_loss(images, truth, loaded(images, training=False))
    losses = {metric.name: float(metric.result()) for metric in loaded.metrics}
    for ours, theirs in (
        ("objectness", "objectness"),
        ("proposal_boxes", "rpn_box_reg"),
        ("classification", "classifier"),
        ("boxes", "box_reg"),
        ("masks", "mask"),
    ):
        assert losses[ours] == pytest.approx(FIXTURE[f"loss_{theirs}"], rel=1e-4), ours


def test_other_classes_keep_new_predictors_and_old_names_are_known(
    weights: StateDict, loaded: MaskRcnn, tmp_path: Path
) -> None:
    old = {}
    for name, numbers in weights.items():
        for i in range(4):
            name = name.replace(f"mask_head.{i}.0", f"mask_head.mask_fcn{i + 1}")
            name = name.replace(f"_blocks.{i}.0", f"_blocks.{i}")
        old[name.replace("conv.0.0", "conv")] = numbers
    assert {"roi_heads.mask_head.mask_fcn4.bias", "rpn.head.conv.weight"} < old.keys()
    old["backbone.body.bn1.running_var"] = np.full(64, 1e-6, np.float32)
    path = tmp_path / "old.safetensors"
    write_safetensors(path, old)
    keras.utils.set_random_seed(0)
    model = build_mask_rcnn(SETTINGS, n_channels=1, n_classes=N_CLASSES + 1, seed=0)
    fresh = {name: model.find_layer(name).get_weights() for name in PREDICTORS}
    assert not load_mask_rcnn_weights(model, path)

    for name, before in fresh.items():
        for here, there in zip(model.find_layer(name).get_weights(), before, strict=True):
            np.testing.assert_array_equal(here, there)
    for name in ("layer4_2_conv3", "fpn_layer_blocks_3_0", "rpn_head_conv_0_0", *HEADS):
        for here, there in zip(
            model.find_layer(name).get_weights(), loaded.find_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(here, there)
    grey, colour = (x.find_layer("conv1").get_weights()[0] for x in (model, loaded))
    np.testing.assert_allclose(grey, colour.sum(axis=2, keepdims=True), atol=1e-6)
    # batch norm is run without ε
    norm = model.find_layer("bn1")
    scale = array(norm.gamma) / np.sqrt(array(norm.moving_variance) + norm.epsilon)
    np.testing.assert_allclose(scale, weights["backbone.body.bn1.weight"] * 1e3, rtol=1e-4)


def test_weights_of_another_network_change_nothing(
    weights: StateDict, loaded: MaskRcnn, tmp_path: Path
) -> None:
    changed = {name: numbers + 1 for name, numbers in weights.items()}
    changed["roi_heads.box_head.fc6.weight"] = np.ones((1024, 256), np.float32)
    changed["rpn.head.bbox_pred.weight"] = np.ones((6, 256, 1, 1), np.float32)
    del changed["backbone.fpn.inner_blocks.2.0.bias"]
    path = tmp_path / "other.safetensors"
    write_safetensors(path, changed)
    before = loaded.get_weights()
    with pytest.raises(CellidError) as told:
        load_mask_rcnn_weights(loaded, path)
    assert told.value.got == (
        "missing: backbone.fpn.inner_blocks.2.0.bias; of another shape: "
        "rpn.head.bbox_pred.weight (6, 256, 1, 1), roi_heads.box_head.fc6.weight (1024, 256)"
    )
    for now, was in zip(loaded.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, was)
