"""Objects of overlapping tiles become those of the whole: no doubles, none lost."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from skimage.measure import label

from cellid.config import TileSettings
from cellid.errors import CellidError
from cellid.evaluation.matching import Matching, match_objects
from cellid.imaging.mini_tiles import MiniTiling, choose_tiling, cut_labels, cut_objects
from cellid.imaging.stitching import stitch_detections, stitch_labels, stitch_objects
from cellid.io.images import open_image
from cellid.io.outlines import read_outlines
from cellid.types import Detections, Labels, ObjectPixels

# Three tiles of 30×30 in a row, at 0, 10 and 20; they answer for 0-20, 20-30 and 30-50
ROW = MiniTiling((30, 50), (3, 5), 3)
SETTINGS = TileSettings()


def block(y0: int, x0: int, y1: int, x1: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[y0:y1, x0:x1].reshape(2, -1)
    return rows, columns


def seen(*tiles: list[tuple[np.ndarray, np.ndarray]]) -> list[ObjectPixels]:
    """Tiles of `ROW` with objects given in pixels of the whole."""
    return [
        ObjectPixels.of_objects((30, 30), [(y, x - 10 * place) for y, x in objects])
        for place, objects in enumerate(tiles)
    ]


def pixels(objects: ObjectPixels) -> list[set[tuple[int, int]]]:
    return [set(zip(y.tolist(), x.tolist(), strict=True)) for y, x in objects.each()]


def same(*objects: tuple[np.ndarray, np.ndarray]) -> list[set[tuple[int, int]]]:
    return [set(zip(y.tolist(), x.tolist(), strict=True)) for y, x in objects]


def test_an_object_that_two_tiles_claim_is_kept_from_the_one_with_most_of_it() -> None:
    assert ROW.tiles[:, 1].tolist() == [0, 10, 20]
    assert ROW.owned[:, [1, 3]].tolist() == [[0, 20], [20, 30], [30, 50]]
    left, right = block(5, 13, 15, 25), block(5, 15, 15, 26)
    found = stitch_objects(ROW, seen([left], [right], []), SETTINGS)
    assert pixels(found) == same(left)
    longer = block(5, 14, 15, 28)
    found = stitch_objects(ROW, seen([block(5, 13, 15, 23)], [longer], []), SETTINGS)
    assert pixels(found) == same(longer)
    found = stitch_objects(ROW, seen([block(5, 16, 15, 25)], [right], []), SETTINGS)
    assert pixels(found) == same(right)


def test_an_object_that_no_tile_claims_is_kept_once() -> None:
    left, right = block(5, 15, 15, 26), block(5, 14, 15, 25)
    found = stitch_objects(ROW, seen([left], [right], []), SETTINGS)
    assert pixels(found) == same(left)  # it has a column in its tile's region more


def test_the_tile_that_answers_for_a_place_says_whether_something_is_there() -> None:
    there = block(5, 21, 15, 27)
    assert stitch_objects(ROW, seen([there], [], [there]), SETTINGS).n_objects == 0
    assert stitch_objects(ROW, seen([], [there], []), SETTINGS).n_objects == 1


def test_a_whole_object_stands_for_one_that_is_cut() -> None:
    """Most of it lies where the first tile answers, whose border cuts its tail."""
    heavy, tail = block(2, 13, 20, 20), block(10, 20, 11, 36)
    whole = tuple(np.concatenate(axis) for axis in zip(heavy, tail, strict=True))
    cut = tuple(np.concatenate(axis) for axis in zip(heavy, block(10, 20, 11, 30), strict=True))
    shifted = (whole[0], whole[1] + 1)
    assert pixels(stitch_objects(ROW, seen([cut], [shifted], []), SETTINGS)) == same(shifted)


def test_an_object_longer_than_a_tile_is_put_together() -> None:
    whole = block(5, 2, 12, 48)
    parts = [block(5, 2, 12, 30), block(5, 10, 12, 40), block(5, 20, 12, 48)]
    found = stitch_objects(ROW, seen(*([part] for part in parts)), SETTINGS)
    assert pixels(found) == same(whole)
    # The first and the last tile agree on ten columns
    found = stitch_objects(ROW, seen([parts[0]], [], [parts[2]]), SETTINGS)
    assert pixels(found) == same(whole)


def test_an_object_found_in_pieces_by_one_tile_is_there_once() -> None:
    whole, pieces = block(5, 13, 15, 25), [block(5, 13, 15, 19), block(5, 19, 15, 25)]
    found = stitch_objects(ROW, seen([whole], pieces, []), SETTINGS)
    assert pixels(found) in (same(whole), same(*pieces))
    # The second piece lies where the other tile answers, which knows it as a part of the whole
    pieces = [block(5, 13, 15, 21), block(5, 21, 15, 26)]
    found = stitch_objects(ROW, seen(pieces, [block(5, 13, 15, 26)], []), SETTINGS)
    assert pixels(found) == same(*pieces)
    pieces = [block(5, 20, 15, 28), block(5, 15, 15, 20)]
    found = stitch_objects(ROW, seen([block(5, 15, 15, 28)], pieces, []), SETTINGS)
    assert pixels(found) == same(*pieces)


def test_objects_that_overlap_in_every_tile_all_stay() -> None:
    large, inside, twin = block(2, 12, 22, 28), block(8, 16, 12, 23), block(2, 13, 22, 29)
    every = ObjectPixels.of_objects(ROW.shape, [large, inside, twin])
    tiles = [objects for objects, _ in cut_objects(every, ROW, 0.0)]
    found = pixels(stitch_objects(ROW, tiles, SETTINGS))
    assert sorted(map(sorted, found)) == sorted(map(sorted, pixels(every)))


def test_nothing_found_is_nothing() -> None:
    assert stitch_objects(ROW, seen([], [], []), SETTINGS).n_objects == 0
    assert not stitch_labels(ROW, [np.zeros((30, 30), np.int32)] * 3, SETTINGS).any()


@st.composite
def crowds(draw: Callable) -> Labels:
    """Discs and bars, some longer than a tile; what others part are objects of their own."""
    shape = draw(st.tuples(st.integers(15, 70), st.integers(15, 70)))
    labels = np.zeros(shape, np.int32)
    for number in range(1, draw(st.integers(1, 12)) + 1):
        y, x = (draw(st.integers(0, side - 1)) for side in shape)
        if draw(st.booleans()):
            cv2.circle(labels, (x, y), draw(st.integers(0, 9)), number, -1)
        else:
            end = [draw(st.integers(0, side - 1)) for side in shape]
            cv2.line(labels, (x, y), end[::-1], number, draw(st.integers(1, 4)))
    return label(labels, connectivity=2).astype(np.int32)


@settings(deadline=None, max_examples=60)
@given(crowds(), st.tuples(st.integers(1, 9), st.integers(1, 9)), st.integers(2, 5))
def test_what_is_cut_and_stitched_is_as_it_was(
    labels: Labels, grid: tuple[int, int], window: int
) -> None:
    assume(all(n <= window or s // n >= 5 for s, n in zip(labels.shape, grid, strict=True)))
    tiling = MiniTiling(labels.shape, grid, window)
    found = stitch_labels(tiling, list(cut_labels(labels, tiling, 0.0)), SETTINGS)
    _assert_same_objects(found, labels)


def _assert_same_objects(found: Labels, labels: Labels) -> None:
    pairs = np.unique(np.stack([found.ravel(), labels.ravel()]), axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]
    np.testing.assert_array_equal(found > 0, labels > 0)


def as_detections(objects: ObjectPixels, side: int) -> Detections:
    """Return objects that fill their boxes in part, with masks of side×side."""
    boxes, masks = [], []
    for y, x in objects.each():
        y0, x0, y1, x1 = y.min(), x.min(), y.max() + 1, x.max() + 1
        mask = np.zeros((y1 - y0, x1 - x0), np.float32)
        mask[y - y0, x - x0] = 1
        boxes.append((y0, x0, y1, x1))
        masks.append(cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA))
    n = len(boxes)
    return Detections(
        np.reshape(boxes, (n, 4)),
        np.linspace(0.5, 0.9, n),
        np.zeros(n),
        np.reshape(masks, (n, side, side)),
    )


def test_detections_keep_their_boxes_masks_and_scores() -> None:
    small, wide = block(5, 13, 15, 25), block(18, 2, 26, 48)
    every = ObjectPixels.of_objects(ROW.shape, [small, wide])
    tiles = [as_detections(objects, 14) for objects, _ in cut_objects(every, ROW, 0.25)]
    found = stitch_detections(ROW, tiles, SETTINGS)
    assert found.boxes.tolist() == [[5, 13, 15, 25], [18, 2, 26, 48]]
    assert found.masks is not None
    np.testing.assert_allclose(found.masks, 1)
    np.testing.assert_allclose(found.scores, [0.5, 0.9])
    boxes_only = [Detections(tile.boxes, tile.scores, tile.classes) for tile in tiles]
    found = stitch_detections(ROW, boxes_only, SETTINGS)
    assert found.boxes.tolist() == [[5, 13, 15, 25], [18, 2, 26, 48]]
    assert found.masks is None
    with pytest.raises(CellidError, match="one model"):
        stitch_detections(ROW, [*boxes_only[:2], tiles[2]], SETTINGS)


def test_detections_of_two_classes_are_two() -> None:
    nothing = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0))
    left = Detections([[5, 13, 15, 25]], [0.5], [0])
    for kind, expected in ((0, [0]), (1, [0, 1])):
        right = Detections([[5, 5, 15, 17]], [0.5], [kind])  # two pixels to the right of the left
        found = stitch_detections(ROW, [left, right, nothing], SETTINGS)
        assert sorted(found.classes.tolist()) == expected


def _pool(images: list[Labels], tiles: TileSettings) -> Matching:
    found = []
    for labels in images:
        tiling = choose_tiling((labels.shape[0], labels.shape[1]), tiles)
        cut = list(cut_labels(labels, tiling, tiles.min_visible))
        stitched = stitch_labels(tiling, cut, tiles)
        found.append(match_objects(labels, stitched, iou_threshold=0.5))
    return sum(found[1:], start=found[0])


@pytest.mark.real
@pytest.mark.parametrize("tiles", [TileSettings(grid=(7, 7)), TileSettings()], ids=["7x7", "300px"])
def test_perfect_tiles_of_real_images_give_back_their_objects(
    test_data: Path, tiles: TileSettings
) -> None:
    outlines = read_outlines(test_data / "livecell_subset" / "livecell_coco_val.json")
    livecell = [each.draw((520, 704)) for each in outlines.values()]
    phase = sorted((test_data / "phase_usiigaci").glob("*_cells_gt.png"))[:3]
    nuclei = sorted((test_data / "nuclei_dsb2018" / "labels").iterdir())
    files = [open_image(path) for path in (*phase, *nuclei)]
    large = [file.read().astype(np.int32) for file in files if min(file.plane_shape) >= 512]
    for images in (livecell, large[:3], large[3:9]):
        matching = _pool(images, tiles)
        assert matching.panoptic_quality >= 0.99
        assert (matching.false_positives, matching.false_negatives) == (0, 0)


@pytest.mark.real
def test_overlapping_outlines_of_real_cells_all_stay(test_data: Path) -> None:
    outlines = read_outlines(test_data / "livecell_subset" / "livecell_coco_val.json")
    tiling = MiniTiling((520, 704), (7, 7), 3)
    for each in outlines.values():
        cells = ObjectPixels.of_objects(tiling.shape, [draw(tiling.shape) for draw in each.objects])
        assert cells.number.size > np.count_nonzero(cells.draw())  # they do overlap
        tiles = [objects for objects, _ in cut_objects(cells, tiling, SETTINGS.min_visible)]
        found = pixels(stitch_objects(tiling, tiles, SETTINGS))
        assert sorted(map(sorted, found)) == sorted(map(sorted, pixels(cells)))
