from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.measure import label, regionprops

from cellid.imaging.boxed_objects import outline_in_boxes


def ellipses(*axes: tuple[tuple[int, int], tuple[int, int], int]) -> np.ndarray:
    """Return the labels of tilted ellipses, each a centre (x, y), half axes and an angle."""
    labels = np.zeros((80, 100), np.int32)
    for number, (centre, half, angle) in enumerate(axes, start=1):
        cv2.ellipse(labels, centre, half, angle, 0, 360, number, -1)
    return labels


def boxes_of(labels: np.ndarray) -> np.ndarray:
    return np.array([region.bbox for region in regionprops(labels)], np.float32)


def ious(found: np.ndarray, true: np.ndarray) -> list[float]:
    numbers = range(1, int(true.max()) + 1)
    return [
        float(((found == n) & (true == n)).sum() / ((found == n) | (true == n)).sum())
        for n in numbers
    ]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_slanting_objects_are_outlined(dtype: type) -> None:
    true = ellipses(((25, 25), (12, 4), 45), ((70, 50), (14, 5), -30))
    image = 60 + 100 * (true > 0) + np.random.default_rng(0).normal(0, 8, true.shape)
    found = outline_in_boxes(image.astype(dtype), boxes_of(true))
    assert found.dtype == np.int32
    assert min(ious(found, true)) > 0.85


def test_another_object_in_the_box_is_left_out() -> None:
    true = ellipses(((40, 40), (20, 4), -45), ((30, 28), (2, 2), 0))
    image = 20 + 100 * (true > 0)
    (box, _) = boxes_of(true)
    found = outline_in_boxes(image, box[None])
    assert not found[true == 2].any()
    assert found[true == 1].mean() > 0.9


def test_an_object_ends_with_its_box() -> None:
    image = np.zeros((40, 60))
    image[18:22] = 50
    found = outline_in_boxes(image, np.array([[15.0, 20, 25, 30]]))
    assert np.flatnonzero(found.any(axis=0)).tolist() == list(range(20, 30))


@pytest.mark.parametrize("value", [0, 1000.1])
def test_a_box_in_which_nothing_stands_out_becomes_its_ellipse(value: float) -> None:
    found = outline_in_boxes(np.full((40, 60), value), np.array([[5.0, 10, 25, 50]]))
    y, x = np.mgrid[:40, :60] + 0.5
    np.testing.assert_array_equal(found, ((y - 15) / 10) ** 2 + ((x - 30) / 20) ** 2 <= 1)


def test_a_dark_object_is_none() -> None:
    image = 100 - 50.0 * (ellipses(((40, 40), (6, 6), 0)) > 0)
    box = np.array([[34.0, 34, 47, 47]])
    np.testing.assert_array_equal(
        outline_in_boxes(image, box), outline_in_boxes(np.zeros_like(image), box)
    )


def test_a_shared_pixel_goes_to_the_nearer_centre() -> None:
    boxes = np.array([[10.0, 10, 30, 34], [10, 26, 30, 50]])
    for order in ([0, 1], [1, 0]):
        found = outline_in_boxes(np.zeros((40, 60)), boxes[order])
        left, right = order.index(0) + 1, order.index(1) + 1
        assert (found[20, 10:30] == left).all()
        assert (found[20, 30:50] == right).all()


def test_of_equal_boxes_the_first_has_all() -> None:
    box = [10.0, 10, 30, 34]
    assert np.unique(outline_in_boxes(np.zeros((40, 60)), np.array([box, box]))).tolist() == [0, 1]


@pytest.mark.parametrize("box", [(5, 5, 6, 6), (5, 5, 5, 5), (5.4, 5.4, 5.6, 9.2), (-3, -3, 4, 4)])
def test_the_smallest_box_keeps_an_object(box: tuple[float, ...]) -> None:
    image = np.random.default_rng(0).normal(100, 10, (20, 20))
    assert outline_in_boxes(image, np.array([box])).any()


def test_no_boxes_and_boxes_beyond_the_image() -> None:
    image = np.zeros((20, 20))
    assert not outline_in_boxes(image, np.zeros((0, 4), np.float32)).any()
    assert not outline_in_boxes(image, np.array([[30.0, 30, 40, 40], [-9, -9, -4, -4]])).any()


@pytest.mark.real
def test_real_adhesions_are_outlined_better_than_by_ellipses(test_data: Path) -> None:
    """Mean IoU with hand-drawn adhesions in one image of each cell; 0.66 over all images."""
    scores, ellipse_scores = [], []
    for number in (0, 1, 2, 3, 5, 10):
        path = test_data / "focal_adhesions" / f"fa_{number:03d}.png"
        true = label(
            cv2.imread(str(path.with_name(f"{path.stem}_mask.png")), cv2.IMREAD_UNCHANGED) > 0
        )
        image, boxes = cv2.imread(str(path), cv2.IMREAD_UNCHANGED), boxes_of(true)
        scores += ious(outline_in_boxes(image, boxes), true)
        ellipse_scores += ious(outline_in_boxes(np.zeros_like(image), boxes), true)
    assert np.mean(scores) > 0.63
    assert np.mean(scores) > np.mean(ellipse_scores) + 0.05
