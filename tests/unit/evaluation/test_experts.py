import math

import numpy as np
import pandas as pd
import pytest

from cellid.evaluation.experts import (
    cohen_kappa,
    compare_experts,
    find_disagreements,
    score_experts,
    tabulate_agreement,
)

COLUMNS = ["expert", "sheet", "classifier", "line", "n_objects"]
JUDGEMENTS = pd.DataFrame(
    [
        ("Ada", "s1", "pure", "RAS", 10, 1, 0),
        ("Ada", "s2", "pure", "RAS", 10, 3, 4),
        ("Ada", "s3", "mixed", "RAS", 5, 0, 0),
        ("Bo", "s1", "pure", "RAS", 10, 1, 0),
        ("Bo", "s2", "pure", "RAS", 10, 2, 4),
        ("Bo", "s4", "mixed", "RAS", 0, 0, 0),
    ],
    columns=[*COLUMNS, "false_positives", "false_negatives"],
)


def test_hand_counted_scores():
    scores = score_experts(JUDGEMENTS).set_index(["expert", "classifier", "line"])
    ada = scores.loc["Ada", "pure", "RAS"]
    assert ada[["n_sheets", "n_objects", "true_positives"]].tolist() == [2, 20, 16]
    assert ada[["false_positives", "false_negatives"]].tolist() == [4, 4]
    assert ada["precision"] == ada["recall"] == ada["dice"] == 16 / 20
    assert ada["iou"] == 16 / 24
    assert math.isnan(scores.loc["Bo", "mixed", "RAS"]["dice"])  # nothing found, nothing missed


def test_hand_counted_agreement():
    table = tabulate_agreement([0, 0, 1, 3], [0, 2, 1, 0])
    assert table.tolist() == [[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    # 2 of 4 agree; by chance (2·2 + 1·1 + 0·1 + 1·0) / 16 = 5/16 would
    assert cohen_kappa(table) == pytest.approx((2 / 4 - 5 / 16) / (1 - 5 / 16), abs=1e-15)


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        ([[3, 0], [0, 5]], 1),
        ([[25, 25], [25, 25]], 0),
        ([[0, 5], [5, 0]], -1),
        # 70 of 100 agree; by chance (60·60 + 40·40) / 100 would
        ([[45, 15], [15, 25]], (0.7 - (60 * 60 + 40 * 40) / 1e4) / (1 - (3600 + 1600) / 1e4)),
    ],
)
def test_kappa(table, kappa):
    assert cohen_kappa(table) == pytest.approx(kappa, abs=1e-15)
    assert cohen_kappa(np.transpose(table)) == pytest.approx(kappa, abs=1e-15)


def test_kappa_is_undefined_where_all_were_judged_alike():
    assert math.isnan(cohen_kappa([[7]]))
    assert math.isnan(cohen_kappa(tabulate_agreement([2, 2], [2, 2])))


def test_experts_are_compared_on_what_both_judged():
    (agreement,) = compare_experts(JUDGEMENTS, "false_positives", ["sheet"])
    assert (agreement.first, agreement.second, agreement.classifier) == ("Ada", "Bo", "pure")
    assert agreement.n == 2
    assert agreement.table[1, 1] == agreement.table[3, 2] == 1
    assert agreement.observed == 1 / 2


def test_every_pair_of_three_experts_is_compared():
    third = JUDGEMENTS[JUDGEMENTS["expert"] == "Ada"].assign(expert="Cy")
    pairs = compare_experts(pd.concat([JUDGEMENTS, third]), "false_negatives", ["sheet"])
    assert [(each.first, each.second, each.classifier) for each in pairs] == [
        ("Ada", "Bo", "pure"),
        ("Ada", "Cy", "pure"),
        ("Bo", "Cy", "pure"),
        ("Ada", "Cy", "mixed"),
    ]


def verdicts(*rows: tuple[str, str, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["expert", "sheet", "object", "is_false"])


def test_disagreements_of_counts_and_of_objects_are_found():
    # Both call one object of s1 false, but not the same
    said = verdicts(
        *[("Ada", "s1", 1, 1), ("Ada", "s1", 2, 0), ("Bo", "s1", 1, 0), ("Bo", "s1", 2, 1)],
        *[("Ada", "s3", 1, 1)],
    )
    found = find_disagreements(JUDGEMENTS, said)
    assert found.to_dict("list") == {
        "sheet": ["s1", "s2"],
        "false_positives": [0, 1],
        "false_negatives": [0, 0],
        "objects": [2, 0],
    }


def test_there_may_be_no_disagreement():
    alone = JUDGEMENTS[JUDGEMENTS["expert"] == "Ada"]
    assert find_disagreements(alone, verdicts()).empty
    assert list(compare_experts(alone, "false_positives", ["sheet"])) == []
