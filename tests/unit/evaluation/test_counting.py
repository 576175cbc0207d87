import math

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.evaluation.counting import (
    CountErrors,
    compare_counts,
    count_by_area,
    count_components,
    count_instances,
    mean_nucleus_area,
    median_absolute_error,
)

from .pictures import draw

# A clump of two nuclei, a single one and a speck: three nuclei of four pixels.
LABELS = draw(
    "AABB..",
    "AABB..",
    "......",
    "..CC..",
    "..CC..",
    "D.....",
)


def test_components_count_clumps_and_specks_as_one():
    assert count_components(LABELS, 8) == 3
    assert count_components(np.zeros((6, 6), bool), 8) == 0


def test_area_counts_clumps_in_full_and_specks_for_little():
    assert count_by_area(LABELS, nucleus_area_px=4) == 13 / 4


def test_mean_area_gives_back_the_number_of_objects():
    area_px = mean_nucleus_area([LABELS, draw("EE....")])

    assert area_px == 15 / 5
    counts = [count_by_area(image, nucleus_area_px=area_px) for image in (LABELS, draw("EE...."))]
    assert sum(counts) == pytest.approx(5)


def test_no_objects_have_no_mean_area():
    area_px = mean_nucleus_area([np.zeros((6, 6), int)])

    assert math.isnan(area_px)
    with pytest.raises(CellidError, match="nucleus_area_px"):
        count_by_area(LABELS, nucleus_area_px=area_px)


def test_errors_of_counts():
    pooled = compare_counts(10, 12) + compare_counts(20, 17) + compare_counts(10, 10)

    assert pooled == CountErrors(3, 40, 39, 5, 4 + 9 + 0, -20 + 15 + 0)
    assert pooled.mae == 5 / 3
    assert pooled.bias == -1 / 3
    assert pooled.relative_bias == -1 / 40
    assert pooled.mean_percentage_error == -5 / 3


def test_limits_of_agreement_hold_95_percent_of_normal_errors():
    errors = np.random.default_rng(0).normal(3, 5, 20000)
    pooled = sum((compare_counts(100, 100 + error) for error in errors), compare_counts(100, 100))

    bias, low, high = pooled.agreement

    assert bias == pytest.approx(3, abs=0.1)
    assert np.mean((errors > low) & (errors < high)) == pytest.approx(0.95, abs=0.005)


def test_equal_errors_have_no_spread_and_one_image_no_limits():
    one = compare_counts(100.1, 103.3)

    assert (one + one + one).agreement == pytest.approx((3.2, 3.2, 3.2), abs=1e-6)
    assert one.agreement.estimate == pytest.approx(3.2)
    assert math.isnan(one.agreement.low)
    assert math.isnan(one.agreement.high)


def test_median_absolute_error():
    errors = [compare_counts(10, predicted) for predicted in (12, 7, 10, 60)]

    assert median_absolute_error(errors) == (2 + 3) / 2
    assert math.isnan(median_absolute_error([]))


def test_an_image_without_cells_counts_as_one_in_a_percentage():
    assert compare_counts(0, 3).mean_percentage_error == -300


def test_instances_are_counted_whether_they_touch_or_not():
    assert count_instances(LABELS) == 4
    assert count_instances(np.zeros((2, 2), int)) == 0


def test_relative_bias_without_true_objects_is_undefined():
    assert math.isnan(compare_counts(0, 3).relative_bias)
    assert compare_counts(0, 3).bias == 3
