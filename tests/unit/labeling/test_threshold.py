"""Adaptive Otsu against scikit-image, block by block, and SciPy's bivariate spline."""

import numpy as np
import pytest
from scipy.interpolate import RectBivariateSpline
from skimage.filters import threshold_otsu

from cellid.labeling.threshold import adaptive_otsu_threshold, block_histograms, otsu_threshold


def as_intensity(image):
    return image.astype(np.float32) / np.float32(255)


def scene(shape, seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = 40 + 60 * x / shape[1] + 90 * ((y // 17 + x // 13) % 3 == 0)
    return np.clip(image + rng.normal(0, 9, shape), 0, 255).astype(np.uint8)


def test_block_histograms_count_each_block():
    image = np.zeros((4, 7), np.uint8)
    image[:2, 4:] = 200  # 7 / 2 columns a block: the second starts at column 3

    histograms = block_histograms(image, 2, 2)

    assert histograms.shape == (2, 2, 256)
    np.testing.assert_array_equal(histograms[0, 1, [0, 200]], [2, 6])
    np.testing.assert_array_equal(histograms.sum(axis=2), [[6, 8], [6, 8]])


def test_threshold_of_two_values_is_just_above_the_lower():
    histogram = np.zeros(256, np.int64)
    histogram[[51, 204]] = 30, 10  # 0.2 and 0.8: the lowest of 256 bins is 0.6 / 256 wide

    assert otsu_threshold(histogram) == pytest.approx(0.2 + 0.3 / 256)


def test_threshold_of_one_value_is_the_value_and_of_none_zero():
    histograms = np.zeros((2, 256), np.int64)
    histograms[0, 102] = 5

    np.testing.assert_allclose(otsu_threshold(histograms), [0.4, 0])


def test_every_block_agrees_with_scikit_image():
    image = scene((120, 165))
    thresholds = otsu_threshold(block_histograms(image, 4, 5))

    expected = [
        [
            threshold_otsu(as_intensity(image[30 * i : 30 * i + 30, 33 * j : 33 * j + 33]))
            for j in range(5)
        ]
        for i in range(4)
    ]
    np.testing.assert_allclose(thresholds, expected, atol=1e-6)


@pytest.mark.parametrize(("window", "counts"), [(20, (5, 8)), (30, (3, 5)), (40, (2, 4))])
def test_map_is_the_bivariate_spline_of_the_blocks(window, counts):
    image = scene((103, 171))
    blocks = otsu_threshold(block_histograms(image, *counts))
    order = min(3, min(counts) - 1)
    steps = [size / count for size, count in zip(image.shape, counts, strict=True)]
    centres = [
        np.linspace(int(step / 2), int((count - 0.5) * step), count)
        for step, count in zip(steps, counts, strict=True)
    ]
    spline = RectBivariateSpline(
        *centres, blocks, bbox=(0.5, 102.5, 0.5, 170.5), kx=order, ky=order
    )
    expected = spline(np.linspace(0.5, 102.5, 103), np.linspace(0.5, 170.5, 171))
    guide = threshold_otsu(as_intensity(image))

    threshold = adaptive_otsu_threshold(image, window, 0.0, 1.0)

    np.testing.assert_allclose(threshold, np.clip(expected, 0.7 * guide, 1.5 * guide), atol=1e-6)
    assert ((threshold > 0.7 * guide) & (threshold < 1.5 * guide)).mean() > 0.5


def test_bounds_hold_the_map():
    image = scene((80, 80))

    threshold = adaptive_otsu_threshold(image, 20, 0.41, 0.43)

    assert threshold.min() >= 0.41
    assert threshold.max() <= 0.43


def test_image_smaller_than_two_windows_has_one_threshold():
    image = scene((50, 50))

    threshold = adaptive_otsu_threshold(image, 40, 0.0, 1.0)

    np.testing.assert_allclose(threshold, threshold_otsu(as_intensity(image)), atol=1e-6)
