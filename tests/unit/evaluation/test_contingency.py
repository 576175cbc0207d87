import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.evaluation.contingency import tabulate_overlap

from .pictures import draw

TRUE = draw(
    "AA..BB",
    "AA..BB",
    "......",
    "...CC.",
    "...CC.",
    "......",
)
PREDICTED = draw(
    ".aa...",
    ".aa...",
    "..aaaa",
    "....b.",
    "....b.",
    "ccc...",
)


def test_counts_areas_and_shared_pixels():
    table = tabulate_overlap(TRUE, PREDICTED)

    assert table.true_ids.tolist() == [1, 2, 3]
    assert table.predicted_ids.tolist() == [1, 2, 3]
    assert table.true_areas_px.tolist() == [4, 4, 4]
    assert table.predicted_areas_px.tolist() == [8, 2, 3]
    pairs = zip(table.true_index, table.predicted_index, table.intersections_px, strict=True)
    assert list(pairs) == [(0, 0, 2), (2, 1, 2)]
    assert table.iou.tolist() == [2 / 10, 2 / 4]
    assert table.n_pixels == 36


def test_labels_with_gaps_up_to_the_largest_int32():
    true = np.where(TRUE == 3, 2**31 - 1, TRUE * 1000)
    predicted = np.where(PREDICTED == 1, 2**31 - 1, PREDICTED)

    table = tabulate_overlap(true, predicted)

    assert table.true_ids.tolist() == [1000, 2000, 2**31 - 1]
    assert table.predicted_ids.tolist() == [2, 3, 2**31 - 1]
    pairs = zip(table.true_index, table.predicted_index, table.intersections_px, strict=True)
    assert list(pairs) == [(0, 2, 2), (2, 0, 2)]


def test_image_without_background():
    table = tabulate_overlap(draw("AAB", "ABB"), draw("bbb", "bbb"))

    assert table.true_areas_px.tolist() == [3, 3]
    assert table.predicted_ids.tolist() == [2]
    assert table.intersections_px.tolist() == [3, 3]


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 4)])
def test_nothing_in_either_image(shape):
    table = tabulate_overlap(np.zeros(shape, np.uint16), np.zeros(shape, bool))

    assert (table.n_true, table.n_predicted, table.iou.size) == (0, 0, 0)
    assert table.n_pixels == shape[0] * shape[1]


def test_agrees_with_counting_pair_by_pair():
    rng = np.random.default_rng(3)
    true, predicted = rng.integers(0, 9, (2, 40, 30)).astype(np.uint8)

    table = tabulate_overlap(true, predicted)

    pairs = zip(table.true_index, table.predicted_index, table.intersections_px, strict=True)
    counted = {(table.true_ids[t], table.predicted_ids[p]): n for t, p, n in pairs}
    assert counted == {
        (t, p): np.count_nonzero((true == t) & (predicted == p))
        for t in range(1, 9)
        for p in range(1, 9)
    }


def test_different_shapes_are_refused():
    with pytest.raises(CellidError, match=r"shape \(2, 3\)"):
        tabulate_overlap(np.zeros((3, 2), int), np.zeros((2, 3), int))


def test_probabilities_are_refused():
    with pytest.raises(CellidError, match="predicted labels"):
        tabulate_overlap(np.zeros((2, 2), int), np.zeros((2, 2)))
