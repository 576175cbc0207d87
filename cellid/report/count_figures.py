"""Figures of counts against the truth: agreement, and error by confluence."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cellid.evaluation.count_calibration import METHODS, calibrate_counts
from cellid.report.figures import Theme, dress_axes


def draw_count_agreement(counts: pd.DataFrame, theme: Theme) -> Figure:
    """Draw the Bland-Altman plot of every way to count and, below, the error by confluence.

    A point is an image. The lines above are the bias and the 95 % limits of agreement,
    the line below is that of least squares.

    Parameters
    ----------
    counts : DataFrame
        From `cellid.evaluation.count_calibration.tabulate_counts`.
    theme : Theme

    Returns
    -------
    Figure
    """
    calibration = calibrate_counts(counts)
    figure = Figure(figsize=(13, 8), facecolor=theme.paper, layout="constrained")
    panels = figure.subplots(2, len(METHODS), sharey=True)
    covered = 100 * counts["confluence"]
    for (agreement, confluence), method in zip(panels.T, METHODS, strict=True):
        scores = calibration.loc[method]
        error = counts[method] - counts["true"]
        mean = (counts[method] + counts["true"]) / 2
        _draw_errors(agreement, mean, error, "mean of true and counted nuclei", theme)
        _draw_limits(agreement, scores, theme)
        agreement.set_title(
            f"By {method}", loc="left", color=theme.ink, fontsize=11, fontweight="bold"
        )
        _draw_errors(confluence, covered, error, "image covered by nuclei (%)", theme)
        slope = scores["confluence_slope"] / 100  # nuclei a per cent
        confluence.axline(
            (covered.mean(), scores["bias"]), slope=slope, color=theme.validation, lw=1.3
        )
    for axes in panels[:, 0]:
        axes.set_ylabel("counted - true nuclei", color=theme.ink)
    return figure


def _draw_errors(
    axes: Axes, across: "pd.Series[float]", error: "pd.Series[float]", label: str, theme: Theme
) -> None:
    dress_axes(axes, theme)
    axes.margins(0.08, 0.15)
    axes.axhline(0, color=theme.ink, lw=0.9, ls=(0, (4, 3)))
    axes.plot(across, error, "o", color=theme.validation, alpha=0.6, markeredgewidth=0)
    axes.set_xlabel(label, color=theme.ink)


def _draw_limits(axes: Axes, scores: "pd.Series[float]", theme: Theme) -> None:
    for name, words in (("low", "lower limit"), ("bias", "bias"), ("high", "upper limit")):
        value = scores[name]
        if pd.isna(value):  # the limits of a single image
            continue
        axes.axhline(value, color=theme.validation, lw=1.3 if name == "bias" else 0.9)
        axes.annotate(
            f"{words} {value:+.1f}",
            (1, value),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right",
            color=theme.ink,
            fontsize=9,
            bbox={"facecolor": theme.paper, "edgecolor": "none", "alpha": 0.7, "pad": 1},
        )
