"""Label images are checked once, and errors keep their four parts."""

import pickle

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.types import check_labels


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
