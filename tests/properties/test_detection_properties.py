"""What holds of found cells, boxes, masks and classes, whatever they are."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from cellid.config import DetectionSettings
from cellid.evaluation.classification import Classified, roc_auc, score_classes
from cellid.evaluation.coco import score_coco
from cellid.evaluation.detection import find_cells, match_centres, score_detection
from cellid.evaluation.instances import detected_instances, label_instances, match_instances
from cellid.evaluation.matching import match_objects
from cellid.types import Detections

REACH_PX = 2.5
BOTH = st.sampled_from(
    [DetectionSettings(distance_px=REACH_PX, compat=compat) for compat in (None, "fluocells")]
)
OUTLINES = st.sampled_from(["box", "mask"])
THRESHOLDS = st.sampled_from([0.1, 0.4, 0.5, 1.0])
CENTRES = arrays(
    float, st.tuples(st.integers(0, 7), st.just(2)), elements=st.integers(0, 12).map(float)
)


@st.composite
def label_pairs(draw):
    """Two label images of up to 8×8 pixels, of five objects at most."""
    shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    labels = arrays(np.int32, shape, elements=st.integers(0, 5))
    return draw(labels), draw(labels)


def sorted_scores(labels, rng):
    """A score for each object, different from all others."""
    return rng.permutation(np.unique(labels[labels > 0]).size) / 10


def coco(true, predicted, scores, by):
    pair = label_instances(true), label_instances(predicted, scores=scores)
    return asdict(score_coco([pair], by=by, max_detections=100))


@given(label_pairs(), BOTH, st.permutations(range(1, 6)))
def test_relabelling_changes_nothing_found(pair, rules, order):
    numbers = np.array([0, *order])

    before = find_cells(*pair, rules)
    after = find_cells(*(numbers[labels] for labels in pair), rules)

    for one, other in ((before.by_overlap, after.by_overlap), (before.counts, after.counts)):
        assert one.values() == pytest.approx(other.values())
    assert before.by_distance == after.by_distance


@settings(max_examples=40)
@given(label_pairs(), st.permutations(range(1, 6)), st.integers(0, 99))
def test_relabelling_changes_no_average_precision(pair, order, seed):
    """Of masks; where true boxes overlap a prediction equally, COCO takes them in order."""
    true, predicted = pair
    score_of = np.append(0, np.random.default_rng(seed).permutation(5) / 10)
    numbers = np.array([0, *order])
    present = np.unique(predicted[predicted > 0])
    renamed = np.unique(numbers[present])

    before = coco(true, predicted, score_of[present], "mask")
    after = coco(numbers[true], numbers[predicted], score_of[np.argsort(numbers)[renamed]], "mask")

    assert after == pytest.approx(before, nan_ok=True)


@settings(max_examples=40)
@given(label_pairs(), OUTLINES)
def test_an_image_scores_one_against_itself(pair, by):
    labels = pair[0]
    labels[0, 0] = 1

    found = score_detection([find_cells(labels, labels, DetectionSettings())])
    assert (found.overlap_f1, found.distance_f1, found.mae) == (1, 1, 0)
    matching = match_instances(*[label_instances(labels)] * 2, by=by, iou_threshold=1)
    assert (matching.f1, matching.mean_matched_iou) == (1, 1)
    scores = coco(labels, labels, None, by)
    assert (scores["ap"], scores["ar"]) == pytest.approx((1, 1))


@given(label_pairs(), BOTH)
def test_a_false_cell_never_raises_precision(pair, rules):
    true, predicted = (np.pad(labels, ((0, 0), (0, 9))) for labels in pair)
    more = predicted.copy()
    more[:, -1] = 99

    before, after = find_cells(true, predicted, rules), find_cells(true, more, rules)

    for level in ("by_overlap", "by_distance"):
        old, new = getattr(before, level), getattr(after, level)
        assert not new.precision > old.precision
        assert new.false_positives == old.false_positives + 1
        assert new.recall == pytest.approx(old.recall, nan_ok=True)


@settings(max_examples=40)
@given(label_pairs(), OUTLINES, st.integers(0, 99), st.floats(0, 1))
def test_a_false_cell_never_raises_average_precision(pair, by, seed, sure):
    true, predicted = (np.pad(labels, ((0, 0), (0, 2))) for labels in pair)
    scores = sorted_scores(predicted, np.random.default_rng(seed))
    more = predicted.copy()
    more[:, -1] = 99

    before = coco(true, predicted, scores, by)
    after = coco(true, more, np.append(scores, sure), by)

    for name, score in after.items():
        assert not score > before[name] + 1e-12
        if name.startswith("ar"):
            assert score == pytest.approx(before[name], nan_ok=True)


@given(label_pairs(), THRESHOLDS)
def test_masks_of_labels_match_as_labels_do(pair, threshold):
    ours = match_instances(*map(label_instances, pair), by="mask", iou_threshold=threshold)

    theirs = match_objects(*pair, iou_threshold=threshold)
    assert ours.values() == pytest.approx(theirs.values())


@given(
    *[arrays(np.float32, st.tuples(st.integers(0, 6), st.just(4)), elements=st.integers(0, 9))] * 2,
    THRESHOLDS,
)
def test_exchanging_boxes_exchanges_false_and_missed(first, second, threshold):
    one, other = (
        detected_instances(
            Detections(
                np.sort(boxes.reshape(-1, 2, 2), axis=1).reshape(-1, 4),
                np.ones(len(boxes)),
                np.zeros(len(boxes)),
            ),
            (9, 9),
        )
        for boxes in (first, second)
    )

    forth = match_instances(one, other, by="box", iou_threshold=threshold)
    back = match_instances(other, one, by="box", iou_threshold=threshold)

    assert forth.true_positives == back.true_positives
    assert forth.false_positives == back.false_negatives
    assert forth.iou_sum == pytest.approx(back.iou_sum)


@given(CENTRES, CENTRES)
def test_centres_match_as_the_optimal_assignment_of_all_pairs(true, predicted):
    near = cdist(true, predicted) <= REACH_PX
    most = int(near[linear_sum_assignment(near, maximize=True)].sum())

    forth = match_centres(true, predicted, max_distance=REACH_PX)
    back = match_centres(predicted, true, max_distance=REACH_PX)

    assert forth.true_positives == most
    assert forth.values() == (back.true_positives, back.false_negatives, back.false_positives)


@given(st.lists(st.tuples(st.booleans(), st.integers(-9, 9)), min_size=1, max_size=20))
def test_ranking_is_all_that_matters_to_the_area_under_the_curve(objects):
    positive, scores = (np.array(column) for column in zip(*objects, strict=True))
    assume(0 < positive.sum() < positive.size)

    area = roc_auc(positive, scores)

    assert 0 <= area <= 1
    assert roc_auc(positive, np.exp(scores / 3)) == pytest.approx(area)
    assert roc_auc(positive, -scores) == pytest.approx(1 - area)
    assert roc_auc(~positive, scores) == pytest.approx(1 - area)
    assert roc_auc(positive, positive.astype(float)) == 1


@given(st.data())
def test_renaming_classes_changes_no_score(data):
    n_classes = data.draw(st.integers(3, 5))
    true = data.draw(arrays(np.int64, st.integers(1, 20), elements=st.integers(0, n_classes - 1)))
    # Different probabilities for all classes, so that no tie decides
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    probabilities = rng.random((true.size, n_classes))
    order = np.array(data.draw(st.permutations(range(n_classes))))

    before = score_classes([Classified(true, probabilities)])
    after = score_classes([Classified(np.argsort(order)[true], probabilities[:, order])])

    assert after == pytest.approx(before, nan_ok=True)
    right = score_classes([Classified(true, np.eye(n_classes)[true])])
    assert {name: score for name, score in right.items() if name != "roc_auc"} == dict.fromkeys(
        ("accuracy", "precision", "recall", "f1"), 1
    )
