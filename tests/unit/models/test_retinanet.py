"""RetinaNet: what it is charged for, that it learns, and what comes of its answers."""

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
from cellid.models.retinanet import build_retinanet, retinanet_losses
from cellid.nn.anchors import pyramid_anchors
from cellid.nn.resnet import freeze

SHAPE = (32, 64)
ANCHORS = AnchorSettings(sizes=((8, 12), (16, 24)), ratios=(1.0,))
LEVELS = (2, 3)
RANDOM = np.random.default_rng(0)
ALL = np.concatenate(pyramid_anchors(ANCHORS, LEVELS, SHAPE))
TRUTH = np.array([[4, 4, 12, 13], [2, 30, 20, 47], [0, 0, 0, 0]], np.float32)


def batch(**changes) -> dict:
    """Return two images with two objects and a padded row, and with none."""
    return {
        "boxes": np.stack([TRUTH, np.zeros_like(TRUTH)]),
        "valid": np.array([[True, True, False], [False] * 3]),
        "classes": np.array([[0, 1, 0], [0, 0, 0]], np.int32),
        **changes,
    }


def answers() -> dict:
    return {
        "logits": RANDOM.normal(-2, 2, (2, len(ALL), 2)).astype(np.float32),
        "shifts": RANDOM.normal(0, 0.3, (2, len(ALL), 4)).astype(np.float32),
    }


def losses(outputs: dict, truth: dict, **settings) -> dict[str, float]:
    parts = retinanet_losses(outputs, truth, ALL, DetectorLossSettings(**settings))
    return {name: float(value) for name, value in parts.items()}


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """A small network whose backbone is held, to be quick."""
    network = DetectorNetworkSettings(finest_level=2, coarsest_level=3, filters=8)
    loss = DetectorLossSettings(repulsion_weight=0.5)
    model = build_retinanet(network, ANCHORS, loss, n_channels=1, n_classes=2)
    freeze(model, 5)
    model.compile(optimizer=keras.optimizers.Adam(1e-2), jit_compile=False)
    return model


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """A bright box for each object."""
    images = RANDOM.normal(0, 0.1, (2, *SHAPE, 1)).astype(np.float32)
    images[0, 4:12, 4:13] += 1
    images[0, 2:20, 30:47] += 2
    return images


def test_before_training_an_object_is_as_rare_as_the_prior_says(
    model: keras.Model, images: np.ndarray
) -> None:
    outputs = model(images)
    assert outputs["logits"].shape == (2, len(ALL), 2)
    assert outputs["shifts"].shape == (2, len(ALL), 4)
    scores = keras.ops.sigmoid(outputs["logits"])
    np.testing.assert_allclose(scores, 0.01, rtol=0.05)
    assert len(Detector(model, DetectionRuleSettings(candidates=5)).detect(images[0])) == 0


def test_training_brings_the_loss_down(model: keras.Model, images: np.ndarray) -> None:
    first = model.train_on_batch(images, batch(), return_dict=True)
    for _ in range(8):
        last = model.train_on_batch(images, batch(), return_dict=True)
    assert {"classification", "boxes", "repulsion", "loss"} == set(last)
    assert last["loss"] < 0.95 * first["loss"]


def test_a_perfect_answer_costs_nothing_and_an_empty_image_nothing_but_its_scores() -> None:
    anchors = np.concatenate([ALL, TRUTH[:2]])
    logits = np.full((2, len(anchors), 2), -30, np.float32)
    logits[0, -2, 0] = logits[0, -1, 1] = 30
    outputs = {"logits": logits, "shifts": np.zeros((2, len(anchors), 4), np.float32)}
    settings = DetectorLossSettings(positive_iou=1.0, negative_iou=1.0)
    parts = retinanet_losses(outputs, batch(), anchors, settings)
    np.testing.assert_allclose(list(parts.values()), 0, atol=1e-6)


def test_padding_and_the_order_of_objects_change_nothing() -> None:
    outputs, weights = answers(), {"context_weight": 1.0, "repulsion_weight": 1.0}
    truth = batch(implausibility=RANDOM.random((2, *SHAPE)))
    before = losses(outputs, truth, **weights)
    order = [2, 1, 0]
    for name in ("boxes", "valid", "classes"):
        truth[name] = np.pad(truth[name][:, order], [(0, 0), (1, 2)] + [(0, 0)] * (name == "boxes"))
    assert losses(outputs, truth, **weights) == pytest.approx(before, rel=1e-5)


def test_the_context_counts_false_answers_in_proportion() -> None:
    outputs, far = answers(), np.zeros((2, *SHAPE), np.float32)
    far[:, 24:] = 1
    plain = losses(outputs, batch())
    at_hand = losses(outputs, batch(implausibility=far), context_weight=2.0)
    further = losses(outputs, batch(implausibility=3 * far), context_weight=2.0)
    nowhere = losses(outputs, batch(implausibility=0 * far), context_weight=2.0)
    assert at_hand["classification"] == plain["classification"]
    assert 0 < at_hand["context"] < 2 * plain["classification"]
    assert further["context"] == pytest.approx(3 * at_hand["context"])
    assert nowhere["context"] == 0
    # A sure answer at an object is not charged, wherever it is
    object_there = batch(implausibility=far)
    object_there["boxes"] = object_there["boxes"] + np.float32([18, 0, 18, 0])
    only = {**outputs, "logits": np.full_like(outputs["logits"], -30)}
    only["shifts"] = np.zeros_like(only["shifts"])
    only["logits"][0, (np.abs(ALL - object_there["boxes"][0, 0]).max(axis=1) < 2.5)] = 5
    assert losses(only, object_there, context_weight=1.0)["context"] == pytest.approx(0, abs=1e-6)


def test_scores_where_nobody_knows_are_not_charged() -> None:
    outputs, unknown = answers(), np.zeros((2, *SHAPE), np.float32)
    plain = losses(outputs, batch())
    assert losses(outputs, batch(unknown=unknown)) == plain
    unknown[:] = 1
    nothing_known = losses(outputs, batch(unknown=unknown))
    assert nothing_known["boxes"] == plain["boxes"]  # what was drawn is there all the same
    assert 0 < nothing_known["classification"] < plain["classification"]
    unknown[:, :, 32:] = 0
    half = losses(outputs, batch(unknown=unknown))["classification"]
    assert nothing_known["classification"] < half < plain["classification"]


def test_detections_come_from_the_levels_anchors(model: keras.Model, images: np.ndarray) -> None:
    rules = DetectionRuleSettings(min_score=0.0, candidates=20, max_iou=1.0, max_detections=40)
    grey = images[0, :30, :50, 0]
    found = Detector(model, rules).detect(grey)
    assert len(found) == 40
    assert (np.diff(found.scores) <= 0).all()
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [30, 50, 30, 50]).all()
    spaced = rules.model_copy(update={"min_distance_px": 6.0})
    found = Detector(model, spaced).detect(grey)
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    near = np.linalg.norm(centres[:, None] - centres, axis=-1) < 6
    near &= found.classes[:, None] == found.classes
    assert 1 < len(found) < 40
    assert (near == np.eye(len(found), dtype=bool)).all()
