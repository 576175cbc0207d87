"""One-to-one matching against StarDist 0.9.2 (fixtures/make_stardist_matching.py).

StarDist divides in float32, and its tie-break adds up the IoU of all assigned pairs,
also of those below the threshold. ``double`` holds the same code dividing in float64.
"""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import ndimage

from cellid.evaluation.contingency import tabulate_overlap
from cellid.evaluation.matching import match_table

FIXTURES = Path(__file__).parent / "fixtures"
STARDIST = json.loads((FIXTURES / "stardist_matching.json").read_text())
N_REAL = len(STARDIST["real"])
NAMES = {  # StarDist's name: ours
    "tp": "true_positives",
    "fp": "false_positives",
    "fn": "false_negatives",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "average_precision",
    "f1": "f1",
    "mean_matched_score": "mean_matched_iou",
    "panoptic_quality": "panoptic_quality",
}
COUNTED = 7  # scores that follow from the number of pairs alone


def scores_of(true, predicted):
    """Our scores, as StarDist's array: a threshold a row, a score a column."""
    matchings = match_table(
        tabulate_overlap(true, predicted), iou_thresholds=STARDIST["thresholds"], min_area_px=0
    )
    assert list(NAMES) == STARDIST["scores"]
    scores = np.array(
        [[getattr(matching, name) for name in NAMES.values()] for matching in matchings]
    )
    return np.nan_to_num(scores)  # 0/0 is 0 in StarDist


@pytest.mark.real
@pytest.mark.parametrize("index", range(N_REAL))
def test_real_label_pairs(test_data, index):
    pair = STARDIST["real"][index]
    true, predicted = (
        cv2.imread(str(test_data / pair[role]), cv2.IMREAD_UNCHANGED)
        for role in ("true", "predicted")
    )
    if "above" in pair:
        predicted = ndimage.label(predicted > pair["above"])[0]

    assert scores_of(true, predicted) == pytest.approx(
        np.array(STARDIST["double"][index]), rel=1e-9
    )


def test_crowded_synthetic_label_pairs():
    pairs = np.load(FIXTURES / "stardist_labels.npz")["labels"]

    ours = np.array([scores_of(*pair) for pair in pairs])
    theirs = np.array(STARDIST["double"][N_REAL:])

    assert ours[..., :COUNTED] == pytest.approx(theirs[..., :COUNTED], rel=1e-9)
    unique = np.array(STARDIST["thresholds"]) > 0.5
    assert ours[:, unique] == pytest.approx(theirs[:, unique], rel=1e-9)
    # Elsewhere as many pairs, and of those the ones with the greatest sum.
    assert np.all(ours >= theirs * (1 - 1e-9))
    assert np.mean(np.isclose(ours, theirs, rtol=1e-9)) > 0.98


def test_single_precision_moves_scores_by_less_than_a_millionth():
    """StarDist as it ships: its own counts and scores are those compared with above."""
    single, double = np.array(STARDIST["single"]), np.array(STARDIST["double"])

    assert single == pytest.approx(double, rel=1e-6)
