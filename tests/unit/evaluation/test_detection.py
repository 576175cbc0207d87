import math

import numpy as np
import pytest

from cellid.config import DetectionSettings
from cellid.errors import CellidError
from cellid.evaluation.counting import compare_counts
from cellid.evaluation.counts import BinaryCounts
from cellid.evaluation.detection import (
    find_cells,
    find_centres,
    match_centres,
    score_detection,
)

from .pictures import draw

SETTINGS = DetectionSettings(distance_px=2)
FLUOCELLS = DetectionSettings(distance_px=2, compat="fluocells")
# A in two pieces, B found too small, C and D under one prediction, nothing under e
TRUE = draw(
    "AAAA..BBB",
    "AAAA..BBB",
    ".......B.",
    "CC.DD....",
    "CC.DD....",
)
PREDICTED = draw(
    "aabb...c.",
    "aabb...c.",
    ".........",
    "ddddd....",
    "ddddd...e",
)
EMPTY = np.zeros_like(TRUE)


def same(found, *expected):
    """Whether hits, false objects and misses are as expected."""
    return found.values()[:3] == expected


def test_hand_counted_cells():
    found = find_cells(TRUE, PREDICTED, SETTINGS)

    # IoU: A with a or b 4/8, C and D with d 4/10 each, which does not exceed 0.4; B 2/7.
    assert same(found.by_overlap, 1, 4, 3)
    # Distance: A with a or b 1, B with c 0.6, C and D with d 1.5: one to one, three pairs.
    assert same(found.by_distance, 3, 2, 1)
    assert found.counts == compare_counts(4, 5)


def test_hand_counted_cells_as_fluocells_counts_them():
    found = find_cells(TRUE, PREDICTED, FLUOCELLS)

    # Both pieces are of A, so that neither is false; d is near C as well as D.
    assert same(found.by_overlap, 1, 3, 3)
    assert same(found.by_distance, 4, 1, 0)
    # TP + FN by distance is 4 for five predictions; TP by overlap + FN by distance is 1.
    assert (found.counts.true_total, found.counts.predicted_total) == (1, 4)
    assert found.counts.mean_percentage_error == 300


def test_scores_of_several_images():
    images = [find_cells(TRUE, PREDICTED, SETTINGS), find_cells(TRUE, TRUE, SETTINGS)]

    scores = score_detection(images)

    assert (scores.overlap_precision, scores.overlap_recall) == (5 / 9, 5 / 8)
    assert scores.overlap_f1 == 10 / 17
    assert scores.distance_f1 == 14 / 17
    assert (scores.mae, scores.median_ae) == (1 / 2, 1 / 2)
    assert scores.mean_percentage_error == -25 / 2


def test_scores_as_fluocells_computes_them():
    scores = score_detection([find_cells(TRUE, PREDICTED, FLUOCELLS)])

    precision, recall = 1 / 4.01, 1 / 4.01
    assert scores.overlap_precision == pytest.approx(precision)
    assert scores.overlap_f1 == pytest.approx(2 * precision * recall / (precision + recall))
    assert scores.distance_recall == pytest.approx(4 / 4.01)
    assert scores.mae == 3


@pytest.mark.parametrize("settings", [SETTINGS, FLUOCELLS])
def test_nothing_true_or_nothing_predicted(settings):
    assert same(find_cells(TRUE, EMPTY, settings).by_distance, 0, 0, 4)
    assert same(find_cells(EMPTY, PREDICTED, settings).by_overlap, 0, 5, 0)
    assert same(find_cells(EMPTY, PREDICTED, settings).by_distance, 0, 5, 0)
    nothing = score_detection([find_cells(EMPTY, EMPTY, settings)])
    assert math.isnan(nothing.distance_f1)
    assert nothing.mae == 0


def test_centres_by_ascending_label():
    assert find_centres(draw(".BB", "A..", "A..")).tolist() == [[1.5, 0], [0, 1.5]]
    assert find_centres(EMPTY).shape == (0, 2)


def test_a_distance_equal_to_the_limit_matches():
    true, predicted = np.array([[0.0, 0.0]]), np.array([[24.0, 32.0]])

    assert match_centres(true, predicted, max_distance=40) == BinaryCounts(1, 0, 0)
    assert match_centres(true, predicted, max_distance=39.99) == BinaryCounts(0, 1, 1)


@pytest.mark.parametrize("compat", [None, "fluocells"])
@pytest.mark.parametrize(("distance_px", "counts"), [(5, (1, 0, 0)), (4.99, (0, 1, 1))])
def test_the_limit_belongs_to_what_is_found(compat, distance_px, counts):
    true, predicted = (
        draw("A....", ".....", ".....", "....."),
        draw(".....", ".....", ".....", "....a"),
    )
    settings = DetectionSettings(distance_px=distance_px, compat=compat)

    assert same(find_cells(true, predicted, settings).by_distance, *counts)


def test_most_centres_come_before_the_closest():
    true, predicted = np.array([[0.0, 0], [0, 3]]), np.array([[0.0, 3.5], [0, 6]])

    # The closest pair, 3 and 3.5, would leave 0 and 6 without partners.
    assert match_centres(true, predicted, max_distance=4) == BinaryCounts(2, 0, 0)


def test_distances_in_micrometres_need_the_pixel_size():
    settings = DetectionSettings(distance_um=1.0)

    assert same(find_cells(TRUE, PREDICTED, settings, 0.5).by_distance, 3, 2, 1)
    assert same(find_cells(TRUE, PREDICTED, settings, 1.25).by_distance, 1, 4, 3)
    with pytest.raises(CellidError, match="pixel_size_um"):
        find_cells(TRUE, PREDICTED, settings)


def test_no_images_are_refused():
    with pytest.raises(CellidError, match="at least one evaluated image"):
        score_detection([])
