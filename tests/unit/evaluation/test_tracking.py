import dataclasses
import math

import pandas as pd
import pytest

from cellid.errors import CellidError
from cellid.evaluation.contingency import tabulate_overlap
from cellid.evaluation.counts import BinaryCounts
from cellid.evaluation.tracking import SegScores, TrackingScores, measure_seg, score_tracking

from .pictures import draw


def tracks(*rows):
    """Rows L B E P; as in pictures, a is track 1 and b is 2."""
    return pd.DataFrame([row.split() for row in rows], columns=list("LBEP")).astype(int)


def score(true, predicted, true_tracks, predicted_tracks, tolerance=0):
    frames = ((draw(one), draw(other)) for one, other in zip(true, predicted, strict=True))
    return score_tracking(
        frames, true_tracks, predicted_tracks, division_tolerance_frames=tolerance
    )


# A divides after the second frame into B and D; C is another cell.
TRUE = "AAAA..CC", "AAAA..CC", "BB.DD.CC"
TRUE_TRACKS = tracks("1 0 1 0", "2 2 2 1", "3 0 2 0", "4 2 2 1")
PERFECT = TrackingScores(
    n_vertices=7,
    n_edges=5,
    splits=0,
    false_negatives=0,
    false_positives=0,
    edges_to_delete=0,
    edges_to_add=0,
    edges_to_change=0,
    divisions_found=1,
    divisions_imagined=0,
    divisions_missed=0,
)
CASES = {
    "perfect, under other numbers": (
        ("DDDD..AA", "DDDD..AA", "CC.BB.AA"),
        tracks("4 0 1 0", "3 2 2 4", "2 2 2 4", "1 0 2 0"),
        {},
    ),
    "an object missed, and the gap bridged": (
        ("AAAA..CC", "AAAA....", "BB.DD.EE"),
        tracks("1 0 1 0", "2 2 2 1", "3 0 0 0", "4 2 2 1", "5 2 2 3"),
        {"false_negatives": 1, "edges_to_add": 2, "edges_to_delete": 1},
    ),
    "an object imagined": (
        ("AAAA..CC", "AAAAE.CC", "BB.DD.CC"),
        tracks("1 0 1 0", "2 2 2 1", "3 0 2 0", "4 2 2 1", "5 1 1 0"),
        {"false_positives": 1},
    ),
    "the daughters in one piece": (
        ("AAAA..CC", "AAAA..CC", "BBBBB.CC"),
        tracks("1 0 1 0", "2 2 2 1", "3 0 2 0"),
        {"splits": 1, "edges_to_add": 2, "divisions_found": 0, "divisions_missed": 1},
    ),
    "the mother in two halves": (
        ("AAAA..CC", "BBDD..CC", "BB.DD.CC"),
        tracks("1 0 0 0", "2 1 2 1", "3 0 2 0", "4 1 2 1"),
        {
            "false_negatives": 1,
            "false_positives": 2,
            "edges_to_add": 3,
            "divisions_found": 0,
            "divisions_imagined": 1,
            "divisions_missed": 1,
        },
    ),
    "the daughters not linked": (
        TRUE,
        tracks("1 0 1 0", "2 2 2 0", "3 0 2 0", "4 2 2 0"),
        {"edges_to_add": 2, "divisions_found": 0, "divisions_missed": 1},
    ),
    "a daughter taken for the mother": (
        ("AAAA..CC", "AAAA..CC", "AA.DD.CC"),
        tracks("1 0 2 0", "3 0 2 0", "4 2 2 0"),
        {"edges_to_add": 1, "edges_to_change": 1, "divisions_found": 0, "divisions_missed": 1},
    ),
    "a daughter and the other cell exchanged": (
        ("AAAA..CC", "AAAA..CC", "BB.CC.DD"),
        TRUE_TRACKS,
        {
            "edges_to_add": 2,
            "edges_to_delete": 2,
            "divisions_found": 0,
            "divisions_imagined": 1,
            "divisions_missed": 1,
        },
    ),
    "nothing found": (
        ("........", "........", "........"),
        tracks(),
        {"false_negatives": 7, "edges_to_add": 5, "divisions_found": 0, "divisions_missed": 1},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_hand_counted_errors(case):
    predicted, predicted_tracks, errors = CASES[case]

    scores = score(TRUE, predicted, TRUE_TRACKS, predicted_tracks)

    assert scores == dataclasses.replace(PERFECT, **errors)


def test_scores_are_the_weighted_errors():
    scores = dataclasses.replace(
        PERFECT,
        splits=1,
        false_negatives=2,
        false_positives=3,
        edges_to_delete=1,
        edges_to_add=2,
        edges_to_change=3,
        divisions_imagined=1,
    ).as_dict()

    assert scores["det"] == 1 - (5 + 2 * 10 + 3) / 70
    assert scores["lnk"] == pytest.approx(1 - (1 + 2 * 1.5 + 3) / (5 * 1.5))
    assert scores["tra"] == pytest.approx(1 - (28 + 7) / (70 + 7.5))
    assert (scores["division_precision"], scores["division_recall"]) == (1 / 2, 1)
    assert scores["division_f1"] == 2 / 3
    assert scores["edges_to_change"] == 3


def test_the_worst_is_to_start_from_nothing():
    scores = dataclasses.replace(PERFECT, false_positives=1000, edges_to_delete=1000)

    assert (scores.det, scores.lnk, scores.tra) == (0, 0, 0)


def test_sequences_are_pooled():
    missed = dataclasses.replace(PERFECT, false_negatives=7, edges_to_add=5)

    assert (PERFECT + missed).tra == 1 / 2


def test_scores_of_nothing_are_undefined():
    scores = score(["......"], ["......"], tracks(), tracks())

    assert math.isnan(scores.det)
    assert math.isnan(scores.lnk)
    assert math.isnan(scores.divisions.dice)


@pytest.mark.parametrize(
    ("predicted", "predicted_tracks"),
    [
        pytest.param(
            ("AAAA..CC", "BB.DD.CC", "BB.DD.CC"),
            tracks("1 0 0 0", "2 1 2 1", "3 0 2 0", "4 1 2 1"),
            id="early",
        ),
        pytest.param(
            ("AAAA..CC", "AAAA..CC", "AAAAA.CC", "BB.DD.CC"),
            tracks("1 0 2 0", "2 3 3 1", "3 0 3 0", "4 3 3 1"),
            id="late",
        ),
    ],
)
def test_a_division_a_frame_off_is_found_with_a_tolerance_of_one(predicted, predicted_tracks):
    true = (*TRUE, TRUE[-1])[: len(predicted)]
    last = len(predicted) - 1
    true_tracks = TRUE_TRACKS.replace({"E": {2: last}})

    exact, tolerant = (
        score(true, predicted, true_tracks, predicted_tracks, tolerance).divisions
        for tolerance in (0, 1)
    )

    assert exact == BinaryCounts(0, 1, 1)
    assert tolerant == BinaryCounts(1, 0, 0)


@pytest.mark.parametrize(
    ("last_frame", "daughter_ends", "found"),
    [("BB.DD.CC", 3, (0, 1)), ("BB....CC", 2, (0, 0))],
    ids=["still there", "gone by then"],
)
def test_a_daughter_seen_a_frame_late_must_still_be_there(last_frame, daughter_ends, found):
    true_tracks = tracks("1 0 1 0", "2 2 3 1", "3 0 3 0", f"4 2 {daughter_ends} 1")

    divisions = [
        score(
            (*TRUE, last_frame),
            ("AAAA..CC", "AAAA..CC", "BB....CC", "BB.DD.CC"),
            true_tracks,
            tracks("1 0 1 0", "2 2 3 1", "3 0 3 0", "4 3 3 1"),
            tolerance,
        ).divisions
        for tolerance in (0, 1)
    ]

    assert tuple(each.true_positives for each in divisions) == found


def test_a_division_is_not_found_twice():
    """Both a, too early, and d, too late, divide into what A divides into."""
    divisions = score(
        ("AAAA..", "AAAA..", "BBCC..", "BBCC.."),
        ("aaaa..", "dddd..", "bbcc.d", "eeff.."),
        tracks("1 0 1 0", "2 2 3 1", "3 2 3 1"),
        tracks("1 0 0 0", "2 2 2 1", "3 2 2 1", "4 1 2 0", "5 3 3 4", "6 3 3 4"),
        tolerance=1,
    ).divisions

    assert divisions == BinaryCounts(1, 1, 0)


def test_one_daughter_is_no_division():
    bridged = tracks("1 0 0 0", "2 2 2 1")

    scores = score(("AA", "..", "BB"), ("AA", "..", "BB"), bridged, bridged)

    assert scores.divisions.n_true == scores.divisions.n_predicted == 0
    assert scores.tra == 1


def test_seg_of_a_hand_counted_image():
    true = draw(
        "AAAA.B",
        "AAAA.B",
        "CC.DD.",
        "CC.DD.",
    )
    predicted = draw(
        "aaaa.b",
        "aa....",
        "ccccc.",
        "ccccce",
    )

    # 6/8 of a; just half of B is not held; C and D are both held by c.
    assert measure_seg(tabulate_overlap(true, predicted)) == SegScores(4, 6 / 8 + 4 / 10 + 4 / 10)
    assert (SegScores(4, 2) + SegScores(1, 1)).seg == 3 / 5


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (tracks("1 0 1 0", "2 2 2 1", "3 0 2 0"), "label 4 in the image alone"),
        (tracks("1 0 1 0", "2 1 2 0", "3 0 2 0", "4 2 2 1"), "label 2 in the table alone"),
        (tracks("1 0 1 0", "2 2 2 1", "3 0 9 0", "4 2 2 1"), "last frames E below 3"),
        (tracks("1 0 1 0", "1 2 2 0"), "one row a label"),
        (tracks("0 0 1 0"), "one row a label"),
        (tracks("1 2 1 0"), "track 1 that ends before it begins"),
        (tracks("1 0 1 0", "2 2 2 7"), "track 2 without such a parent"),
        (tracks("1 0 2 0", "2 2 2 1"), "track 2 without such a parent"),
        (tracks("1 0 1 0").drop(columns="P"), "no P"),
    ],
)
def test_tables_that_do_not_fit_are_refused(table, message):
    with pytest.raises(CellidError, match=message) as caught:
        score(TRUE, TRUE, TRUE_TRACKS, table)

    assert caught.value.subject == "predicted tracks"


def test_a_negative_tolerance_is_refused():
    with pytest.raises(CellidError, match="division_tolerance_frames"):
        score(TRUE, TRUE, TRUE_TRACKS, TRUE_TRACKS, tolerance=-1)
