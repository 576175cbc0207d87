"""The steps of the automatic method, one by one, on images small enough to reckon by hand."""

import cv2
import numpy as np
import pytest

from cellid.labeling.enhancement import enhance
from cellid.labeling.field import fill_dead
from cellid.labeling.outline import outline, sharpen
from cellid.labeling.quality import judge, weighted_median
from cellid.labeling.scale import estimate_diameter, measure_noise
from cellid.labeling.shape import (
    find_cut,
    measure_ellipticity,
    measure_length,
    score_likeness,
    sum_moments,
)
from cellid.labeling.splitting import cut_waists
from cellid.labeling.tree import grow_tree, select_nuclei

Y, X = np.mgrid[:80, :100]


def disc(y, x, radius):
    return (Y - y) ** 2 + (X - x) ** 2 <= radius**2


def ellipticity(mask):
    moments = sum_moments(mask.astype(np.int32).ravel(), mask.shape[1], 2)
    return measure_ellipticity(moments)[1]


def test_moments_are_sums_over_pixels():
    labels = np.array([[0, 1, 1], [2, 0, 1]])

    moments = sum_moments(labels.ravel(), 3, 3)

    # 1, y, x, y², x², xy; background is not summed
    np.testing.assert_array_equal(moments, [[0] * 6, [3, 1, 5, 1, 9, 2], [1, 1, 0, 1, 0, 0]])


def test_an_ellipse_of_any_elongation_scores_one():
    turned = (X - 50 + (Y - 40)) ** 2 / 40**2 + (X - 50 - (Y - 40)) ** 2 / 12**2 <= 1

    assert ellipticity(disc(40, 50, 15)) == pytest.approx(1, abs=0.01)
    assert ellipticity(turned) == pytest.approx(1, abs=0.02)


def test_the_length_is_the_major_axis():
    turned = (X - 50 + (Y - 40)) ** 2 / 40**2 + (X - 50 - (Y - 40)) ** 2 / 12**2 <= 1
    moments = [sum_moments(m.astype(np.int32).ravel(), 100, 2)[1] for m in (turned, X == 7)]

    # semi-axis 40 / √2 along the diagonal; a uniform line of 80 has variance 80² / 12
    expected = [2 * 40 / np.sqrt(2), 4 * 80 / np.sqrt(12)]
    np.testing.assert_allclose(measure_length(np.stack(moments)), expected, rtol=0.01)


def test_two_touching_discs_are_no_ellipse():
    # A = 2πr², covariance r²/4 across and 5r²/4 along: A / (4π √(5/16) r²) = 2/√5
    pair = disc(40, 35, 14) | disc(40, 63, 14)

    assert ellipticity(pair) == pytest.approx(2 / np.sqrt(5), abs=0.01)


def test_likeness_asks_for_shape_and_size():
    masks = [disc(40, 50, 15), disc(40, 50, 5), disc(40, 35, 14) | disc(40, 63, 14)]
    moments = np.stack([sum_moments(m.astype(np.int32).ravel(), 100, 2)[1] for m in masks])

    score = score_likeness(moments, np.pi * 15**2, np.zeros(3, bool))
    at_border = score_likeness(moments, np.pi * 15**2, np.ones(3, bool))

    assert score[0] > 0.9
    assert score[2] < 0.1
    # ln(1/9) = -2.20, over a spread of 0.9, and half of it where the border cuts
    assert score[1] == pytest.approx(np.exp(-((2.20 / 0.9) ** 2) / 2), abs=0.01)
    assert at_border[1] == pytest.approx(np.exp(-((1.10 / 0.9) ** 2) / 2), abs=0.05)


def test_labels_at_the_border_are_found():
    labels = np.zeros((5, 6), np.int32)
    labels[0, 2], labels[2, 2], labels[3, 5] = 1, 2, 3

    np.testing.assert_array_equal(find_cut(labels, 4), [True, True, False, True])


def test_the_tree_holds_every_component_once():
    image = np.array([[1, 2, 1, 0, 3], [0, 0, 0, 0, 0]], np.float32)

    tree = grow_tree(image, np.array([0.5, 1.5, 2.5]))

    # level 0.5: components 1 and 2; 1.5: one in each; 2.5: only the right one
    assert tree.starts == [1, 3, 5, 6]
    np.testing.assert_array_equal(tree.parent, [0, 0, 0, 1, 2, 4])
    np.testing.assert_array_equal(tree.highest, [[1, 3, 1, 0, 5], [0, 0, 0, 0, 0]])


def test_each_nucleus_is_taken_at_the_level_that_shows_it():
    # a pair that only the higher level parts, and a dim one that only the lower level holds
    image = np.zeros((80, 100), np.float32)
    image[disc(25, 25, 10) | disc(25, 44, 10)] = 1
    image[disc(25, 25, 8) | disc(25, 44, 8)] = 3
    image[disc(60, 75, 10)] = 1

    labels = select_nuclei(grow_tree(image, np.array([0.5, 2.0])), np.pi * 100)

    assert labels.max() == 3
    assert len({int(labels[25, 25]), int(labels[25, 44]), int(labels[60, 75])}) == 3
    assert labels[60, 66] == labels[60, 75]


def test_waists_are_cut_and_bands_are_not():
    objects = np.zeros((80, 100), np.int32)
    objects[disc(20, 20, 10) | disc(20, 38, 10) | disc(38, 29, 10)] = 1
    objects[50:62, 5:95] = 2
    objects[disc(25, 75, 12)] = 3

    pieces = cut_waists(objects, 20.0)

    centres = [int(pieces[y, x]) for y, x in ((20, 20), (20, 38), (38, 29), (56, 50), (25, 75))]
    assert sorted(centres) == [1, 2, 3, 4, 5]
    assert np.unique(pieces[50:62, 5:95]).tolist() == [centres[3]]
    assert (pieces[objects > 0] > 0).mean() > 0.95


def test_noise_is_measured_beside_structure():
    rng = np.random.default_rng(0)
    nuclei = 500.0 * (disc(20, 30, 12) | disc(60, 70, 12))
    image = (nuclei + rng.normal(100, 7, (80, 100))).astype(np.float32)

    assert measure_noise(image) == pytest.approx(7, rel=0.15)
    assert measure_noise(np.round(image / 20) * 20) == pytest.approx(7, rel=0.4)
    assert measure_noise(np.zeros((80, 100), np.float32)) == 0
    assert measure_noise(np.zeros((3, 3), np.float32)) == 0


@pytest.mark.parametrize("radius", [4, 7, 12, 20])
def test_the_diameter_of_discs_is_estimated(radius):
    y, x = np.mgrid[: 12 * radius, : 12 * radius] % (4 * radius) - 2 * radius
    image = cv2.GaussianBlur(np.where(y**2 + x**2 <= radius**2, 9.0, 0), (0, 0), 1)

    estimate = estimate_diameter(image.astype(np.float32), 0.1)

    assert estimate == pytest.approx(2 * radius, rel=0.2)


def test_a_dead_corner_is_filled_and_a_black_background_is_not():
    rng = np.random.default_rng(0)
    image = rng.normal(200, 5, (80, 100)).astype(np.float32)
    image[:20, :30] = 0
    black = np.maximum(cv2.GaussianBlur(np.float32(disc(40, 50, 15)) * 90, (0, 0), 4), 1)

    filled, dead = fill_dead(image, 5.0)
    same, none = fill_dead(black, 0.0)

    assert dead is not None
    np.testing.assert_array_equal(np.argwhere(dead).max(axis=0), [19, 29])
    assert dead.sum() == 20 * 30
    np.testing.assert_allclose(filled[:20, :30], 200, atol=10)
    assert same is black
    assert none is None


def test_the_outline_runs_at_half_height_inside_its_zone():
    stain = np.zeros((80, 100), np.float32)
    stain[disc(40, 30, 7)] = 100
    stain[disc(40, 70, 7)] = 1000
    stain = cv2.GaussianBlur(stain, (0, 0), 1)
    cores = np.zeros((80, 100), np.int32)
    cores[disc(40, 30, 5)], cores[disc(40, 70, 5)] = 1, 2
    work = enhance(stain, 13.0, 0.0)
    assert work is not None
    assert work.stain.shape == stain.shape

    found = outline(cores, work)
    labels = sharpen(stain, found, work, 13.0)

    for number in (1, 2):
        assert np.sqrt((labels == number).sum() / np.pi) == pytest.approx(7, abs=0.4)
    np.testing.assert_allclose(found.inside[1:], [100, 1000], rtol=0.05)
    quality = judge(found, work)
    np.testing.assert_allclose(quality.contrast, [100, 1000], rtol=0.1)
    assert not quality.touches_border.any()


def test_the_weighted_median_halves_the_weight():
    assert weighted_median(np.array([5.0, 1.0, 3.0]), np.array([1.0, 1.0, 5.0])) == 3
    assert weighted_median(np.zeros(0), np.zeros(0)) == 0
