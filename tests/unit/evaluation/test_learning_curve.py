import math

import numpy as np
import pytest

from cellid.evaluation.learning_curve import Extrapolation, extrapolate, fit_power_law

SIZES = [1, 2, 4, 8, 16]


def law(limit, drop, exponent):
    return limit - drop * np.asarray(SIZES, float) ** -exponent


def look(scores, sizes=SIZES, seed=0):
    return extrapolate(sizes, scores, n_samples=400, confidence=0.95, seed=seed)


@pytest.mark.parametrize("law_of", [(0.9, 0.5, 0.5), (0.8, 0.3, 1.2), (0.95, 0.6, 0.2)])
def test_a_curve_without_noise_is_found_and_carried_on(law_of):
    limit, drop, exponent = law_of

    fitted = fit_power_law(SIZES, law(*law_of))

    for n in (1, 16, 32, 100):
        assert fitted.at(n) == pytest.approx(limit - drop * n**-exponent, abs=0.003)


def test_curves_are_fitted_side_by_side_as_alone():
    curves = np.stack([law(0.9, 0.5, 0.5), law(0.7, 0.1, 1)])

    both = fit_power_law(SIZES, curves)

    for place, curve in enumerate(curves):
        alone = fit_power_law(SIZES, curve)
        assert both.at(32)[place] == alone.at(32)


def test_no_fit_falls_or_goes_beyond_one():
    falling = fit_power_law(SIZES, [0.8, 0.7, 0.6, 0.5, 0.4])
    assert falling.drop == 0
    steep = fit_power_law(SIZES, [0.1, 0.3, 0.5, 0.7, 0.9])
    assert steep.limit == 1
    assert 0.75 < steep.at(16) < steep.at(32) < steep.at(10**9) <= 1


def test_the_last_sizes_weigh_most():
    first, last = fit_power_law([1, 2], [[0.7, 0.5], [0.5, 0.3]]).at(2)
    # falling, so fitted by their weighted means: a third and two thirds
    assert first == pytest.approx((0.7 + 2 * 0.5) / 3)
    assert last == pytest.approx((0.5 + 2 * 0.3) / 3)


def test_the_gain_is_that_of_the_curve_and_its_interval_holds_it():
    noise = np.random.default_rng(1).normal(0, 0.004, (5, len(SIZES)))
    gain = 0.4 * (16**-0.5 - 32**-0.5)

    found = look(law(0.92, 0.4, 0.5) + noise)

    assert found.n == 16
    assert found.gain.estimate == pytest.approx(gain, abs=0.006)
    assert found.gain.low < gain < found.gain.high
    assert found.doubled.estimate == pytest.approx(0.92 - 0.4 * 32**-0.5, abs=0.01)
    assert found.spread == pytest.approx(0.004, rel=0.6)
    assert not found.is_little
    assert look(law(0.92, 0.4, 0.5) + noise) == found


def test_a_gain_within_the_spread_or_too_small_to_matter_is_little():
    noise = np.random.default_rng(2).normal(0, 0.01, (3, len(SIZES)))
    assert look(np.full((3, len(SIZES)), 0.8) + noise).is_little
    assert look(np.tile(law(0.9, 0.02, 1.0), (3, 1))).is_little  # without any spread
    assert not look(np.tile(law(0.9, 0.5, 0.5), (3, 1))).is_little


def test_trainings_not_repeated_have_a_gain_and_no_interval():
    found = look([law(0.92, 0.4, 0.5)])

    assert isinstance(found, Extrapolation)
    assert found.gain.estimate == pytest.approx(0.029, abs=0.003)
    assert math.isnan(found.gain.low)
    assert math.isnan(found.spread)
    assert not found.is_little


@pytest.mark.parametrize(
    ("sizes", "scores"),
    [([1, 2, 3], [[0.5, 0.6, 0.7]] * 3), (SIZES, [[0.5, 0.6, 0.7, math.nan, 0.8]])],
)
def test_of_too_few_sizes_nothing_is_said(sizes, scores):
    assert look(scores, sizes) is None
