"""Rectangles about what was chosen of an image."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cellid.imaging.regions import bound_regions, cover_boxes


def test_boxes_cover_their_pixels() -> None:
    mask = cover_boxes(np.array([[0, 0, 2, 3], [1, 2, 3, 4]]), (4, 5))
    np.testing.assert_array_equal(
        mask, [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 0]]
    )
    assert not cover_boxes(np.zeros((0, 4), np.int64), (4, 5)).any()


def test_regions_have_margins_on_the_grid() -> None:
    mask = np.zeros((50, 70), bool)
    mask[10:12, 20:25] = True
    np.testing.assert_array_equal(bound_regions(mask, 3, 8), [[0, 16, 16, 32]])
    mask[40:, 60:] = True
    regions = bound_regions(mask, 3, 8)
    assert sorted(regions.tolist()) == [[0, 16, 16, 32], [32, 56, 50, 70]]
    assert bound_regions(mask & False, 3, 8).shape == (0, 4)
    np.testing.assert_array_equal(bound_regions(mask | True, 3, 8), [[0, 0, 50, 70]])


def test_a_region_that_grew_takes_in_what_it_then_overlaps() -> None:
    mask = np.zeros((40, 40), bool)
    mask[0, :20] = mask[:20, 0] = True  # two angles, one about the corner of the other
    mask[29, 10:30] = mask[10:30, 29] = True
    mask[2:8, 22:28] = True  # beside each of them, and within both together
    np.testing.assert_array_equal(bound_regions(mask, 0, 1), [[0, 0, 30, 30]])


@given(arrays(bool, (12, 15), elements=st.booleans()), st.integers(0, 3))
def test_regions_hold_all_and_never_overlap(small: np.ndarray, margin_px: int) -> None:
    mask = np.kron(small, np.ones((3, 3))).astype(bool) & (np.arange(45) % 9 < 6)
    regions = bound_regions(mask, margin_px, 4)
    times = np.zeros(mask.shape, int)
    for y0, x0, y1, x1 in regions:
        times[y0:y1, x0:x1] += 1
    assert (times <= 1).all()
    assert (times[mask] == 1).all()
