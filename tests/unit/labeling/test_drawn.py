"""Labels as people save them."""

import cv2
import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.labeling.drawn import accept_drawn, part_mask, part_pieces
from cellid.types import Labels

NOTHING = np.zeros((20, 30), np.int32)


def squares(*numbers: int) -> Labels:
    """Return a row of squares that do not touch, each a little larger than the last."""
    labels = NOTHING.copy()
    for place, number in enumerate(numbers):
        labels[2 : 6 + place, 6 * place + 1 : 6 * place + 5] = number
    return labels


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "uint32", "int64", "float32"])
def test_whole_numbers_of_any_dtype_are_labels(dtype: str) -> None:
    labels = squares(1, 2, 200)
    accepted = accept_drawn(labels.astype(dtype), (20, 30), "a")
    np.testing.assert_array_equal(accepted, labels)
    assert accepted.dtype == np.int32


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (NOTHING[:-1], "19×30"),
        (squares(1).astype(np.float32) / 2, "such as 0.5"),
        (-squares(1), "the number -1"),
    ],
)
def test_what_cannot_be_labels_is_told(pixels: np.ndarray, message: str) -> None:
    with pytest.raises(CellidError, match=message):
        accept_drawn(pixels, (20, 30), "a")


def test_parts_that_lie_apart_get_numbers_of_their_own() -> None:
    labels, remarks = part_pieces(squares(3, 3, 8, 3), NOTHING)
    # the last is the largest of the three
    np.testing.assert_array_equal(labels[3, [2, 8, 14, 20]], [10, 9, 8, 3])
    assert remarks == ["parts of 3 lay apart: each is a nucleus of its own now"]


def test_a_mask_is_a_nucleus_a_part() -> None:
    labels, (remark,) = part_pieces(squares(255, 255, 255), NOTHING)
    assert len(np.unique(labels)) == 4
    assert "each of its 3 parts" in remark


def test_parts_that_touch_at_a_corner_are_one() -> None:
    labels = NOTHING.copy()
    labels[2:6, 2:6] = labels[6:9, 6:9] = 1
    parted, remarks = part_pieces(labels, NOTHING)
    np.testing.assert_array_equal(parted, labels)
    assert not remarks


def test_objects_as_before_are_not_looked_at() -> None:
    before = squares(5, 5, 2)
    before[15, 15] = 5
    after = np.where(before == 5, 9, before)  # other number, same pixels
    after[10:14, 2:6] = 1
    labels, remarks = part_pieces(after, before)
    np.testing.assert_array_equal(labels, after)
    assert not remarks
    after[2, 1] = 0
    labels, remarks = part_pieces(after, before)
    assert len(np.unique(labels)) == 1 + 3 + 2
    assert remarks[-1] == f"specks of less than 5 pixels: {labels[15, 15]}"


def test_an_empty_crop_is_nothing_odd() -> None:
    labels, remarks = part_pieces(NOTHING, squares(1, 2))
    assert not labels.any()
    assert not remarks


def disks(*centres: tuple[int, int]) -> np.ndarray:
    labels = np.zeros((60, 100), np.int32)
    for number, centre in enumerate(centres, start=1):
        cv2.circle(labels, centre, 10, number, -1)
    return labels


@pytest.mark.parametrize(("split_distance", "n"), [(0.0, 2), (0.5, 3)])
def test_touching_objects_of_a_mask_are_parted_if_asked(split_distance: float, n: int) -> None:
    labels = disks((20, 30), (38, 30), (75, 30))
    parted = part_mask(255 * (labels > 0).astype(np.int32), split_distance)
    assert parted.dtype == np.int32
    assert np.unique(parted).tolist() == list(range(n + 1))
    np.testing.assert_array_equal(parted > 0, labels > 0)
    if n == 3:
        assert all(np.unique(parted[30, x]).size == 1 for x in (20, 38, 75))
        assert (np.bincount(parted.ravel())[1:] > 0.8 * np.pi * 100).all()


def test_labels_and_empty_masks_stay_as_they_are() -> None:
    for labels in (disks((20, 30), (38, 30)), np.zeros((9, 9), np.int32)):
        assert part_mask(labels, 0.5) is labels
