"""Mask R-CNN: its size, what it is charged for, and that it learns."""

import keras
import numpy as np
import pytest

from cellid.config import (
    AnchorSettings,
    CustomMaskRcnnSettings,
    DetectionRuleSettings,
    MaskRcnnSettings,
    ProposalSettings,
    SampleSettings,
    TransferMaskRcnnSettings,
)
from cellid.models.mask_detector import MaskDetector
from cellid.models.mask_rcnn import MaskRcnn, build_mask_rcnn
from cellid.models.mask_rcnn_losses import (
    BOX_WEIGHTS,
    Judged,
    box_losses,
    judge,
    mask_loss,
    proposal_losses,
)
from cellid.nn.boxes import encode_boxes

SHAPE = (64, 96)
RANDOM = np.random.default_rng(0)
SMALL = {
    "anchors": AnchorSettings(sizes=((16,), (24,), (32,), (48,)), ratios=(1.0,)),
    "filters": 16,
    "proposals": ProposalSettings(train_candidates=40, train_proposals=30, proposals=20),
    "anchor_samples": SampleSettings(samples=24, fill=False),
    "box_samples": SampleSettings(positive_iou=0.5, negative_iou=0.5, samples=16),
    "hidden": 64,
    "mask_filters": 8,
}
N_STEPS, N_MOST = 240, 500
BOXES = np.array([[4, 4, 24, 25], [30, 40, 52, 80], [0, 0, 0, 0]], np.float32)


def array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def draw_labels() -> np.ndarray:
    """Return a disk numbered 3, and a bar numbered 8."""
    rows, columns = np.indices(SHAPE)
    labels = np.zeros(SHAPE, np.int32)
    labels[(rows - 13.5) ** 2 + (columns - 14) ** 2 < 110] = 3
    labels[30:52, 40:80] = 8
    return labels


def batch() -> dict:
    """Return the truth of two images: with two objects and a padded row, and with none."""
    return {
        "boxes": np.stack([BOXES, np.zeros_like(BOXES)]),
        "valid": np.array([[True, True, False], [False] * 3]),
        "classes": np.array([[0, 1, 0], [0, 0, 0]], np.int32),
        "labels": np.stack([draw_labels(), np.zeros(SHAPE, np.int32)]),
        "numbers": np.array([[3, 8, 0], [0, 0, 0]], np.int32),
    }


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """What the truth says, with noise."""
    images = RANDOM.normal(0, 0.1, (2, *SHAPE, 1)).astype(np.float32)
    images[0, ..., 0] += (draw_labels() == 3) + 2 * (draw_labels() == 8)
    return images


@pytest.fixture(scope="module")
def model() -> MaskRcnn:
    """A small network whose backbone is held, to be quick."""
    keras.utils.set_random_seed(0)
    model = build_mask_rcnn(CustomMaskRcnnSettings(**SMALL), n_channels=1, n_classes=2, seed=0)
    model.hold(5)
    calmer = keras.optimizers.schedules.CosineDecay(3e-3, N_STEPS)
    model.compile(optimizer=keras.optimizers.Adam(calmer), jit_compile=False)
    model.optimizer.build(model.trainable_variables)  # else the step is traced twice
    return model


@pytest.fixture(scope="module")
def history(model: MaskRcnn, images: np.ndarray) -> list[dict[str, float]]:
    """Losses of each step of a training of the model."""
    truth = batch()
    for name in ("boxes", "valid", "classes", "numbers"):  # a shape that other tests train on too
        padding = [(0, 0), (0, N_MOST - 3), *[(0, 0)] * (truth[name].ndim - 2)]
        truth[name] = np.pad(truth[name], padding)
    steps = []
    for _ in range(N_STEPS):
        model.reset_metrics()
        steps.append(model.train_on_batch(images, truth, return_dict=True))
    return steps


def test_training_brings_every_part_of_the_loss_down(history: list[dict[str, float]]) -> None:
    first, *_, last = history
    parts = {"objectness", "proposal_boxes", "classification", "boxes", "masks"}
    assert set(first) == {*parts, "loss"}
    assert first["objectness"] == pytest.approx(np.log(2), rel=0.1)
    assert last["loss"] == pytest.approx(sum(last[part] for part in parts), rel=1e-4)
    for part in parts - {"boxes"}:  # the first proposals are hardly objects, whose boxes cost
        assert last[part] < 0.5 * first[part]


@pytest.mark.usefixtures("history")
def test_what_was_learned_is_found_and_drawn(model: MaskRcnn, images: np.ndarray) -> None:
    rules = DetectionRuleSettings(min_score=0.5, max_detections=10)
    shape = (60, 90)  # is padded
    found = MaskDetector(model, rules).detect(images[0, : shape[0], : shape[1], 0])
    assert found.masks.shape == (2, 28, 28)
    assert set(found.classes) == {0, 1}
    for label, (window, inside) in zip(found.classes, found.paste_masks(shape), strict=True):
        full = np.zeros(shape, bool)
        full[window] = inside
        truth = draw_labels()[: shape[0], : shape[1]] == (3, 8)[label]
        assert (full & truth).sum() / (full | truth).sum() > 0.8
    nothing = MaskDetector(model, rules).detect(images[1, ..., 0])
    assert nothing.masks.shape == (0, 28, 28)


@pytest.mark.usefixtures("history")
def test_a_detector_takes_any_size_and_the_weights_of_the_moment(
    model: MaskRcnn, images: np.ndarray
) -> None:
    rules = DetectionRuleSettings(min_score=0.5, max_detections=10)
    kept = MaskDetector(model, rules)
    kept.detect(images[0, :32, :64, 0])  # whatever is compiled, it is for another size
    image = images[0, ..., 0]
    found, expected = kept.detect(image), MaskDetector(model, rules).detect(image)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3)
    np.testing.assert_allclose(found.masks, expected.masks, atol=1e-4)
    answer = model.find_layer("roi_heads_box_predictor_cls_score")
    weights = answer.get_weights()
    answer.set_weights([weights[0] * 0, np.float32([9, 0, 0])])
    assert len(kept.detect(image)) == 0
    answer.set_weights(weights)
    assert len(kept.detect(image)) == 2


@pytest.mark.parametrize("n_objects", [0, 1, 2])
def test_no_more_masks_are_drawn_than_objects_need_and_their_loss_is_that_of_all(
    images: np.ndarray, n_objects: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keras.utils.set_random_seed(0)
    first = build_mask_rcnn(CustomMaskRcnnSettings(**SMALL), n_channels=1, n_classes=2, seed=0)
    truth = batch() | {"valid": np.array([[True, True, False], [False] * 3])}
    truth["valid"][0, n_objects:] = False
    outputs = first(images, training=False)
    losses, drawn = [], []
    draw = MaskRcnn.draw

    def count(model: MaskRcnn, outputs: dict, boxes: np.ndarray) -> np.ndarray:
        drawn.append(boxes.shape[1])
        return draw(model, outputs, boxes)

    monkeypatch.setattr(MaskRcnn, "draw", count)
    for sizes_are_fixed in (True, False):
        model = build_mask_rcnn(first.settings, n_channels=1, n_classes=2, seed=0)
        model.set_weights(first.get_weights())
        model.compile(jit_compile=sizes_are_fixed)
        model.compute_loss(images, truth, outputs)
        losses.append({part.name: float(part.result()) for part in model.metrics})
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert (losses[0]["masks"] > 0) == (n_objects > 0)
    assert max(n_objects, 1) <= drawn[1] < drawn[0] == model.settings.box_samples.most_positive


@pytest.mark.parametrize("n", [0, N_MOST])
def test_images_without_objects_and_with_500_are_trained_on(
    model: MaskRcnn, images: np.ndarray, n: int
) -> None:
    corners = RANDOM.uniform(0, 50, (2, N_MOST, 2))
    boxes = np.concatenate([corners, corners + RANDOM.uniform(2, 20, corners.shape)], axis=-1)
    truth = batch() | {
        "boxes": boxes.astype(np.float32),
        "valid": np.full((2, N_MOST), n > 0),
        "classes": np.zeros((2, N_MOST), np.int32),
        "numbers": np.full((2, N_MOST), 8, np.int32),
    }
    model.reset_metrics()
    parts = model.train_on_batch(images, truth, return_dict=True)
    assert np.isfinite(list(parts.values())).all()
    assert (parts["masks"] > 0) == (parts["boxes"] > 0) == (n > 0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_weights_come_back_from_a_file(model: MaskRcnn, images: np.ndarray, tmp_path) -> None:
    model.save_weights(tmp_path / "model.weights.h5")
    other = build_mask_rcnn(model.settings, n_channels=1, n_classes=2, seed=0)
    other.load_weights(tmp_path / "model.weights.h5")
    outputs = model(images, training=False)
    boxes = np.stack([BOXES[:2]] * 2)
    for here, there in zip(
        (*model.look_at(outputs, boxes), model.draw(outputs, boxes)),
        (*other.look_at(outputs, boxes), other.draw(outputs, boxes)),
        strict=True,
    ):
        np.testing.assert_array_equal(array(here), array(there))
    assert model.draw(outputs, boxes).shape == (2, 2, 3, 28, 28)


def parameters(variables: list[keras.Variable]) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)


def beginning(model: keras.Model, *prefixes: str) -> int:
    layers = [layer for layer in model.layers if layer.name.startswith(prefixes)]
    return parameters([variable for layer in layers for variable in layer.trainable_variables])


def test_the_network_that_is_begun_from_coco_is_as_large_as_torchvisions() -> None:
    model = build_mask_rcnn(TransferMaskRcnnSettings(), n_channels=3, n_classes=1, seed=0)
    # PyTorch counts nothing of a batch norm that is never trained
    assert parameters(model.trainable_variables) == 43_922_395
    model.hold(2)
    assert parameters(model.trainable_variables) == 43_699_995
    model.hold(5, proposals=True)
    assert parameters(model.trainable_variables) == 16_529_164


def test_the_network_from_scratch_is_as_large_as_the_papers() -> None:
    model = build_mask_rcnn(CustomMaskRcnnSettings(), n_channels=3, n_classes=1, seed=0)
    assert beginning(model, "conv1", "bn1", "layer") == 11_176_512
    assert beginning(model, "fpn_") == 2_607_104
    assert beginning(model, "rpn_") == 601_645
    assert beginning(model, "cbam_") == 43_912
    heads = parameters(model.trainable_variables) - beginning(model, "")
    assert heads == 13_905_930 + 2_623_234
    assert parameters(model.trainable_variables) == 30_958_337


def test_a_perfect_answer_costs_nothing() -> None:
    anchors = np.concatenate([BOXES[:2], [[40, 0, 50, 10], [0, 80, 10, 96]]]).astype(np.float32)
    sure = np.array([[30, 30, -30, -30], [-30] * 4], np.float32)
    outputs = {"objectness": sure, "shifts": np.zeros((2, 4, 4), np.float32)}
    noise = np.zeros((2, 4), np.float32)
    parts = proposal_losses(outputs, batch(), anchors, MaskRcnnSettings(), noise)
    np.testing.assert_allclose(list(parts.values()), 0, atol=1e-6)

    wrong = outputs | {"shifts": np.ones((2, 4, 4), np.float32)}
    parts = proposal_losses(wrong, batch(), anchors, MaskRcnnSettings(), noise)
    # two of eight anchors are of objects, each four shifts of 1
    assert float(parts["proposal_boxes"]) == pytest.approx(2 * 4 * (1 - 1 / 18) / 8)


def judged_by_hand() -> Judged:
    """An object of class 1, an object of class 2, background, and a place that does not count."""
    boxes = np.array([[[5, 5, 25, 25], [30, 42, 50, 80], [0, 0, 9, 9], [0, 0, 64, 96]]], np.float32)
    return Judged(
        boxes=boxes,
        truth=np.concatenate([BOXES[:2], np.zeros((2, 4), np.float32)])[None],
        classes=np.array([[1, 2, 0, 0]], np.int32),
        numbers=np.array([[3, 8, 0, 0]], np.int32),
        positive=np.array([[True, True, False, False]]),
        real=np.array([[True, True, True, False]]),
    )


def test_boxes_are_charged_for_by_their_class() -> None:
    judged = judged_by_hand()
    logits = np.zeros((1, 4, 3), np.float32)
    shifts = RANDOM.normal(size=(1, 4, 3, 4)).astype(np.float32)
    right = array(encode_boxes(judged.truth[0, :2], judged.boxes[0, :2], BOX_WEIGHTS))
    shifts[0, 0, 1], shifts[0, 1, 2] = right
    parts = box_losses(logits, shifts, judged, smoothing=0.1)
    assert float(parts["classification"]) == pytest.approx(np.log(3))
    assert float(parts["boxes"]) == pytest.approx(0, abs=1e-5)
    shifts[0, 1, 2, 0] += 1
    parts = box_losses(logits, shifts, judged, smoothing=0.1)
    assert float(parts["boxes"]) == pytest.approx(0.95 / 3, rel=1e-4)


def test_a_mask_is_charged_for_by_its_class_and_without_objects_there_is_no_charge() -> None:
    logits = np.zeros((1, 3, 2, 4, 4), np.float32)
    logits[0, :, 0] = 99  # of background, of no account
    targets = RANDOM.integers(0, 2, (1, 3, 4, 4)).astype(np.float32)
    classes, positive = np.array([[1, 1, 0]]), np.array([[True, True, False]])
    assert float(mask_loss(logits, targets, classes, positive)) == pytest.approx(np.log(2))
    logits[0, 0, 1] = 60 * targets[0, 0] - 30
    assert float(mask_loss(logits, targets, classes, positive)) == pytest.approx(np.log(2) / 2)
    assert float(mask_loss(logits, targets, classes, positive & False)) == 0


def test_what_is_judged_is_proposals_and_the_objects_themselves() -> None:
    proposals = np.array([[[3, 4, 24, 25], [40, 0, 60, 20], [0, 0, 64, 96]]] * 2, np.float32)
    valid = np.array([[True, True, False]] * 2)
    settings = SampleSettings(positive_iou=0.5, negative_iou=0.5, samples=6)
    noise = RANDOM.random((2, 6), np.float32)
    judged = Judged(*map(array, judge(proposals, valid, batch(), settings, SHAPE, noise)))
    np.testing.assert_array_equal(judged.positive, [[True] * 3 + [False] * 3, [False] * 6])
    np.testing.assert_array_equal(judged.real.sum(axis=1), [4, 2])
    assert set(judged.numbers[0, :3]) == {3, 8}
    np.testing.assert_array_equal(judged.classes[0, :3], np.where(judged.numbers[0, :3] == 3, 1, 2))
    assert not judged.classes[0, 3:].any()
    assert not judged.numbers[1].any()
    own = judged.boxes[0, :3]
    np.testing.assert_array_equal(judged.truth[0, :3], [BOXES[int(box[0] >= 30)] for box in own])
    np.testing.assert_array_equal(judged.boxes[~judged.real], [[0, 0, *SHAPE]] * 6)


def test_background_where_nobody_knows_is_not_judged() -> None:
    unknown = np.zeros((2, *SHAPE), np.float32)
    unknown[:, 40:, :30] = 1
    truth = batch() | {"unknown": unknown}
    proposals = np.array([[[3, 4, 24, 25], [40, 0, 60, 20], [0, 60, 20, 80]]] * 2, np.float32)
    settings = SampleSettings(positive_iou=0.5, negative_iou=0.5, samples=6)
    noise, valid = np.zeros((2, 6), np.float32), np.ones((2, 3), bool)
    judged = Judged(*map(array, judge(proposals, valid, truth, settings, SHAPE, noise)))
    np.testing.assert_array_equal(judged.real.sum(axis=1), [4, 2])
    for boxes, real in zip(judged.boxes, judged.real, strict=True):
        assert [40, 0, 60, 20] not in boxes[real].tolist()

    outputs = {
        "objectness": np.array([[-30, 30, -30]] * 2, np.float32),
        "shifts": np.zeros((2, 3, 4), np.float32),
    }
    anchors = np.array([[0, 60, 20, 80], [40, 0, 60, 20], [0, 70, 20, 90]], np.float32)
    nothing = batch() | {"valid": batch()["valid"] & False}
    charged = []
    for each in (nothing, nothing | {"unknown": unknown}):
        parts = proposal_losses(outputs, each, anchors, MaskRcnnSettings(), noise[:, :3])
        charged.append(float(parts["objectness"]))
    assert charged == pytest.approx([10, 0])  # a third of the anchors is surely wrong
