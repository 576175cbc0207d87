import math

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.evaluation.bootstrap import (
    bootstrap_difference,
    bootstrap_interval,
    bootstrap_scores,
    compare_scores,
)
from cellid.evaluation.tracking import SegScores


def mean(rows):
    return sum(rows) / len(rows)


def test_interval_of_a_mean_is_that_of_the_normal_theory():
    rows = np.random.default_rng(0).normal(5, 2, 400).tolist()
    error = np.std(rows) / math.sqrt(len(rows))

    interval = bootstrap_interval(rows, mean, n_samples=4000, confidence=0.95, seed=1)

    assert interval.estimate == mean(rows)
    assert interval.low == pytest.approx(mean(rows) - 1.96 * error, abs=0.1 * error)
    assert interval.high == pytest.approx(mean(rows) + 1.96 * error, abs=0.1 * error)


def test_seed_and_confidence():
    def interval(seed, confidence):
        return bootstrap_interval(
            [1, 2, 3, 4, 9], mean, n_samples=200, confidence=confidence, seed=seed
        )

    assert interval(7, 0.95) == interval(7, 0.95)
    assert interval(7, 0.95) != interval(8, 0.95)
    assert interval(7, 0.95).low < interval(7, 0.5).low
    assert interval(7, 0.5).high < interval(7, 0.95).high


def test_samples_without_a_score_are_left_out():
    def defined_mean(rows):
        defined = [row for row in rows if not math.isnan(row)]
        return mean(defined) if defined else math.nan

    interval = bootstrap_interval(
        [math.nan, 2.0, 2.0], defined_mean, n_samples=200, confidence=0.9, seed=0
    )

    assert interval == (2, 2, 2)


def test_one_image_has_no_interval():
    interval = bootstrap_interval([3.0], mean, n_samples=100, confidence=0.9, seed=0)

    assert interval.estimate == 3
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_no_images_are_refused():
    with pytest.raises(CellidError, match="at least one evaluated image"):
        bootstrap_interval([], lambda rows: 0.0, n_samples=100, confidence=0.9, seed=0)


def difference(first, second, n_samples=100):
    return bootstrap_difference(first, second, mean, n_samples=n_samples, confidence=0.95, seed=0)


def test_a_run_that_is_always_higher_is_so_in_every_sample():
    assert difference([1.0, 11.0, 51.0], [0.0, 10.0, 50.0]) == pytest.approx((1, 1, 1, 1))
    assert difference([0.0, 10.0, 50.0], [1.0, 11.0, 51.0]) == pytest.approx((-1, -1, -1, 0))


def test_a_run_against_itself_is_undecided():
    assert difference([1.0, 5.0, 2.0], [1.0, 5.0, 2.0]) == (0, 0, 0, 0.5)


def test_samples_of_two_images_are_those_that_can_be_listed():
    """Images 1 and 1, 1 and 2, 2 and 1, 2 and 2 differ by 3, 1, 1 and -1 on average."""
    compared = difference([13.0, 4.0], [10.0, 5.0], n_samples=10_000)

    assert compared[:3] == (1, -1, 3)
    assert compared.share_higher == pytest.approx(3 / 4, abs=0.02)


def test_what_is_hard_for_both_runs_drops_out():
    """The interval is that of the normal theory for pairs, not for two samples."""
    noise = np.random.default_rng(0)
    hardness = noise.normal(0, 10, 400)
    first, second = (hardness + noise.normal(mu, 1, 400) for mu in (0.3, 0))
    error = np.std(first - second) / math.sqrt(400)

    compared = difference(first.tolist(), second.tolist(), n_samples=4000)

    assert compared.low == pytest.approx(compared.estimate - 1.96 * error, abs=0.1 * error)
    assert compared.high == pytest.approx(compared.estimate + 1.96 * error, abs=0.1 * error)
    assert compared.share_higher > 0.99


def test_one_image_decides_nothing():
    compared = difference([3.0], [2.0])

    assert compared.estimate == 1
    assert np.isnan(compared[1:]).all()


def test_runs_on_other_images_are_not_compared():
    with pytest.raises(CellidError, match="3 and 2 images"):
        difference([1.0, 2.0, 3.0], [1.0, 2.0])


def test_all_scores_of_counts_are_those_one_by_one():
    first = [SegScores(10, 8.5), SegScores(4, 1.0), SegScores(7, 5.5)]
    second = [SegScores(10, 7.0), SegScores(4, 1.5), SegScores(7, 6.0)]
    how = {"n_samples": 50, "confidence": 0.9, "seed": 3}

    def seg(rows):
        return sum(row.iou_sum for row in rows) / sum(row.n_true for row in rows)

    assert bootstrap_scores(first, **how)["seg"] == pytest.approx(
        bootstrap_interval(first, seg, **how)
    )
    assert compare_scores(first, second, **how)["seg"] == pytest.approx(
        bootstrap_difference(first, second, seg, **how)
    )
    assert compare_scores(first, second, **how)["n_true"] == (0, 0, 0, 0.5)
