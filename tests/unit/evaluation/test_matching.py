import math

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.evaluation.contingency import tabulate_overlap
from cellid.evaluation.matching import Matching, find_pairs, match_objects, match_table

from .pictures import draw

TRUE = draw(
    "AAA...",
    "AAA...",
    "...BB.",
    "...BB.",
    "......",
    "C....D",
)
PREDICTED = draw(
    "aab...",
    "aab...",
    "...ccc",
    "...ccc",
    "......",
    "d.....",
)


def test_hand_counted_matches():
    matching = match_objects(TRUE, PREDICTED, iou_threshold=0.5)

    # A-a 4/6, B-c 4/6, C-d 1/1; b is false, D is missed.
    assert matching == Matching(3, 1, 1, pytest.approx(7 / 3), 0.5)
    assert matching.precision == 3 / 4
    assert matching.recall == 3 / 4
    assert matching.f1 == 6 / 8
    assert matching.average_precision == 3 / 5
    assert matching.mean_matched_iou == pytest.approx(7 / 9)
    assert matching.panoptic_quality == pytest.approx((7 / 3) / 4)


def test_several_thresholds_from_one_table():
    table = tabulate_overlap(TRUE, PREDICTED)

    loose, strict = match_table(table, iou_thresholds=(0.3, 0.7), min_area_px=0)

    # At 0.3 both a (4/6) and b (2/6) could be A; the better one is.
    assert loose == Matching(3, 1, 1, pytest.approx(7 / 3), 0.3)
    assert strict == Matching(1, 3, 3, 1.0, 0.7)


@pytest.mark.parametrize("min_area_px", [2, 4])
def test_small_true_objects_are_ignored_with_the_predictions_that_match_them(min_area_px):
    (matching,) = match_table(
        tabulate_overlap(TRUE, PREDICTED), iou_thresholds=(0.5,), min_area_px=min_area_px
    )

    # B has four pixels, C and D have one; d matches C and is no error, b still is.
    assert matching == Matching(2, 1, 0, pytest.approx(4 / 3), 0.5)


def test_a_small_true_object_never_takes_the_partner_of_a_judged_one():
    true = draw("AAAAAB")
    predicted = draw(".aaaaa")
    (matching,) = match_table(
        tabulate_overlap(true, predicted), iou_thresholds=(0.1,), min_area_px=2
    )

    assert matching == Matching(1, 0, 0, pytest.approx(4 / 6), 0.1)


def test_most_pairs_come_before_the_greatest_sum():
    # A-a is 8/12, more than A-b and B-a together (2/10 each), but only one pair.
    true = draw("AAAAAAAAAABB")
    predicted = draw("bbaaaaaaaaaa")
    table = tabulate_overlap(true, predicted)

    pairs = find_pairs(table, iou_threshold=0.2)

    assert pairs.true_index.tolist() == [0, 1]
    assert pairs.predicted_index.tolist() == [1, 0]
    assert pairs.iou.tolist() == [2 / 10, 2 / 10]


def test_two_halves_at_one_half_are_one_match():
    matching = match_objects(draw("AAAA"), draw("aabb"), iou_threshold=0.5)

    assert matching == Matching(1, 1, 0, 0.5, 0.5)


@pytest.mark.parametrize(("shared", "threshold"), [(11, 0.55), (14, 0.7), (18, 0.9)])
def test_an_iou_equal_to_the_threshold_matches(shared, threshold):
    true = np.zeros((1, 20), int)
    true[:] = 1
    predicted = true.copy()
    predicted[:, shared:] = 0

    assert match_objects(true, predicted, iou_threshold=threshold).true_positives == 1


def test_nothing_to_match():
    empty = np.zeros((6, 6), int)

    assert match_objects(TRUE, empty, iou_threshold=0.5) == Matching(0, 0, 4, 0.0, 0.5)
    assert match_objects(empty, PREDICTED, iou_threshold=0.5) == Matching(0, 4, 0, 0.0, 0.5)
    nothing = match_objects(empty, empty, iou_threshold=0.5)
    assert nothing == Matching(0, 0, 0, 0.0, 0.5)
    assert math.isnan(nothing.f1)
    assert math.isnan(nothing.panoptic_quality)


def test_pooling_adds_counts_and_not_scores():
    pooled = Matching(3, 1, 1, 2.0, 0.5) + Matching(0, 0, 6, 0.0, 0.5)

    assert pooled == Matching(3, 1, 7, 2.0, 0.5)
    assert pooled.recall == 3 / 10


def test_matchings_at_different_thresholds_do_not_pool():
    with pytest.raises(CellidError, match=r"0\.5 and 0\.7"):
        Matching(1, 0, 0, 1.0, 0.5) + Matching(1, 0, 0, 1.0, 0.7)


@pytest.mark.parametrize("threshold", [0, -0.1, 1.1, math.nan])
def test_thresholds_out_of_range_are_refused(threshold):
    with pytest.raises(CellidError, match="iou_threshold"):
        match_objects(TRUE, PREDICTED, iou_threshold=threshold)
