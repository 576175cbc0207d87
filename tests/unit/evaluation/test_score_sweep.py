"""What every least score of a detection would give."""

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.evaluation.instances import Instances, pair_up
from cellid.evaluation.score_sweep import sweep_scores


def boxes(corners: list[list[int]], scores: list[float]) -> Instances:
    array = np.array(corners, float).reshape(-1, 4)
    return Instances((20, 20), array, np.array(scores), np.zeros(len(array), np.int64), None)


TRUE = boxes([[0, 0, 4, 4], [10, 10, 14, 14]], [1, 1])
FOUND = boxes([[0, 0, 4, 4], [10, 10, 14, 15], [5, 5, 8, 8]], [0.9, 0.3, 0.5])


def test_scores_are_hand_counted_fractions() -> None:
    table = sweep_scores([(TRUE, FOUND)], by="box", iou_threshold=0.5, lowest=0.1)
    table = table.set_index("score")
    assert table.loc[0.1].tolist() == pytest.approx([2 / 3, 1, 4 / 5])
    assert table.loc[0.4].tolist() == pytest.approx([1 / 2, 1 / 2, 1 / 2])
    assert table.loc[0.6].tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert table.index.max() < 0.9


def test_images_are_pooled_and_nothing_found_is_no_error() -> None:
    empty = boxes([], [])
    table = sweep_scores([(TRUE, FOUND), (TRUE, empty)], by="box", iou_threshold=0.5, lowest=0.1)
    assert table["recall"].iloc[0] == pytest.approx(1 / 2)
    nothing = sweep_scores([(TRUE, empty)], by="box", iou_threshold=0.5, lowest=0.1)
    assert nothing["recall"].tolist() == [0]
    with pytest.raises(CellidError, match="at least one evaluated image"):
        sweep_scores([], by="box", iou_threshold=0.5, lowest=0.1)


def test_pairs_are_those_that_are_counted() -> None:
    pairs = pair_up(TRUE, FOUND, by="box", iou_threshold=0.5)
    assert sorted(zip(pairs.true_index, pairs.predicted_index, strict=True)) == [(0, 0), (1, 1)]
    np.testing.assert_allclose(np.sort(pairs.iou), [16 / 20, 1])
    assert pair_up(TRUE, FOUND, by="box", iou_threshold=0.9).true_index.tolist() == [0]
