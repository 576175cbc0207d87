"""CLAHE on images whose outcome can be worked out by hand."""

import numpy as np
import pytest

from cellid.config import ClaheSettings
from cellid.errors import CellidError
from cellid.imaging.clahe import clahe, clip_limit, to_uint8, transfer_functions

SETTINGS = ClaheSettings()


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_clip_limit_of_the_default_block_is_fijis_190():
    assert clip_limit(127 * 127, SETTINGS) == 190


def test_transfer_function_is_the_cumulative_histogram_without_clipping():
    histograms = np.array([[2, 3, 5, 0], [0, 4, 0, 6]])

    transfer = transfer_functions(histograms, limit=100)

    # (cdf - cdf_min) / (cdf_max - cdf_min), and negative below the first filled bin
    expected = [[0, 3 / 8, 1, 1], [-4 / 6, 0, 0, 1]]
    np.testing.assert_allclose(transfer, expected, rtol=1e-6)


def test_clipped_excess_is_spread_until_it_no_longer_changes():
    # Round 1: 6 over the limit of 4: one each to the 4 bins, 2 more at steps of 3 // 2 = 1
    # from bin 0 on, which is every bin: 6, 2, 2, 2. Round 2: 2 over: 5, 3, 3, 3. Round 3:
    # 1 over: no share, one at step 3 from bin 1: 4, 4, 3, 3. Round 4: nothing over.
    transfer = transfer_functions(np.array([[10, 0, 0, 0]]), limit=4)

    np.testing.assert_allclose(transfer, [[0, 4 / 10, 7 / 10, 1]], rtol=1e-6)


def test_each_row_of_histograms_has_its_own_outcome():
    histograms = np.random.default_rng(1).poisson(40, (5, 64)) ** 2
    limits = np.array([[50], [500], [900], [2000], [9000]])

    together = transfer_functions(histograms, limits)

    for i in range(5):
        alone = transfer_functions(histograms[i : i + 1], int(limits[i, 0]))
        np.testing.assert_array_equal(together[i], alone[0])


def test_image_of_one_tile_follows_its_transfer_function():
    image = noise((40, 50))
    histogram = np.bincount(image.ravel(), minlength=256)[None]
    transfer = transfer_functions(histogram, clip_limit(image.size, SETTINGS))[0]

    expected = np.clip(transfer * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)

    np.testing.assert_array_equal(clahe(image, SETTINGS), expected[image])


def test_blend_matches_a_pixel_by_pixel_restatement():
    image = noise((70, 61), seed=3)
    settings = ClaheSettings(block_px=21, bins=64, slope=2.5)
    # 70 = 3 blocks of 21 and 7 over; 61 = 2 and 19: end tiles at 11 from each border
    rows, columns = [11, 14, 35, 56, 59], [11, 20, 41, 50]
    bins = (np.arange(256) / 255 * 63 + 0.5).astype(int)

    def table(y, x):
        window = bins[image[max(0, y - 10) : y + 11, max(0, x - 10) : x + 11]]
        histogram = np.bincount(window.ravel(), minlength=64)[None]
        return transfer_functions(histogram, clip_limit(21 * 21, settings))[0]

    tables = {(y, x): table(y, x) for y in rows for x in columns}

    def weights(position, centres):
        clamped = min(max(position, centres[0]), centres[-1])
        right = next(c for c in centres if c >= clamped)
        left = max((c for c in centres if c < clamped), default=right)
        share = 1.0 if left == right else (right - clamped) / (right - left)
        return ((left, share), (right, 1 - share))

    expected = np.empty(image.shape)
    for y, x in np.ndindex(image.shape):
        expected[y, x] = sum(
            wy * wx * tables[cy, cx][bins[image[y, x]]]
            for cy, wy in weights(y, rows)
            for cx, wx in weights(x, columns)
        )

    difference = clahe(image, settings) - np.clip(expected * 255, 0, 255)
    assert np.abs(difference).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("side", [127, 128, 254, 255, 300])
def test_every_tiling_fills_the_image(side):
    image = noise((side, side))

    result = clahe(image, SETTINGS)

    # Uniform noise is flat already: nothing may be left unwritten or stretched
    assert np.abs(result.astype(int) - image).mean() < 8


def test_sixteen_bit_pixels_get_the_gain_of_their_grey_level():
    low = 1000
    image = (low + 100 * noise((60, 60)).astype(np.uint16)).astype(np.uint16)
    source = to_uint8(image).astype(float)
    equalised = clahe(source.astype(np.uint8), SETTINGS).astype(float)

    result = clahe(image, SETTINGS)

    gain = np.divide(equalised, source, out=np.ones_like(source), where=source > 0)
    expected = np.minimum(np.floor(gain * (image - low) + low + 0.5), 65535)
    assert result.dtype == np.uint16
    np.testing.assert_allclose(result, expected, atol=1)


def test_constant_image_stays_constant():
    assert len(np.unique(clahe(np.full((200, 200), 7, np.uint8), SETTINGS))) == 1


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9), np.float32), np.zeros((9, 9, 3), np.uint8)], ids=["float", "colour"]
)
def test_other_images_are_refused(image):
    with pytest.raises(CellidError, match="two-dimensional uint8 or uint16"):
        clahe(image, SETTINGS)


def test_to_uint8_of_integers_is_imagejs_formula():
    image = np.array([[100, 101, 612, 1123]], np.uint16)  # 256 / 1024 a grey level

    np.testing.assert_array_equal(to_uint8(image), [[0, 0, 128, 255]])


def test_to_uint8_of_floats_fills_the_range():
    image = np.array([[-1.0, 0.0, 1.0]], np.float32)

    np.testing.assert_array_equal(to_uint8(image), [[0, 128, 255]])


def test_to_uint8_keeps_8_bit_and_flattens_a_constant():
    image = np.array([[10, 20]], np.uint8)

    np.testing.assert_array_equal(to_uint8(image), image)
    np.testing.assert_array_equal(to_uint8(np.full((2, 2), 3.5)), 0)
