import math

import numpy as np

from cellid.evaluation.contingency import tabulate_overlap
from cellid.evaluation.pixel import PixelCounts, count_pixels

from .pictures import draw

TRUE = draw(
    "......",
    ".AA...",
    ".AA...",
    "......",
    "....B.",
    "......",
)
PREDICTED = draw(
    "......",
    ".aaa..",
    ".aa...",
    "......",
    "......",
    "b.....",
)


def test_hand_counted_pixels():
    counts = count_pixels(tabulate_overlap(TRUE, PREDICTED))

    assert counts == PixelCounts(4, 2, 1, 29)
    assert counts.precision == 4 / 6
    assert counts.recall == 4 / 5
    assert counts.accuracy == 33 / 36
    assert counts.dice == 8 / 11
    assert counts.iou == 4 / 7


def test_masks_count_as_their_labels_do():
    labels = count_pixels(tabulate_overlap(TRUE, PREDICTED))

    assert count_pixels(tabulate_overlap(TRUE > 0, PREDICTED > 0)) == labels


def test_two_images_pool_by_their_pixels():
    first = PixelCounts(4, 2, 1, 29)
    second = PixelCounts(0, 0, 6, 30)

    assert first + second == PixelCounts(4, 2, 7, 59)
    assert (first + second).recall == 4 / 11


def test_scores_of_an_empty_image_are_undefined_but_its_accuracy():
    empty = np.zeros((6, 6), bool)
    counts = count_pixels(tabulate_overlap(empty, empty))

    assert counts.accuracy == 1
    scores = counts.precision, counts.recall, counts.dice, counts.iou
    assert all(math.isnan(score) for score in scores)


def test_no_prediction_on_true_pixels_is_a_score_of_zero():
    counts = count_pixels(tabulate_overlap(TRUE, np.zeros_like(TRUE)))

    assert math.isnan(counts.precision)
    assert (counts.recall, counts.dice, counts.iou) == (0, 0, 0)
