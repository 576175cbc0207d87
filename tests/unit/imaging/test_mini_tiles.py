"""Tiles of mini-tiles cover an image and share it out; objects are cut where they are seen."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cellid.config import TileSettings
from cellid.errors import CellidError
from cellid.imaging.mini_tiles import MiniTiling, choose_tiling, cut_labels, cut_objects
from cellid.types import ObjectPixels

LIVECELL = MiniTiling((520, 704), (7, 7), 3)


def test_livecell_s_tiles_are_those_of_the_report() -> None:
    assert len(LIVECELL.tiles) == 25
    assert LIVECELL.tile_shape == (222, 300)
    assert LIVECELL.tiles[[0, 6, -1]].tolist() == [
        [0, 0, 222, 300],
        [74, 101, 296, 401],
        [298, 404, 520, 704],
    ]
    # The centre mini-tile of one in the middle, and as far as the border at a corner
    assert LIVECELL.owned[6].tolist() == [148, 200, 222, 301]
    assert LIVECELL.owned[0].tolist() == [0, 0, 148, 200]
    assert LIVECELL.owned[-1].tolist() == [372, 503, 520, 704]


@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.integers(2, 7),
)
def test_tiles_cover_an_image_and_their_regions_part_it(
    shape: tuple[int, int], grid: tuple[int, int], window: int
) -> None:
    assume(all(n <= window or side // n >= 5 for side, n in zip(shape, grid, strict=True)))
    tiling = MiniTiling(shape, grid, window)
    assert len(tiling.tiles) == np.prod([max(n - window, 0) + 1 for n in grid])
    owners = np.zeros(shape, int)
    region = np.full(shape, -1)
    for number, (tile, owned) in enumerate(zip(tiling.tiles, tiling.owned, strict=True)):
        assert (tile[2:] - tile[:2]).tolist() == list(tiling.tile_shape)
        assert (tile[:2] >= 0).all()
        assert (tile[2:] <= shape).all()
        assert (tile[:2] <= owned[:2]).all()
        assert (owned[2:] <= tile[2:]).all()
        owners[owned[0] : owned[2], owned[1] : owned[3]] += 1
        region[owned[0] : owned[2], owned[1] : owned[3]] = number
    assert (owners == 1).all()
    # A pixel's tile shows all around it, so that parts of an object meet in some tile
    for axis, starts in enumerate(tiling.tiles.T[:2]):
        assert (np.diff(np.unique(starts)) <= tiling.tile_shape[axis] - 2).all()
    np.testing.assert_array_equal(tiling.owner(*np.indices(shape)), region)


@given(st.tuples(st.integers(1, 3000), st.integers(1, 3000)), st.integers(64, 400))
def test_any_image_has_tiles_no_longer_than_wanted(shape: tuple[int, int], tile_px: int) -> None:
    tiling = choose_tiling(shape, TileSettings(tile_px=tile_px))
    for side, length, across in zip(tiling.tile_shape, shape, tiling.tiles.T[:2], strict=True):
        assert side <= tile_px
        if length <= tile_px:
            assert side == length
        else:
            assert side > tile_px / 2
        steps = np.diff(np.unique(across))
        assert (steps <= side / 2).all()  # what is half a tile long is whole in one


def test_a_grid_that_is_too_fine_is_refused() -> None:
    assert len(choose_tiling((520, 704), TileSettings(grid=(7, 7))).tiles) == 25
    with pytest.raises(CellidError, match="coarser grid"):
        choose_tiling((20, 704), TileSettings(grid=(7, 7)))


def test_an_object_is_a_tile_s_from_its_least_share() -> None:
    labels = np.zeros((60, 20), np.int32)
    labels[5:15, 3] = 7  # the first of three tiles shows it all, the second three pixels
    tiling = MiniTiling(labels.shape, (5, 1), 3)
    assert tiling.tiles[:, [0, 2]].tolist() == [[0, 36], [12, 48], [24, 60]]
    for least, expected in ((0.3, [10, 3, 0]), (0.31, [10, 0, 0]), (0.0, [10, 3, 0])):
        cut = list(cut_labels(labels, tiling, least))
        assert [np.count_nonzero(tile == 7) for tile in cut] == expected
        assert {tile.shape for tile in cut} == {(36, 20)}
        by_pixel = list(cut_objects(ObjectPixels.of_labels(labels), tiling, least))
        assert [objects.areas_px.tolist() for objects, _ in by_pixel] == [
            [px] if px else [] for px in expected
        ]
        for tile, (objects, _) in zip(cut, by_pixel, strict=True):
            np.testing.assert_array_equal(objects.draw() > 0, tile > 0)


def test_objects_that_overlap_are_cut_each_by_itself() -> None:
    rows, columns = np.indices((4, 4)).reshape(2, -1)
    objects = ObjectPixels.of_objects(
        (60, 20), [(rows, columns), (rows + 30, columns), (rows, columns + 1)]
    )
    (of_first, first), (of_second, second), _ = cut_objects(
        objects, MiniTiling((60, 20), (5, 1), 3), 0.5
    )
    assert (first.tolist(), second.tolist()) == ([0, 1, 2], [1])
    assert of_first.areas_px.tolist() == [16, 16, 16]
    assert (of_second.y.min(), of_second.shape) == (18, (36, 20))
