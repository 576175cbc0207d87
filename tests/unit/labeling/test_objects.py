"""Filling, splitting and filtering on masks small enough to draw."""

import numpy as np
import pytest
from scipy import ndimage

from cellid.labeling.objects import (
    fill_enclosed,
    fill_holes,
    filter_objects,
    local_maxima,
    smooth_gaussian,
    split_touching,
)


def spot(shape, centre, width):
    y, x = np.mgrid[: shape[0], : shape[1]]
    squares = (y - centre[0]) ** 2 + (x - centre[1]) ** 2
    return np.exp(-squares / (2 * width**2)).astype(np.float32)


def test_smoothing_ignores_what_lies_beyond_the_border():
    image = np.random.default_rng(0).random((20, 24)).astype(np.float32)

    smoothed = smooth_gaussian(image, sigma_px=1.0, radius_px=4)

    ones = ndimage.gaussian_filter(np.ones(image.shape), 1.0, mode="constant")
    expected = ndimage.gaussian_filter(image.astype(float), 1.0, mode="constant") / ones
    np.testing.assert_allclose(smoothed, expected, atol=1e-6)
    np.testing.assert_allclose(smooth_gaussian(np.ones_like(image), 2.0, 3), 1, atol=1e-6)


def test_holes_below_the_limit_are_filled_unless_they_reach_the_border():
    mask = np.ones((20, 20), bool)
    mask[3:5, 3:5] = False  # 4 pixels
    mask[10:13, 10:13] = False  # 9 pixels
    mask[0:2, 10] = False  # 2 pixels, on the border

    filled = fill_holes(mask, max_area_px=9)

    assert filled[3:5, 3:5].all()
    assert not filled[10:13, 10:13].any()
    assert not filled[0:2, 10].any()


def test_diagonal_gap_does_not_open_a_hole():
    mask = np.zeros((7, 7), bool)
    mask[2, 3] = mask[3, 2] = mask[3, 4] = mask[4, 3] = True

    assert fill_holes(mask, max_area_px=100)[3, 3]


def test_maximum_is_not_exceeded_within_its_disk():
    image = np.zeros((9, 15), np.float32)
    image[4, 3], image[4, 7], image[4, 13] = 3, 2, 1
    labels = np.ones(image.shape, np.int32)

    near = local_maxima(image, labels, radius_px=4)
    nearer = local_maxima(image, labels, radius_px=3.9)

    assert near[4, 3]
    assert not near[4, 7]
    assert nearer[4, 7]
    assert near[4, 13]


def test_maximum_does_not_see_other_objects_or_background():
    image = np.zeros((5, 9), np.float32)
    image[2, 3], image[2, 5], image[2, 7] = 1, 2, 3
    labels = np.zeros(image.shape, np.int32)
    labels[2, 2:4] = 1
    labels[2, 5:7] = 2

    maxima = local_maxima(image, labels, radius_px=3)

    np.testing.assert_array_equal(np.argwhere(maxima), [[2, 3], [2, 5]])


@pytest.mark.parametrize("min_diameter", [8, 12])
def test_touching_spots_part_at_the_valley(min_diameter):
    image = spot((60, 90), (30, 30), 7) + spot((60, 90), (30, 56), 7)
    alone = spot((60, 90), (10, 80), 3)
    mask = (image + alone) > 0.05

    labels = split_touching(image + alone, mask, min_diameter)

    np.testing.assert_array_equal(labels > 0, mask)
    assert labels.max() == 3
    assert (labels[mask & (np.mgrid[:60, :90][1] <= 42) & (image > alone)] == labels[30, 30]).all()
    assert (labels[mask & (np.mgrid[:60, :90][1] >= 44) & (image > alone)] == labels[30, 56]).all()
    assert labels[30, 30] != labels[30, 56] != labels[10, 80]


def test_nothing_to_split():
    labels = split_touching(np.zeros((20, 20), np.float32), np.zeros((20, 20), bool), 5)

    assert labels.dtype == np.int32
    assert not labels.any()


def test_enclosed_background_and_objects_become_the_object():
    labels = np.zeros((12, 12), np.int32)
    labels[1:10, 1:10] = 4
    labels[3:5, 3:5] = 0
    labels[6:8, 6:8] = 2  # inside 4 without background between
    labels[11, 11] = 1

    filled = fill_enclosed(labels)

    assert (filled[1:10, 1:10] == 4).all()
    assert filled[11, 11] == 1
    assert (filled > 0).sum() == 82


def test_gap_between_two_objects_is_no_hole():
    labels = np.zeros((8, 8), np.int32)
    labels[1:7, 1:4] = 1
    labels[1:7, 4:7] = 2
    labels[3:5, 3:5] = 0

    np.testing.assert_array_equal(fill_enclosed(labels), labels)


def test_border_and_size_decide_and_the_rest_is_renumbered():
    labels = np.zeros((30, 30), np.int32)
    labels[0:4, 10:14] = 1  # on the border
    labels[10:14, 2:5] = 2  # 12 pixels < π 4² / 4
    labels[10:14, 8:12] = 3  # 16 pixels
    labels[10:15, 15:21] = 5  # 30 pixels > π 6² / 4
    labels[20:25, 5:10] = 7  # 25 pixels

    filtered = filter_objects(labels, min_diameter_px=4, max_diameter_px=6)

    np.testing.assert_array_equal(filtered > 0, (labels == 3) | (labels == 7))
    assert filtered[12, 9] == 1
    assert filtered[22, 7] == 2
    assert filtered.dtype == np.int32


def test_hole_counts_for_size_only_after_filtering():
    labels = np.zeros((12, 12), np.int32)
    labels[3:8, 3:8] = 1
    labels[5, 5] = 0

    filtered = filter_objects(labels, min_diameter_px=2, max_diameter_px=2 * np.sqrt(24.5 / np.pi))

    assert filtered.sum() == 25
