import math

import numpy as np
import pandas as pd
import pytest

from cellid.errors import CellidError
from cellid.evaluation.count_calibration import (
    calibrate_counts,
    calibration_factor,
    tabulate_counts,
)

from .pictures import draw

TRUE = draw(
    "AABB..",
    "AABB..",
    "......",
    "..CC..",
    "..CC..",
    "......",
)


def test_three_ways_to_count_an_image():
    predicted = draw(
        "aabb..",
        "aabb..",
        "......",
        "..cc..",
        "......",
        ".....d",
    )
    counts = tabulate_counts(
        [(TRUE, predicted), (TRUE, np.zeros_like(TRUE))], connectivity=8, nucleus_area_px=4
    )

    assert counts.to_dict("list") == {
        "confluence": [12 / 36, 12 / 36],
        "true": [3, 3],
        "components": [3, 0],  # the pair is one, the speck another
        "instances": [4, 0],
        "area": [11 / 4, 0],
    }


def test_hand_counted_agreement():
    counts = pd.DataFrame(
        {
            "confluence": [0.1, 0.2, 0.3],
            "true": [10, 20, 40],
            "components": [10, 18, 36],  # fewer the fuller the image
            "instances": [11, 21, 41],
            "area": [12, 17, 41],
        }
    )

    table = calibrate_counts(counts)

    assert table.index.tolist() == ["components", "instances", "area"]
    components, instances, area = (table.loc[method] for method in table.index)
    assert components["bias"] == -2
    assert (components["low"], components["high"]) == pytest.approx((-2 - 1.96 * 2, -2 + 1.96 * 2))
    assert components["mean_percentage_error"] == pytest.approx((0 + 10 + 10) / 3)
    assert components["confluence_slope"] == pytest.approx(-20)
    assert components["confluence_correlation"] == pytest.approx(-1)
    assert instances[["bias", "low", "high", "mae"]].tolist() == [1, 1, 1, 1]
    assert instances["confluence_slope"] == pytest.approx(0)
    assert (area["mae"], area["median_ae"]) == (2, 2)
    assert area["bias"] == 0
    assert area["high"] == pytest.approx(1.96 * math.sqrt((4 + 9 + 1) / 2))


def test_one_image_has_no_limits():
    counts = tabulate_counts([(TRUE, TRUE)], connectivity=8, nucleus_area_px=4)

    row = calibrate_counts(counts).loc["instances"]

    assert (row["bias"], row["mae"]) == (0, 0)
    assert row[["low", "high", "confluence_slope", "confluence_correlation"]].isna().all()


def test_no_images_are_refused():
    with pytest.raises(CellidError, match="at least one evaluated image"):
        calibrate_counts(tabulate_counts([], connectivity=8, nucleus_area_px=4))


def test_the_factor_is_that_of_all_images_and_its_interval_that_of_fields():
    counts = pd.DataFrame({"true": [30, 10, 20], "instances": [15, 5, 20]})
    kwargs = {"n_samples": 500, "confidence": 0.95, "seed": 1}
    factor = calibration_factor(counts, ["a", "a", "b"], "instances", **kwargs)
    assert factor == (1.5, 1.0, 2.0)  # samples of two fields: 2, 1.5 or 1
    alone = calibration_factor(counts[:2], ["a", "a"], "instances", **kwargs)
    assert alone.estimate == 2
    assert not alone.low < 2 < alone.high
    with pytest.raises(CellidError):
        calibration_factor(counts[:0], [], "instances", **kwargs)
