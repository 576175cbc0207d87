"""Windows that a detector is trained on: boxes of what is seen, and what counts neither way."""

from dataclasses import replace

import numpy as np
import pytest

from cellid.config import DetectorRecipe, InstanceRecipe
from cellid.recipes import load_any_recipe
from cellid.training.scene_windows import SceneWindows, box_objects, pad_boxes
from cellid.training.scenes import Scene

LABELS = np.zeros((12, 16), np.int32)
LABELS[1:4, 2:7] = 3  # whole: 15 pixels
LABELS[8:12, 10:12] = 5  # a half of 16 pixels
LABELS[6, 14:16] = 7  # a sliver of 20
WHOLE = np.array([120, 0, 0, 15, 0, 16, 0, 20], float)


def recipe(*overrides: str) -> DetectorRecipe:
    small = ("train.window_px=32", "train.batch_size=2", "objects.min_area_px=3", "objects.scale=1")
    loaded = load_any_recipe("adhesion-detector", overrides=[*small, *overrides])
    assert isinstance(loaded, DetectorRecipe)
    return loaded


@pytest.fixture
def scenes() -> list[Scene]:
    """Two images of 64 px with six bright objects of two sizes, part of one not known."""
    random = np.random.default_rng(4)
    made = []
    for _ in range(2):
        labels = np.zeros((64, 64), np.int32)
        for number, (y, x) in enumerate(
            [(4, 5), (4, 40), (25, 20), (30, 50), (50, 8), (55, 40)], 1
        ):
            labels[y : y + 6, x : x + 4 + 4 * (number % 2)] = number
        image = random.normal(0.2, 0.02, labels.shape) + 0.5 * (labels > 0)
        known = np.ones(labels.shape, bool)
        known[:8, 56:] = False
        far = np.linspace(0, 1, 64, dtype=np.float32) * np.ones((64, 1), np.float32)
        made.append(Scene(image.astype(np.float32), labels, known, far))
    return made


def test_boxes_are_those_of_what_is_seen() -> None:
    boxes, _, _, hidden = box_objects(LABELS, WHOLE, min_visible=0.4)
    np.testing.assert_array_equal(boxes, [[1, 2, 4, 7], [8, 10, 12, 12]])
    np.testing.assert_array_equal(hidden, LABELS == 7)
    boxes, _, _, hidden = box_objects(LABELS, WHOLE, min_visible=0.6)
    np.testing.assert_array_equal(boxes, [[1, 2, 4, 7]])
    assert hidden.sum() == 10


def test_an_object_and_its_reflection_are_two_objects() -> None:
    mirrored = np.hstack([LABELS[:, 2:], LABELS[:, :1:-1]])
    boxes = box_objects(mirrored, WHOLE, min_visible=0.4).boxes
    assert len(boxes) == 4
    assert (boxes[:, 3] - boxes[:, 1]).max() == 5


def test_windows_without_background_or_objects() -> None:
    boxes = box_objects(np.full((5, 4), 1, np.int32), np.array([0, 20.0]), 0.5).boxes
    np.testing.assert_array_equal(boxes, [[0, 0, 5, 4]])
    boxes, numbers, _, hidden = box_objects(np.zeros((5, 4), np.int32), np.array([20.0]), 0.5)
    assert (boxes.shape, numbers.shape) == ((0, 4), (0,))
    assert not hidden.any()


def test_boxes_are_padded_and_the_smallest_left_out() -> None:
    boxes = np.array([[0, 0, 4, 4], [1, 1, 3, 3]], np.float32)
    truth = pad_boxes(boxes, 3)
    np.testing.assert_array_equal(truth["valid"], [True, True, False])
    np.testing.assert_array_equal(truth["boxes"][:2], boxes)
    np.testing.assert_array_equal(pad_boxes(boxes, 1)["boxes"], boxes[:1])


def test_boxes_move_with_the_image(scenes: list[Scene]) -> None:
    batches = SceneWindows(scenes, recipe("augment.noise=0.0", "augment.jitter=0.0"), epoch=0)
    assert len(batches) == 4  # as many windows as cover both images, two a batch
    n_boxes = 0
    for index in range(len(batches)):
        images, truth = batches[index]
        assert images.shape == (2, 32, 32, 1)
        assert truth["boxes"].shape == (2, truth["valid"].shape[1], 4)
        for image, boxes, valid in zip(images, truth["boxes"], truth["valid"], strict=True):
            bright = image[..., 0] > 0  # standardised: 0.5 is 0
            for y0, x0, y1, x1 in boxes[valid].astype(int):
                assert bright[y0:y1, x0:x1].mean() > 0.4
                n_boxes += 1
        assert (truth["implausibility"].max(axis=(1, 2)) <= 1).all()
    assert n_boxes > 8


def test_windows_are_placed_at_objects_as_often_as_is_said(scenes: list[Scene]) -> None:
    labels = np.zeros((64, 640), np.int32)
    labels[20:26, 600:606] = 1
    image = (labels > 0).astype(np.float32)
    wide = [Scene(image, labels, labels >= 0, None)]

    def share_with_objects(object_share: float) -> float:
        batches = SceneWindows(wide, recipe(f"train.object_share={object_share}"), epoch=0)
        assert len(batches) == 20
        return np.mean([batches[index][1]["valid"].any(axis=1) for index in range(20)])

    assert share_with_objects(0.0) < 0.2
    assert 0.3 < share_with_objects(0.5) < 0.75
    assert share_with_objects(1.0) > 0.9


def test_masks_are_those_of_the_boxes(scenes: list[Scene]) -> None:
    outlines = InstanceRecipe(train=recipe().train.model_dump(include={"window_px"}))
    batches = SceneWindows(scenes, outlines, epoch=0)
    n_objects = 0
    for index in range(len(batches)):
        truth = batches[index][1]
        for boxes, numbers, valid, labels in zip(
            *(truth[name] for name in ("boxes", "numbers", "valid", "labels")), strict=True
        ):
            assert len(set(numbers[valid])) == valid.sum()
            assert not numbers[~valid].any()
            for box, number in zip(boxes[valid], numbers[valid], strict=True):
                rows, columns = np.nonzero(labels == number)
                found = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
                np.testing.assert_array_equal(box, found)
                n_objects += 1
    assert n_objects > 8


def test_what_is_not_known_counts_neither_way(scenes: list[Scene]) -> None:
    all_known = [replace(scene, known=np.ones_like(scene.known)) for scene in scenes]

    def share(of: list[Scene]) -> float:
        batches = SceneWindows(of, recipe(), epoch=None)
        return np.mean([batches[index][1]["unknown"].mean() for index in range(len(batches))])

    assert share(all_known) < share(scenes) < share(all_known) + 0.1


def test_a_resumed_training_sees_what_an_uninterrupted_one_would(scenes: list[Scene]) -> None:
    whole = SceneWindows(scenes, recipe(), epoch=0)
    first = whole[1][0]
    whole.on_epoch_end()
    resumed = SceneWindows(scenes, recipe(), epoch=1)
    np.testing.assert_array_equal(whole[1][0], resumed[1][0])
    assert not np.array_equal(first, resumed[1][0])


def test_validation_windows_are_the_same_every_epoch_and_unchanged(scenes: list[Scene]) -> None:
    batches = SceneWindows(scenes, recipe(), epoch=None)
    before = batches[0][0]
    batches.on_epoch_end()
    np.testing.assert_array_equal(batches[0][0], before)
    sides = []
    for index in range(len(batches)):
        boxes = batches[index][1]["boxes"]
        boxes = boxes[((boxes > 0) & (boxes < 32)).all(axis=2)]  # the window does not cut them
        sides += (boxes[:, 2:] - boxes[:, :2]).tolist()
    assert len(sides) > 4
    assert {tuple(side) for side in sides} <= {(6.0, 4.0), (6.0, 8.0)}
