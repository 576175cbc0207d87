"""Overlap and matching by hand; what padding does."""

import keras
import numpy as np
import pytest

from cellid.nn.boxes import (
    BACKGROUND,
    IGNORED,
    clip_boxes,
    decode_boxes,
    encode_boxes,
    match_anchors,
    pairwise_iou,
)

PLAIN = (1.0, 1.0, 1.0, 1.0)


def array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def boxes(*rows) -> np.ndarray:
    return np.array(rows, np.float32)


def test_overlap_by_hand() -> None:
    one = boxes([0, 0, 4, 4], [1, 1, 1, 1])
    other = boxes([0, 0, 4, 4], [2, 0, 6, 4], [4, 0, 8, 4], [1, 1, 1, 1])
    expected = [[1, 8 / 24, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(array(pairwise_iou(one, other)), expected)


def test_shifts_by_hand() -> None:
    anchor, box = boxes([0, 0, 10, 20]), boxes([5, 0, 25, 20])
    shifts = array(encode_boxes(box, anchor, (10.0, 10.0, 5.0, 5.0)))
    np.testing.assert_allclose(shifts, [[10, 0, 5 * np.log(2), 0]])


def test_the_shift_to_a_padded_box_is_finite() -> None:
    assert np.isfinite(array(encode_boxes(boxes([0, 0, 0, 0]), boxes([0, 0, 8, 8]), PLAIN))).all()


def test_a_box_grows_by_no_more_than_the_limit() -> None:
    (box,) = array(decode_boxes(boxes([0, 0, 100, 100]), boxes([0, 0, 16, 16]), PLAIN))
    assert box[2] - box[0] == pytest.approx(1000)


def test_boxes_are_cut_to_rows_and_columns() -> None:
    cut = array(clip_boxes(boxes([-3, -2, 30, 30]), (10, 20)))
    np.testing.assert_array_equal(cut, [[0, 0, 10, 20]])


ANCHORS = boxes(
    [0, 0, 10, 10],  # the first object
    [0, 3, 10, 13],  # overlaps it by 70/130, more than 0.5
    [0, 4, 10, 14],  # by 60/140, between 0.4 and 0.5
    [0, 5, 10, 15],  # by 50/150
    [30, 30, 50, 50],  # the second object's best, by 100/400
    [70, 70, 80, 80],  # none
)
TRUTH = boxes([0, 0, 10, 10], [40, 40, 50, 50], [200, 200, 210, 210], [0, 0, 10, 10])


@pytest.mark.parametrize(("keep_best", "of_fifth"), [(True, 1), (False, BACKGROUND)])
def test_matching_by_hand(keep_best: bool, of_fifth: int) -> None:
    # The third object touches no anchor, the fourth is padding; the second image is empty
    truth = np.stack([TRUTH, TRUTH])
    valid = np.array([[True, True, True, False], [False] * 4])
    matched = array(match_anchors(ANCHORS, truth, valid, 0.5, 0.4, keep_best))
    expected = [0, 0, IGNORED, BACKGROUND, of_fifth, BACKGROUND]
    np.testing.assert_array_equal(matched, [expected, [BACKGROUND] * 6])
