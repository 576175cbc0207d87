import numpy as np
import pytest

from cellid.imaging.overlay import (
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    OUTLINE,
    TRUE_POSITIVE,
    draw_boxes,
    draw_comparison,
    draw_kinds,
    draw_outlines,
    fill_objects,
    find_outlines,
    stretch_contrast,
)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_contrast_spans_black_to_white_whatever_the_dtype(dtype):
    image = np.linspace(20, 120, 90_000).reshape(300, 300).astype(dtype)

    shown = stretch_contrast(image)

    assert shown.dtype == np.uint8
    assert (shown.min(), shown.max()) == (0, 255)
    middle = int(shown[150, 0])
    assert middle == pytest.approx(127, abs=3)  # linear in between


def test_negative_values_are_darker_than_zero():
    image = np.repeat(np.float32([[-5, 0, 5]]), 100, axis=0)

    assert stretch_contrast(image)[0].tolist() == [0, 127, 255]


def test_a_hot_pixel_does_not_darken_the_rest():
    image = np.tile(np.arange(100, dtype=np.uint16), (100, 1))
    image[3, 3] = 65_535

    assert stretch_contrast(image)[50, 99] >= 250


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_image_is_black_and_one_bright_pixel_shows(value):
    image = np.full((100, 100), value, np.uint8)
    assert not stretch_contrast(image).any()

    image[4, 5] = 200
    assert stretch_contrast(image)[4, 5] == 255


def test_outlines_lie_within_objects_and_part_those_that_touch():
    labels = np.array(
        [
            [1, 1, 1, 1, 2, 2],
            [1, 1, 1, 1, 2, 2],
            [1, 1, 1, 1, 2, 2],
            [0, 0, 0, 0, 0, 0],
        ],
        np.int32,
    )

    assert find_outlines(labels).astype(int).tolist() == [
        [0, 0, 0, 1, 1, 0],
        [0, 0, 0, 1, 1, 0],
        [1, 1, 1, 1, 1, 1],
        [0, 0, 0, 0, 0, 0],
    ]


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 1), (6, 8, 2), (6, 8, 3)])
def test_outlines_are_drawn_on_grey_and_leave_the_image_alone(shape):
    image = np.random.default_rng(0).integers(0, 1000, shape).astype(np.uint16)
    before = image.copy()
    labels = np.zeros((6, 8), np.int32)
    labels[2:5, 2:5] = 4

    picture = draw_outlines(image, labels)

    assert picture.shape == (6, 8, 3)
    assert picture.dtype == np.uint8
    drawn = (picture == OUTLINE).all(axis=-1)
    assert np.array_equal(drawn, find_outlines(labels))
    assert drawn.sum() == 8
    assert np.array_equal(image, before)
    filled = fill_objects(image, labels)
    assert np.array_equal((filled == TRUE_POSITIVE).all(axis=-1), drawn)
    assert np.array_equal(filled[labels == 0], picture[labels == 0])
    if len(shape) == 2:
        assert (picture[~drawn] == stretch_contrast(image)[~drawn][:, None]).all()


def test_comparison_has_the_four_colours():
    true = np.array([[5, 5, 0, 0]])
    predicted = np.array([[0, 9, 9, 0]])

    assert draw_comparison(true, predicted)[0].tolist() == [
        list(FALSE_NEGATIVE),
        list(TRUE_POSITIVE),
        list(FALSE_POSITIVE),
        [0, 0, 0],
    ]


def test_colours_are_green_red_and_blue():
    for colour, channel in ((FALSE_POSITIVE, 0), (TRUE_POSITIVE, 1), (FALSE_NEGATIVE, 2)):
        assert int(np.argmax(colour)) == channel


def test_boxes_are_drawn_within_their_bounds_later_kinds_over_earlier():
    image = np.zeros((10, 12), np.uint8)
    right, wrong = np.array([[2, 3, 6, 9]]), np.array([[2, 3, 6, 5], [0, 0, 1, 1]])

    picture = draw_boxes(image, [(wrong, FALSE_POSITIVE), (right, TRUE_POSITIVE)])

    rows, columns = np.nonzero((picture == TRUE_POSITIVE).all(axis=2))
    assert (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1) == (2, 3, 6, 9)
    assert picture[3, 4].tolist() == list(FALSE_POSITIVE)  # the side of a box within
    assert picture[0, 0].tolist() == list(FALSE_POSITIVE)
    assert picture[3, 6].tolist() == [0, 0, 0]
    assert draw_boxes(image, [(np.zeros((0, 4)), TRUE_POSITIVE)]).max() == 0


def test_outlines_of_kinds_have_their_colours():
    labels = np.zeros((2, 12, 12), np.int32)
    labels[0, 1:6, 1:6] = 1
    labels[1, 4:9, 4:9] = 1
    kinds = [(labels[0], FALSE_NEGATIVE), (labels[1], TRUE_POSITIVE)]

    picture = draw_kinds(np.zeros((12, 12)), kinds)

    assert tuple(picture[1, 3]) == FALSE_NEGATIVE
    assert tuple(picture[4, 5]) == TRUE_POSITIVE
    assert tuple(picture[3, 3]) == (0, 0, 0)
    expected = find_outlines(labels[0]) | find_outlines(labels[1])
    np.testing.assert_array_equal(picture.any(axis=2), expected)
