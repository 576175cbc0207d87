from cellid.evaluation.contingency import tabulate_overlap
from cellid.evaluation.fragmentation import Fragmentation, count_splits_and_merges

from .pictures import draw


def test_hand_counted_split_and_merge():
    true = draw(
        "AAAA.D",
        "AAAA.D",
        "......",
        "BB.CC.",
        "BB.CC.",
        "......",
    )
    predicted = draw(
        "aabb.d",
        "aabb.d",
        "......",
        "ccccc.",
        "ccccc.",
        "......",
    )

    counted = count_splits_and_merges(tabulate_overlap(true, predicted))

    assert counted == Fragmentation(splits=1, merges=1)


def test_three_pieces_are_one_split():
    table = tabulate_overlap(draw("AAAAAA"), draw("aabbcc"))

    assert count_splits_and_merges(table) == Fragmentation(1, 0)


def test_a_piece_half_outside_is_not_held():
    inside, half_outside = draw("aabb.."), draw("aa.bb.")
    true = draw("AAAA..")

    assert count_splits_and_merges(tabulate_overlap(true, inside)).splits == 1
    assert count_splits_and_merges(tabulate_overlap(true, half_outside)).splits == 0
