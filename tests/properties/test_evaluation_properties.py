"""What holds of the scores of any two label images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from cellid.config import EvaluateSettings
from cellid.evaluation.contingency import tabulate_overlap
from cellid.evaluation.fragmentation import count_splits_and_merges
from cellid.evaluation.matching import find_pairs, match_objects
from cellid.evaluation.objects import count_objects, tabulate_components
from cellid.evaluation.pixel import count_pixels
from cellid.evaluation.scores import evaluate_pair

SETTINGS = EvaluateSettings()
THRESHOLDS = st.sampled_from([0.01, 0.1, 0.25, 1 / 3, 0.5, 0.75, 1.0])
RATIOS = [
    *("pixel_precision", "pixel_recall", "pixel_accuracy", "pixel_dice", "pixel_iou"),
    *("object_precision", "object_recall", "object_dice", "object_iou"),
    *("instance_precision", "instance_recall", "instance_f1", "instance_mean_iou"),
    *("instance_panoptic_quality", "instance_ap"),
]


@st.composite
def label_pairs(draw):
    """Two label images of up to 8×8 pixels; few labels, so that overlaps are contested."""
    shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    labels = arrays(np.int32, shape, elements=st.integers(0, 5))
    return draw(labels), draw(labels)


@st.composite
def rows_of_objects(draw):
    """Two rows of 24 pixels cut into objects at different places: chains of overlaps."""
    cuts = st.lists(st.integers(0, 23), max_size=6)
    return tuple(
        np.searchsorted(sorted(draw(cuts)), np.arange(24), side="right")[None] for _ in range(2)
    )


def dense_iou(true, predicted):
    """IoU of every true with every predicted object, by definition."""
    return np.array(
        [
            [
                np.sum((true == t) & (predicted == p)) / np.sum((true == t) | (predicted == p))
                for p in np.unique(predicted[predicted > 0])
            ]
            for t in np.unique(true[true > 0])
        ]
    )


@given(label_pairs(), st.permutations(range(1, 6)), st.integers(1, 10**8))
def test_relabelling_changes_nothing(pair, order, factor):
    true, predicted = pair
    numbers = np.array([0, *(number * factor for number in order)])

    before = evaluate_pair(true, predicted, SETTINGS).as_dict()
    after = evaluate_pair(numbers[true], numbers[predicted], SETTINGS).as_dict()

    assert after == pytest.approx(before, nan_ok=True)


@given(label_pairs())
def test_an_image_scores_one_against_itself(pair):
    labels = pair[0]
    labels[0, 0] = 1

    scores = evaluate_pair(labels, labels, SETTINGS).as_dict()

    assert {name: scores[name] for name in RATIOS} == dict.fromkeys(RATIOS, 1.0)
    assert (scores["splits"], scores["merges"], scores["count_mae"]) == (0, 0, 0)


@given(label_pairs())
def test_a_false_object_never_raises_precision(pair):
    true, predicted = (np.pad(labels, ((0, 0), (0, 3))) for labels in pair)
    more = predicted.copy()
    more[:, -1] = 99

    before = evaluate_pair(true, predicted, SETTINGS)
    after = evaluate_pair(true, more, SETTINGS)

    for level in ("pixel", "objects", "instances"):
        old, new = getattr(before, level), getattr(after, level)
        assert not new.precision > old.precision
        assert new.false_positives > old.false_positives
        assert new.recall == pytest.approx(old.recall, nan_ok=True)


@given(label_pairs(), THRESHOLDS)
def test_exchanging_truth_and_prediction_exchanges_precision_and_recall(pair, threshold):
    true, predicted = pair
    forth, back = tabulate_overlap(true, predicted), tabulate_overlap(predicted, true)

    pixel, swapped_pixel = count_pixels(forth), count_pixels(back)
    matching = match_objects(true, predicted, iou_threshold=threshold)
    swapped_matching = match_objects(predicted, true, iou_threshold=threshold)
    for one, other in ((pixel, swapped_pixel), (matching, swapped_matching)):
        assert one.true_positives == other.true_positives
        assert one.false_positives == other.false_negatives
        assert one.false_negatives == other.false_positives
    assert pixel.accuracy == swapped_pixel.accuracy
    assert matching.iou_sum == pytest.approx(swapped_matching.iou_sum)

    split, merged = count_splits_and_merges(forth), count_splits_and_merges(back)
    assert (split.splits, split.merges) == (merged.merges, merged.splits)
    objects = count_objects(tabulate_components(true, predicted, 4))
    swapped = count_objects(tabulate_components(predicted, true, 4))
    assert (objects.false_positives, objects.false_negatives) == (
        swapped.false_negatives,
        swapped.false_positives,
    )


@given(st.one_of(label_pairs(), rows_of_objects()), THRESHOLDS)
def test_matching_in_blocks_is_the_optimal_assignment_of_the_whole(pair, threshold):
    true, predicted = pair
    iou = dense_iou(true, predicted)

    pairs = find_pairs(tabulate_overlap(true, predicted), iou_threshold=threshold)

    assert len(set(pairs.true_index)) == len(set(pairs.predicted_index)) == pairs.iou.size
    assert np.all(pairs.iou >= threshold)
    if iou.size == 0:
        assert pairs.iou.size == 0
        return
    assert pairs.iou == pytest.approx(iou[pairs.true_index, pairs.predicted_index])
    worth = np.where(iou >= threshold, 1000 + iou, 0)
    best = worth[linear_sum_assignment(worth, maximize=True)].sum()
    assert np.sum(1000 + pairs.iou) == pytest.approx(best, abs=1e-9)
