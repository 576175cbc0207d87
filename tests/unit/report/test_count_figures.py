import numpy as np
import pandas as pd
import pytest

from cellid.evaluation.count_calibration import METHODS, calibrate_counts
from cellid.report.count_figures import draw_count_agreement
from cellid.report.figures import DARK, LIGHT, encode_figure


def simulate_counts(n_images):
    """Components miss more the fuller an image is; instances and area are right on average."""
    rng = np.random.default_rng(0)
    true = rng.integers(20, 200, n_images)
    return pd.DataFrame(
        {
            "confluence": true / 800,
            "true": true,
            "components": true - (true / 20) ** 2 // 4,
            "instances": true + rng.integers(-4, 5, n_images),
            "area": true * rng.normal(1, 0.06, n_images),
        }
    )


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_points_are_images_and_lines_the_limits(theme):
    counts = simulate_counts(30)
    calibration = calibrate_counts(counts)

    figure = draw_count_agreement(counts, theme)

    for number, method in enumerate(METHODS):
        agreement, confluence = figure.axes[number], figure.axes[number + len(METHODS)]
        _, points, *lines = agreement.get_lines()
        error = counts[method] - counts["true"]
        assert points.get_ydata().tolist() == error.tolist()
        assert points.get_xdata().tolist() == (counts["true"] + error / 2).tolist()
        assert [line.get_ydata()[0] for line in lines] == (
            calibration.loc[method, ["low", "bias", "high"]].tolist()
        )
        _, points, trend = confluence.get_lines()
        assert points.get_xdata().tolist() == (100 * counts["confluence"]).tolist()
        slope, _ = np.polyfit(100 * counts["confluence"], error, 1)
        assert trend.get_slope() == pytest.approx(slope)
    assert encode_figure(figure).startswith(b"\x89PNG")


def test_one_image_has_a_bias_and_no_limits():
    figure = draw_count_agreement(simulate_counts(1), LIGHT)

    assert [text.get_text()[:4] for text in figure.axes[0].texts] == ["bias"]
    assert encode_figure(figure).startswith(b"\x89PNG")
