import pytest

from cellid.evaluation.objects import (
    ObjectCounts,
    count_objects,
    label_components,
    tabulate_components,
)

from .pictures import draw

# Two nuclei under one predicted component, one nucleus touched by a single pixel,
# one missed, and one prediction beside it on nothing.
TRUE = draw(
    "AA..BB",
    "AA..BB",
    "......",
    "CC....",
    "CC..DD",
    "....DD",
)
PREDICTED = draw(
    "aaaaaa",
    "aaaaaa",
    "......",
    ".b...c",
    "......",
    "......",
)


def test_hand_counted_objects():
    counts = count_objects(tabulate_components(TRUE, PREDICTED, 8))

    assert counts == ObjectCounts(true_positives=2, false_positives=1, false_negatives=1)
    assert counts.precision == 2 / 3
    assert counts.recall == 2 / 3
    assert counts.dice == 4 / 6
    assert counts.iou == 2 / 4


def test_true_positives_are_components_of_the_prediction():
    swapped = count_objects(tabulate_components(PREDICTED, TRUE, 8))

    assert swapped == ObjectCounts(true_positives=3, false_positives=1, false_negatives=1)


def test_a_nucleus_in_two_pieces_is_two_true_positives():
    true = draw("......", ".AAAA.", ".AAAA.", "......")
    predicted = draw("......", ".aa.b.", ".aa.b.", "......")

    assert count_objects(tabulate_components(true, predicted, 8)) == ObjectCounts(2, 0, 0)


def test_touching_instances_are_one_component():
    true = draw("AABB..", "AABB..")
    predicted = draw("aa....", "aa....")

    assert count_objects(tabulate_components(true, predicted, 8)) == ObjectCounts(1, 0, 0)


@pytest.mark.parametrize(
    ("connectivity", "missed"),
    [(8, 0), (4, 1)],
)
def test_corners_connect_only_with_eight_neighbours(connectivity, missed):
    true = draw("A.....", ".A....", "......")
    predicted = draw("a.....", "......", "......")

    counts = count_objects(tabulate_components(true, predicted, connectivity))

    assert counts == ObjectCounts(1, 0, missed)


def test_components_are_numbered_in_reading_order():
    mask = draw("..A..A", "A....A", "A.....")

    assert label_components(mask, 8).tolist() == [
        [0, 0, 1, 0, 0, 2],
        [3, 0, 0, 0, 0, 2],
        [3, 0, 0, 0, 0, 0],
    ]
