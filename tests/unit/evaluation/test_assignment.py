import numpy as np

from cellid.evaluation.assignment import choose_pairs


def choose(*pairs):
    rows, columns, score = zip(*pairs, strict=True)
    return choose_pairs(np.array(rows), np.array(columns), np.array(score)).tolist()


def test_pairs_without_rivals_are_chosen_whatever_their_score():
    assert choose((7, 3, 0.0), (2, 9, 1.0)) == [True, True]


def test_most_pairs_come_before_the_best_sum():
    assert choose((0, 0, 1.0), (0, 1, 0.0), (1, 0, 0.0)) == [False, True, True]


def test_of_as_many_pairs_the_best_sum():
    crossed = (0, 0, 0.2), (0, 1, 0.9), (1, 0, 0.9), (1, 1, 0.8)

    assert choose(*crossed) == [False, True, True, False]


def test_who_finds_no_partner_stays_alone():
    assert choose((0, 4, 0.3), (1, 4, 0.5), (2, 4, 0.4)) == [False, True, False]


def test_no_candidates():
    none = np.zeros(0, np.int64)

    assert choose_pairs(none, none, np.zeros(0)).shape == (0,)
