"""Tiles cover an image, agree in their overlaps and leave no seam."""

import numpy as np
import pytest

from cellid.imaging.tiles import Tiling, merge_tiles

TILINGS = [
    Tiling((517, 389), 128, 24, 16),
    Tiling((517, 389), 130, 23, 16),
    Tiling((100, 1000), 256, 93, 16),
    Tiling((1040, 1408), 512, 96, 16),
    Tiling((5, 7), 64, 8, 4),
    Tiling((300, 300), 64, 96, 16),
]


def disturbed(tiling: Tiling, image: np.ndarray) -> np.ndarray:
    """Merge tiles in which all within the margin of an inner edge is spoilt."""
    padded = tiling.pad(image)
    height, width = tiling.tile_shape

    def tiles():
        for y0, x0 in tiling.corners():
            tile = padded[y0 : y0 + height, x0 : x0 + width].copy()
            assert tile.shape == (height, width)
            if y0:
                tile[: tiling.margin_px] = 9
            if y0 + height < padded.shape[0]:
                tile[-tiling.margin_px :] = 9
            if x0:
                tile[:, : tiling.margin_px] = 9
            if x0 + width < padded.shape[1]:
                tile[:, -tiling.margin_px :] = 9
            yield (y0, x0), np.stack([tile, -tile])

    merged, negative = merge_tiles(tiling, tiles(), 2)
    np.testing.assert_array_equal(negative, -merged)
    return merged


@pytest.mark.parametrize("tiling", TILINGS)
def test_the_merged_image_is_free_of_what_disturbs_edges(tiling: Tiling) -> None:
    image = np.random.default_rng(0).random(tiling.shape, np.float32)
    merged = disturbed(tiling, image)
    assert merged.shape == tiling.shape
    assert merged.dtype == np.float32
    np.testing.assert_allclose(merged, image, atol=1e-6)


@pytest.mark.parametrize("tiling", TILINGS)
def test_corners_and_sides_are_multiples_of_the_step(tiling: Tiling) -> None:
    assert all(y % tiling.step_px == x % tiling.step_px == 0 for y, x in tiling.corners())
    assert all(side % tiling.step_px == 0 for side in (*tiling.tile_shape, *tiling.padded_shape))
    for side, padded, length in zip(
        tiling.tile_shape, tiling.padded_shape, tiling.shape, strict=True
    ):
        assert side <= padded
        assert length <= padded < length + tiling.step_px


def test_overlaps_are_blended_without_a_step() -> None:
    tiling = Tiling((64, 512), 128, 8, 8)
    corners = list(tiling.corners())
    assert len(corners) > 2
    constant = {corner: float(i % 2) for i, corner in enumerate(corners)}
    (merged,) = merge_tiles(
        tiling, ((c, np.full((1, *tiling.tile_shape), v)) for c, v in constant.items()), 1
    )
    assert merged.min() == pytest.approx(0, abs=1e-5)
    assert merged.max() == pytest.approx(1, abs=1e-5)
    assert np.ptp(merged, axis=0).max() < 1e-6
    sharpest = np.abs(np.diff(merged[0])).max()
    overlap = tiling.tile_shape[1] - (corners[1][1] - corners[0][1])
    if overlap > 2 * tiling.margin_px:
        assert sharpest < 2 / (overlap - 2 * tiling.margin_px)


def test_one_tile_is_the_image() -> None:
    tiling = Tiling((30, 50), 64, 8, 4)
    assert list(tiling.corners()) == [(0, 0)]
    assert tiling.padded_shape == (32, 52)


def test_padding_reflects() -> None:
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    padded = Tiling((3, 4), 64, 8, 8).pad(image)
    np.testing.assert_array_equal(padded, np.pad(image, ((0, 5), (0, 4)), mode="reflect"))
    assert Tiling((1, 1), 64, 8, 8).pad(image[:1, :1]).shape == (8, 8)
    channels = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    assert Tiling((3, 4), 64, 8, 8).pad(channels).shape == (8, 8, 5)
