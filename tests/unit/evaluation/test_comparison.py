"""Ranks and tests, against fractions counted by hand and against SciPy."""

from math import nan

import numpy as np
import pytest
from scipy.stats import chi2

from cellid.evaluation.bootstrap import Difference
from cellid.evaluation.comparison import (
    adjust_holm,
    bootstrap_p_value,
    friedman_p_value,
    rank_levels,
    sign_flip_p_value,
)


def test_equal_scores_share_a_rank_and_half_known_seeds_have_none() -> None:
    ranks = rank_levels([[0.9, 0.8, 0.8], [0.1, 0.3, 0.2], [0.5, nan, 0.4]])
    np.testing.assert_array_equal(ranks, [[1, 2.5, 2.5], [3, 1, 2], [nan] * 3])


def test_friedman_is_that_of_the_ranks() -> None:
    scores = [[0.9, 0.8, 0.7], [0.8, 0.7, 0.6], [0.9, 0.5, 0.7], [nan, 1, 0]]
    # rank sums 3, 7 and 8: 12 / (3·3·4) (9 + 49 + 64) - 3·3·4 = 14/3
    assert friedman_p_value(scores) == pytest.approx(chi2.sf(14 / 3, df=2))
    for undecided in ([[0.9, 0.8, 0.7]], [[0.9, 0.8]] * 3, [[0.5] * 3] * 3):
        assert np.isnan(friedman_p_value(undecided))


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1, 2, 3], 2 / 8),  # the largest sum of eight, and its mirror image
        ([1, 2, 3, nan], 2 / 8),
        ([-1, 2, 3], 4 / 8),  # sums of ±6 and ±4 are as far from 0
        ([0.3] * 5, 2 / 32),
        ([1], nan),
    ],
)
def test_signs_are_flipped_in_every_way(differences: list[float], p: float) -> None:
    assert sign_flip_p_value(differences, seed=0) == pytest.approx(p, nan_ok=True)


def test_holm_steps_down_and_never_back() -> None:
    adjusted = adjust_holm([0.04, 0.01, nan, 0.03, 0.5])
    # sorted: 4 · 0.01, 3 · 0.03, then 2 · 0.04 is less than that, 0.5
    np.testing.assert_allclose(adjusted, [0.09, 0.04, nan, 0.09, 0.5])
    np.testing.assert_array_equal(adjust_holm([0.7, 0.8]), [1, 1])
    assert adjust_holm([]).size == 0


@pytest.mark.parametrize(("share", "p"), [(0.5, 1), (0.99, 0.02), (0, 1 / 2000), (nan, nan)])
def test_p_of_a_bootstrap_is_twice_the_smaller_tail(share: float, p: float) -> None:
    found = bootstrap_p_value(Difference(0.1, 0, 0.2, share), n_samples=2000)
    assert found == pytest.approx(p, nan_ok=True)
