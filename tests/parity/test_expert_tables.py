"""The thesis's tables 6.3 to 6.6: two experts on 30 images of three lines, two classifiers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from cellid.evaluation.experts import SCORES, cohen_kappa, score_experts, tabulate_agreement

# TP*, FP, FN and the scores as printed: pure BJ-RAS, BJ-TERT, BJ-SV40, then mixed
EXPERT_1 = [
    (2062, 28, 2, 0.987, 0.999, 0.993, 0.986),
    (2143, 35, 7, 0.984, 0.997, 0.990, 0.981),
    (2257, 57, 10, 0.975, 0.996, 0.985, 0.971),
    (2099, 24, 4, 0.989, 0.998, 0.993, 0.987),
    (2175, 31, 18, 0.986, 0.992, 0.989, 0.978),
    (2245, 48, 6, 0.979, 0.997, 0.988, 0.977),
]
EXPERT_2 = [
    (2071, 19, 0, 0.991, 1.000, 0.995, 0.991),
    (2151, 27, 8, 0.988, 0.996, 0.992, 0.984),
    (2284, 30, 27, 0.987, 0.988, 0.988, 0.976),
    (2103, 20, 4, 0.991, 0.998, 0.994, 0.989),
    (2194, 12, 18, 0.995, 0.992, 0.993, 0.987),
    (2270, 23, 22, 0.990, 0.990, 0.990, 0.981),
]
ROWS = {"pure": slice(0, 3), "mixed": slice(3, 6)}
FP, FN = 1, 2

# Rows are expert 1's counts an image, columns expert 2's. The fourth matrix (mixed, false
# negatives) is not legible: as it came to us it holds more than 90 images.
AGREEMENT = {
    ("pure", FP): [
        [13, 5, 1, 0, 0],
        [17, 13, 6, 1, 0],
        [4, 14, 4, 0, 1],
        [0, 5, 2, 0, 0],
        [1, 0, 3, 0, 0],
    ],
    ("pure", FN): [
        [57, 14, 3, 0, 0],
        [6, 6, 2, 0, 0],
        [0, 1, 0, 0, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0],
    ],
    ("mixed", FP): [
        [20, 3, 0, 0, 0],
        [21, 17, 4, 0, 0],
        [3, 10, 2, 1, 0],
        [3, 2, 1, 0, 1],
        [1, 0, 1, 0, 0],
    ],
}


@pytest.mark.parametrize("printed", [EXPERT_1, EXPERT_2], ids=["table 6.3", "table 6.4"])
def test_scores_are_those_printed(printed):
    counts = np.array([row[:3] for row in printed])
    judgements = pd.DataFrame(
        {
            "expert": "",
            "classifier": ["pure"] * 3 + ["mixed"] * 3,
            "line": ["BJ-RAS", "BJ-TERT", "BJ-SV40"] * 2,
            "n_objects": counts[:, 0] + counts[:, FP],
            "false_positives": counts[:, FP],
            "false_negatives": counts[:, FN],
        }
    )
    scores = score_experts(judgements)
    assert scores["true_positives"].tolist() == counts[:, 0].tolist()
    np.testing.assert_allclose(scores[list(SCORES)], [row[3:] for row in printed], atol=5.1e-4)


def test_both_experts_saw_the_same_objects():
    # So TP* + FP is the number of objects, whoever counts: TP* = objects - FP
    first, second = np.array(EXPERT_1), np.array(EXPERT_2)
    assert (first[:, 0] + first[:, FP]).tolist() == (second[:, 0] + second[:, FP]).tolist()


@pytest.mark.parametrize(("classifier", "count"), AGREEMENT)
def test_agreement_has_the_totals_of_the_scores(classifier, count):
    printed = np.array(AGREEMENT[classifier, count])
    first, second = (np.repeat(said.ravel(), printed.ravel()) for said in np.indices(printed.shape))
    assert first.size == 90
    table = tabulate_agreement(first, second)
    assert (table == printed[: len(table), : len(table)]).all()
    assert table.sum() == 90
    numbers = np.arange(len(table))
    assert table.sum(axis=1) @ numbers == np.array(EXPERT_1)[ROWS[classifier], count].sum()
    assert table.sum(axis=0) @ numbers == np.array(EXPERT_2)[ROWS[classifier], count].sum()


def test_kappa_is_scikit_learns():
    for printed in map(np.array, AGREEMENT.values()):
        first, second = (
            np.repeat(said.ravel(), printed.ravel()) for said in np.indices(printed.shape)
        )
        expected = cohen_kappa_score(first, second)
        assert cohen_kappa(tabulate_agreement(first, second)) == pytest.approx(expected, abs=1e-12)
