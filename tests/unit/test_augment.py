"""Augmentation: image and labels together, no blank space, repeatable."""

import numpy as np
import pytest

from cellid.augment import change_patch, sample_window
from cellid.config import AugmentSettings, PatchAugmentSettings

NOTHING = AugmentSettings(rotation_deg=0, shift=0, shear_deg=0, flips=False)
EVERYTHING = AugmentSettings(shift=0.4, shear_deg=30, zoom=0.4)
RANDOM = np.random.default_rng(0)


def blobs(shape: tuple[int, int] = (150, 180)) -> np.ndarray:
    """Return a mask of irregular blobs, larger than a pixel."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = sum(
        np.sin(RANDOM.uniform(-0.3, 0.3) * y + RANDOM.uniform(-0.3, 0.3) * x) for _ in range(8)
    )
    return (waves > 1).astype(np.float32)


MASK = blobs()


@pytest.mark.parametrize(
    "settings",
    [
        NOTHING,
        EVERYTHING,
        AugmentSettings(),
        NOTHING.model_copy(update={"rotation_deg": 180.0}),
        NOTHING.model_copy(update={"shift": 0.5}),
        NOTHING.model_copy(update={"shear_deg": 40.0}),
        NOTHING.model_copy(update={"flips": True}),
        NOTHING.model_copy(update={"zoom": 0.5}),
    ],
)
def test_image_and_mask_move_together(settings: AugmentSettings) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        window, mask = sample_window(MASK, MASK, 96, settings, rng)
        clear = np.abs(window - 0.5) > 0.26  # off the outline by more than half a pixel
        assert clear.mean() > 0.5
        np.testing.assert_array_equal(mask[clear], window[clear] > 0.5)
        # On the outline too they agree on the whole: no shift of a part of a pixel
        assert abs(mask.mean() - window.mean()) < 0.004


def test_shapes_and_dtypes() -> None:
    image = RANDOM.random((150, 180, 3)).astype(np.float32)
    window, mask = sample_window(image, MASK, 64, EVERYTHING, np.random.default_rng(0))
    assert (window.shape, window.dtype) == ((64, 64, 3), np.float32)
    assert (mask.shape, mask.dtype) == ((64, 64), np.float32)


@pytest.mark.parametrize("shape", [(150, 180), (40, 50), (96, 96)])
def test_there_is_no_blank_space(shape: tuple[int, int]) -> None:
    image = np.full(shape, 5, np.float32)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        window, mask = sample_window(image, image, 96, EVERYTHING, rng)
        np.testing.assert_allclose(window, 5, rtol=1e-5)
        assert (mask == 5).all()


def test_a_seed_gives_the_same_window_and_another_another() -> None:
    settings = AugmentSettings(zoom=0.2, contrast=0.3, brightness=0.3, noise=0.1)
    image = RANDOM.random(MASK.shape).astype(np.float32)
    first, again, other = (
        sample_window(image, MASK, 64, settings, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert np.abs(first[0] - other[0]).mean() > 0.1


def test_inputs_are_not_written() -> None:
    image = RANDOM.random(MASK.shape).astype(np.float32)
    image.flags.writeable = False
    mask = MASK.copy()
    mask.flags.writeable = False
    settings = AugmentSettings(contrast=0.3, brightness=0.3, noise=0.1)
    sample_window(image, mask, 64, settings, np.random.default_rng(0))


def test_no_extent_is_the_image_itself() -> None:
    image = RANDOM.random((64, 64)).astype(np.float32)
    mask = np.float32(image > 0.5)
    window, window_mask = sample_window(image, mask, 64, NOTHING, np.random.default_rng(0))
    np.testing.assert_array_equal(window, image)
    np.testing.assert_array_equal(window_mask, mask)


def where(settings: AugmentSettings, n: int = 300) -> np.ndarray:
    """Return the image coordinates (y, x) seen in the corners and the centre of windows."""
    y, x = np.mgrid[:200, :300].astype(np.float32)
    grid = np.stack([y, x], axis=-1)
    windows = [
        sample_window(grid, y, 33, settings, np.random.default_rng(seed)) for seed in range(n)
    ]
    return np.array([[w[0, 0], w[0, -1], w[-1, 0], w[16, 16]] for w, _ in windows])


def test_unturned_windows_fall_anywhere_within_the_image() -> None:
    seen = where(NOTHING)
    np.testing.assert_allclose(seen[:, 3] - seen[:, 0], 16, atol=1e-3)
    low, high = seen[:, 0].min(axis=0), seen[:, 0].max(axis=0)
    assert (low >= 0).all()
    assert (high <= [167, 267]).all()
    assert (low < [6, 9]).all()
    assert (high > [161, 258]).all()


def test_shifts_stay_within_their_bounds() -> None:
    settings = NOTHING.model_copy(update={"shift": 0.25})
    y, x = np.mgrid[:101, :101].astype(np.float32)
    grid = np.stack([y, x], axis=-1)
    moves = []
    for seed in range(400):
        window, _ = sample_window(grid, y, 101, settings, np.random.default_rng(seed))
        moves.append(window[50, 50] - 50)
    moves = np.array(moves)
    assert np.abs(moves).max() <= 0.25 * 101 + 1e-3
    assert np.abs(moves).max() > 0.24 * 101
    # A uniform distribution has mean 0 and this deviation
    np.testing.assert_allclose(moves.mean(axis=0), 0, atol=2.5)
    np.testing.assert_allclose(moves.std(axis=0), 0.25 * 101 / np.sqrt(3), rtol=0.1)


def test_each_mirroring_is_in_half_of_the_windows() -> None:
    seen = where(NOTHING.model_copy(update={"flips": True}))
    down = seen[:, 2, 0] < seen[:, 0, 0]
    across = seen[:, 1, 1] < seen[:, 0, 1]
    for share in (down.mean(), across.mean(), (down ^ across).mean()):
        assert 0.4 < share < 0.6


def edges(settings: AugmentSettings) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps in the image, (y, x), along a window's row and column."""
    # A corner outside is reflected to near the edge: only those far from it count
    seen = where(settings)
    inside = ((seen > 20).all(axis=2) & (seen < [179, 279]).all(axis=2)).all(axis=1)
    seen = seen[inside]
    assert len(seen) > 100
    return (seen[:, 1] - seen[:, 0]) / 32, (seen[:, 2] - seen[:, 0]) / 32


def test_rotation_stays_within_its_bounds_and_keeps_lengths() -> None:
    row, column = edges(NOTHING.model_copy(update={"rotation_deg": 30.0}))
    angle = np.rad2deg(np.arctan2(row[:, 0], row[:, 1]))
    assert 29 < np.abs(angle).max() <= 30.1
    np.testing.assert_allclose(np.linalg.norm(row, axis=1), 1, atol=0.01)
    np.testing.assert_allclose((row * column).sum(axis=1), 0, atol=0.01)


def test_shear_stays_within_its_bounds_and_keeps_areas() -> None:
    row, column = edges(NOTHING.model_copy(update={"shear_deg": 20.0}))
    angle = np.rad2deg(np.arctan2(column[:, 1], column[:, 0]))
    assert 19 < np.abs(angle).max() <= 20.1
    area = row[:, 1] * column[:, 0] - row[:, 0] * column[:, 1]
    np.testing.assert_allclose(area, 1, atol=0.01)


def test_zoom_in_and_out_are_equally_likely() -> None:
    row, column = edges(NOTHING.model_copy(update={"zoom": 0.5}))
    size = np.linalg.norm(row, axis=1)
    np.testing.assert_allclose(np.linalg.norm(column, axis=1), size, atol=0.01)
    assert 1 / 1.5 - 0.01 < size.min() < 0.7
    assert 1.45 < size.max() < 1.51
    assert 0.4 < (size > 1).mean() < 0.6


def test_intensities_change_within_their_bounds_and_the_mask_does_not() -> None:
    image = MASK[:96, :96]
    mask = image > 0
    settings = NOTHING.model_copy(update={"contrast": 0.5, "brightness": 0.3})
    contrasts, offsets = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        window, window_mask = sample_window(image, image, 96, settings, rng)
        np.testing.assert_array_equal(window_mask, mask)
        offsets.append(window[~mask].mean())
        contrasts.append(window[mask].mean() - offsets[-1])
        assert window[mask].std() < 1e-5
    assert 1 / 1.5 - 1e-4 < min(contrasts) < 0.7
    assert 1.45 < max(contrasts) < 1.5 + 1e-4
    assert -0.3 - 1e-4 < min(offsets) < -0.25
    assert 0.25 < max(offsets) < 0.3 + 1e-4


def test_noise_is_white_and_within_its_bound() -> None:
    settings = NOTHING.model_copy(update={"noise": 0.2})
    image = np.zeros((96, 96), np.float32)
    windows = [
        sample_window(image, MASK[:96, :96], 96, settings, np.random.default_rng(seed))[0]
        for seed in range(60)
    ]
    levels = [window.std() for window in windows]
    assert max(levels) < 0.205
    assert max(levels) > 0.18
    assert min(levels) < 0.02
    loudest = windows[int(np.argmax(levels))]
    neighbours = np.corrcoef(loudest[:, 1:].ravel(), loudest[:, :-1].ravel())[0, 1]
    assert abs(neighbours) < 0.05


def test_a_patch_is_lit_by_two_factors_and_turned() -> None:
    settings = PatchAugmentSettings(rotation_deg=0, flips=False, noise=0)
    patch = np.random.default_rng(1).uniform(size=(8, 8, 1)).astype(np.float32)
    means, spreads = [], []
    for seed in range(200):
        lit = change_patch(patch, settings, np.random.default_rng(seed))
        assert lit.shape == patch.shape
        means.append(lit.mean() / patch.mean())
        spreads.append(lit.std() / patch.std() / means[-1])
        # One line through all pixels: nothing but brightness and contrast has changed
        assert np.corrcoef(lit.ravel(), patch.ravel())[0, 1] == pytest.approx(1)
    for factors in (means, spreads):
        assert 0.7 <= min(factors) < 0.72
        assert 1.28 < max(factors) <= 1.3
    turned = change_patch(patch, PatchAugmentSettings(jitter=0, noise=0), np.random.default_rng(0))
    assert not np.allclose(turned, patch)
    grey = np.full((8, 8, 1), 0.5, np.float32)
    noisy = [
        change_patch(grey, PatchAugmentSettings(jitter=0, noise=0.1), np.random.default_rng(seed))
        for seed in range(50)
    ]
    assert 0.07 < max(each.std() for each in noisy) < 0.12
