"""Basins, and the tree of level sets that is put together from them."""

import cv2
import numpy as np
import pytest

from cellid.labeling.basins import find_basins, follow
from cellid.labeling.tree import grow_tree


def test_every_pixel_leads_to_its_maximum():
    image = np.array([[1, 5, 2, 3, 4], [0, 1, 1, 1, 0]], np.float32)
    pixels = np.flatnonzero(image > 0)

    basins = find_basins(image, pixels)

    # pixels are (0, 0) to (0, 4) and (1, 1) to (1, 3)
    np.testing.assert_array_equal(basins.peak, [1, 1, 1, 4, 4, 1, 1, 4])
    borders = {tuple(pair) for pair in basins.borders.T.tolist()}
    assert borders == {(2, 3), (6, 7)}


def test_rows_do_not_go_on_in_the_next():
    image = np.array([[1, 1, 9], [2, 1, 1]], np.float32)

    basins = find_basins(image, np.arange(6))

    np.testing.assert_array_equal(basins.peak, [3, 2, 2, 3, 3, 2])


def test_leaders_are_followed_to_the_end():
    np.testing.assert_array_equal(follow(np.array([0, 0, 1, 2, 4, 3])), [0, 0, 0, 0, 4, 0])


@pytest.mark.parametrize("kind", ["noise", "plateaus"])
def test_the_tree_has_the_components_of_every_level(kind):
    image = np.random.default_rng(5).normal(0, 1, (60, 70)).astype(np.float32)
    image = cv2.GaussianBlur(image, (0, 0), 1.2)
    if kind == "plateaus":
        image = np.round(image * 10) / 10
    levels = np.linspace(0.0, float(image.max()), 7, endpoint=False)

    tree = grow_tree(image, levels)

    of = tree.highest
    for i in reversed(range(len(tree.starts) - 1)):
        n, expected = cv2.connectedComponents(
            (image > np.float32(levels[i])).view(np.uint8), connectivity=4
        )
        of = np.where(of >= tree.starts[i + 1], tree.parent[of], of)
        found = np.where(of >= tree.starts[i], of, 0)
        assert tree.starts[i + 1] - tree.starts[i] == n - 1
        # As many pairs of numbers as there are components: each has one of either.
        assert np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1).shape[1] == n
