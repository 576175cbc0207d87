"""Labels and detections are checked once, and errors keep their four parts."""

import pickle

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.types import Detections, ObjectPixels, check_labels


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.uint32, np.int32, np.int64])
def test_whole_numbers_become_int32(dtype: type) -> None:
    labels = check_labels(np.array([[0, 1], [1, 0]], dtype))
    assert labels.dtype == np.int32
    assert labels.tolist() == [[0, 1], [1, 0]]


def test_int32_is_not_copied() -> None:
    labels = np.zeros((3, 4), np.int32)
    assert check_labels(labels) is labels


def test_the_highest_number_passes() -> None:
    highest = np.iinfo(np.int32).max
    assert check_labels(np.array([[highest]], np.uint32))[0, 0] == highest


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(3, np.int32), "shape"),
        (np.zeros((2, 3, 4), np.int32), "shape"),
        (np.zeros((2, 3), np.float32), "dtype float32"),
        (np.array([[-1, 0]]), "the number -1"),
        (np.array([[2**31]], np.uint32), "the number 2147483648"),
        (np.array([[2**40]], np.int64), "the number 1099511627776"),
    ],
)
def test_what_is_no_label_image_is_refused(array: np.ndarray, words: str) -> None:
    with pytest.raises(CellidError, match=words) as caught:
        check_labels(array, "mine")
    assert caught.value.subject == "mine"


def test_an_error_tells_its_four_parts_in_order() -> None:
    error = CellidError("a.tif", expected="one", got="two", remedy="three")
    assert str(error) == "a.tif\n  expected: one\n  got:      two\n  remedy:   three"
    assert isinstance(error, ValueError)


def test_an_error_comes_whole_from_another_process() -> None:
    error = pickle.loads(pickle.dumps(CellidError("a", expected="b", got="c", remedy="d")))
    assert (error.subject, error.expected, error.got, error.remedy) == ("a", "b", "c", "d")


def one_object(box: tuple[float, ...], mask: object = None) -> Detections:
    return Detections(
        np.array([box]), np.ones(1), np.zeros(1), None if mask is None else np.array([mask])
    )


def test_detections_take_on_their_dtypes() -> None:
    found = one_object((0, 1, 2.5, 4), [[0, 1], [1, 0]])

    assert len(found) == 1
    assert (found.boxes.dtype, found.scores.dtype) == (np.float32, np.float32)
    assert found.classes.dtype == np.int32
    assert found.masks is not None
    assert found.masks.dtype == np.float32


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ((np.zeros((2, 5)), np.ones(2), np.zeros(2)), r"shape \(2, 5\)"),
        ((np.zeros((2, 4)), np.ones(3), np.zeros(2)), "scores"),
        ((np.zeros((2, 4)), np.ones(2), np.zeros((2, 1))), "classes"),
        ((np.zeros((2, 4)), np.ones(2), np.zeros(2), np.zeros((2, 3, 4))), "masks"),
        ((np.full((1, 4), np.nan), np.ones(1), np.zeros(1)), "nan or infinity"),
        ((np.array([[5, 0, 3, 2]]), np.ones(1), np.zeros(1)), "ends before it begins"),
    ],
)
def test_what_are_no_detections_is_refused(arrays: tuple[np.ndarray, ...], words: str) -> None:
    with pytest.raises(CellidError, match=words):
        Detections(*arrays)


def paste(found: Detections, shape: tuple[int, int]) -> list[list[int]]:
    frame = np.zeros(shape, int)
    for window, inside in found.paste_masks(shape):
        frame[window] += inside
    return frame.tolist()


def test_a_mask_is_interpolated_at_the_centres_of_its_pixels() -> None:
    # Rows of 2 and columns of 4: across, the second cell weighs 0, 1/4, 3/4, 1.
    found = one_object((1, 0, 3, 4), [[0, 1], [1, 0]])

    assert paste(found, (4, 5)) == [
        [0, 0, 0, 0, 0],
        [0, 0, 1, 1, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_a_box_holds_the_pixels_whose_centres_it_holds() -> None:
    assert paste(one_object((0.4, 0.6, 1.5, 2.6)), (3, 4)) == [
        [0, 1, 1, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
    ]


def test_what_lies_beyond_the_frame_is_left_out() -> None:
    assert paste(one_object((-2, -2, 2, 2), np.ones((3, 3))), (3, 3)) == [
        [1, 1, 0],
        [1, 1, 0],
        [0, 0, 0],
    ]
    assert paste(one_object((7, 7, 9, 9), np.ones((3, 3))), (2, 2)) == [[0, 0], [0, 0]]


def test_an_empty_box_has_no_pixels() -> None:
    assert paste(one_object((1.5, 1.5, 1.5, 1.5), np.ones((2, 2))), (3, 3)) == [[0] * 3] * 3


def test_detections_are_chosen_moved_scaled_and_joined() -> None:
    boxes = np.array([[0, 1, 2, 4], [5, 5, 6, 7]])
    found = Detections(boxes, np.array([0.4, 0.9]), np.array([0, 1]), np.zeros((2, 3, 3)))
    assert found.chosen(np.array([1])).boxes.tolist() == [[5, 5, 6, 7]]
    assert found.moved(10, 20).boxes[0].tolist() == [10, 21, 12, 24]
    assert found.scaled(2).boxes[1].tolist() == [10, 10, 12, 14]
    joined = Detections.joined([found, found.moved(1, 1)])
    assert joined.scores.tolist() == pytest.approx([0.9, 0.9, 0.4, 0.4])
    assert joined.boxes[:2].tolist() == [[5, 5, 6, 7], [6, 6, 7, 8]]
    assert joined.masks.shape == (4, 3, 3)
    assert len(Detections.joined([])) == 0


def test_pixels_of_objects_are_those_of_labels_and_may_be_shared() -> None:
    labels = np.array([[0, 9, 9], [4, 4, 9]], np.int32)
    objects = ObjectPixels.of_labels(labels)
    assert objects.areas_px.tolist() == [2, 3]
    np.testing.assert_array_equal(objects.draw(), [[0, 2, 2], [1, 1, 2]])
    shared = ObjectPixels.of_objects(labels.shape, [*objects.each(), ([], []), ([0, 0], [0, 1])])
    assert shared.areas_px.tolist() == [2, 3, 0, 2]
    assert [y.tolist() for y, _ in shared.each()] == [[1, 1], [0, 0, 1], [], [0, 0]]
    np.testing.assert_array_equal(shared.draw(), [[4, 4, 2], [1, 1, 2]])  # the smaller is on top
    nothing = ObjectPixels.of_objects((2, 3), [])
    assert (nothing.n_objects, list(nothing.each())) == (0, [])
    assert not nothing.draw().any()
