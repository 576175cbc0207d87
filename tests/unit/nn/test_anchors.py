"""Anchors, typed out, and sizes taken from boxes."""

import numpy as np
import pytest

from cellid.config import AnchorSettings
from cellid.nn.anchors import anchor_sides, fit_anchors, level_anchors, pyramid_anchors

# Sizes 8 and 16, with height = width and height = 4 · width, on a 1 × 2 grid of 10 px steps
SQUARE_AND_TALL = [
    [-4, -4, 4, 4],
    [-8, -8, 8, 8],
    [-8, -2, 8, 2],
    [-16, -4, 16, 4],
    [-4, 6, 4, 14],
    [-8, 2, 8, 18],
    [-8, 8, 8, 12],
    [-16, 6, 16, 14],
]


def test_anchors_of_a_level() -> None:
    sides = anchor_sides((8, 16), (1.0, 4.0), whole_px=False)
    anchors = level_anchors(sides, (1, 2), (10, 10))
    assert anchors.dtype == np.float32
    np.testing.assert_array_equal(anchors, SQUARE_AND_TALL)


def test_nine_anchors_as_torchvision_rounds_them() -> None:
    sides = anchor_sides((32, 40, 50), (0.5, 1.0, 2.0), whole_px=True)
    wide = [[22, 46], [28, 56], [36, 70]]
    tall = [[46, 22], [56, 28], [70, 36]]
    np.testing.assert_array_equal(sides, [*wide, [32, 32], [40, 40], [50, 50], *tall])


def test_the_steps_of_a_pyramid() -> None:
    settings = AnchorSettings(sizes=((8,), (16,)), ratios=(1.0,))
    fine, coarse = pyramid_anchors(settings, (3, 4), (24, 40))
    np.testing.assert_array_equal(np.unique((fine[:, 0] + fine[:, 2]) / 2), [0, 8, 16])
    # two places for 24 rows, which are no multiple of 16
    np.testing.assert_array_equal(np.unique((coarse[:, 0] + coarse[:, 2]) / 2), [0, 12])
    assert len(fine) == 3 * 5
    assert len(coarse) == 2 * 3


def test_sizes_and_ratios_come_from_the_boxes() -> None:
    small, large = np.array([[0, 0, 4, 16]]), np.array([[5, 5, 69, 69]])
    settings = AnchorSettings(n_sizes=2, n_ratios=3)
    fitted = fit_anchors(settings, (2, 3, 4), np.vstack([small] * 5 + [large]))
    assert fitted.sizes[0] == pytest.approx((8, 8))  # smaller than any level's: the finest
    assert fitted.sizes[1] == pytest.approx((32, 32 * 2**0.5))  # no box: RetinaNet's
    assert fitted.sizes[2] == pytest.approx((64, 64))
    assert fitted.ratios == pytest.approx((1 / 4, 1 / 4, 4 ** (-5 / 6)))


def test_what_is_set_stays() -> None:
    settings = AnchorSettings(sizes=((9,),), ratios=(2.0,))
    assert fit_anchors(settings, (3,), np.zeros((0, 4))) == settings
