import math

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.evaluation.bootstrap import bootstrap_interval


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


def test_paired_rows_stay_paired():
    pairs = [(value + 1, value) for value in (0.0, 10.0, 50.0)]

    def difference(rows):
        return mean([first for first, _ in rows]) - mean([second for _, second in rows])

    assert bootstrap_interval(
        pairs, difference, n_samples=100, confidence=0.9, seed=0
    ) == pytest.approx((1, 1, 1))


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
