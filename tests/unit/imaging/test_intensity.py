"""Normalisation: whatever camera and lamp, the same numbers."""

import numpy as np
import pytest

from cellid.imaging.intensity import flatten_background, normalise

RANDOM = np.random.default_rng(0)


def cells(shape: tuple[int, int] = (120, 150)) -> np.ndarray:
    """Return whole numbers from 0 to 200: blobs on noise."""
    image = RANDOM.normal(40, 4, shape)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for _ in range(15):
        cy, cx = RANDOM.uniform(0, shape[0]), RANDOM.uniform(0, shape[1])
        image += 100 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 18)
    return image.clip(0, 200).round()


CELLS = cells()


@pytest.mark.parametrize(
    "camera",
    [
        lambda image: image.astype(np.uint8),
        lambda image: image.astype(np.uint16),
        lambda image: (image * 256 + 3000).astype(np.uint16),
        lambda image: (image * 100 - 30_000).astype(np.int16),
        lambda image: image.astype(np.float64) / 255,
        lambda image: image.astype(np.float32) * 1e-9,
        lambda image: image.astype(np.float32) * 1e9 - 5e9,
    ],
)
def test_gain_offset_and_depth_drop_out(camera) -> None:
    np.testing.assert_allclose(normalise(camera(CELLS), 20.0), normalise(CELLS, 20.0), atol=2e-3)


def test_the_result_has_no_background_unit_contrast_and_bounds() -> None:
    result = normalise(CELLS, 20.0)
    assert result.dtype == np.float32
    assert abs(np.median(result)) < 0.3
    assert np.percentile(np.abs(result), 98) == pytest.approx(1, rel=1e-5)
    specks = CELLS.copy()
    specks[3, 3], specks[60, 60] = 1e5, -1e5
    limited = normalise(specks, 20.0)
    assert limited.max() == 4
    assert limited.min() == -4


def test_uneven_illumination_drops_out() -> None:
    y, x = np.mgrid[: CELLS.shape[0], : CELLS.shape[1]]
    tilted = CELLS + 0.5 * y + 0.3 * x
    inner = np.s_[30:-30, 30:-30]
    np.testing.assert_allclose(
        normalise(tilted, 10.0)[inner], normalise(CELLS, 10.0)[inner], atol=0.1
    )
    flat = flatten_background(0.5 * y + 0.3 * x, 10.0)
    assert np.abs(flat[inner]).max() < 0.1


def test_what_is_much_smaller_than_the_background_stays() -> None:
    speck = np.zeros((101, 101), np.float32)
    speck[50, 50] = 1
    assert flatten_background(speck, 20.0)[50, 50] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("value", [0, 0.1, 1 / 3, 1000.3, 65_535, 1e-9, 1e9, -5.7])
@pytest.mark.parametrize("background_px", [3.0, 40.0])
def test_a_constant_frame_becomes_zeros(value: float, background_px: float) -> None:
    assert not normalise(np.full((100, 140), value), background_px).any()


def test_channels_are_normalised_one_by_one() -> None:
    both = np.stack([CELLS, 1000 - 7 * CELLS[::-1]], axis=-1)
    result = normalise(both, 20.0)
    np.testing.assert_array_equal(result[..., 0], normalise(both[..., 0], 20.0))
    np.testing.assert_array_equal(result[..., 1], normalise(both[..., 1], 20.0))


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (7, 3)])
def test_any_size_works(shape: tuple[int, int]) -> None:
    result = normalise(RANDOM.random(shape), 40.0)
    assert result.shape == shape
    assert np.isfinite(result).all()
