"""Figures of a classifier: what every threshold would give, and whether probabilities hold."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cellid.evaluation.classification import (
    calibration_curve,
    calibration_error,
    roc_auc,
    sweep_thresholds,
)
from cellid.report.classifier.scores import JudgedPatches
from cellid.report.figures import Theme, add_legend, dress_axes

_BINS = 10
_DASHED = (0, (4, 3))


def draw_thresholds(judged: JudgedPatches, theme: Theme) -> Figure:
    """Draw the ROC curve, precision by recall, and how often positives are what they are called.

    Parameters
    ----------
    judged : JudgedPatches
    theme : Theme

    Returns
    -------
    Figure
        The threshold in force is a dot.
    """
    positive, probabilities = judged.positive, judged.probabilities
    figure = Figure(figsize=(15, 5), facecolor=theme.paper, layout="constrained")
    roc, precision, calibration = figure.subplots(1, 3)
    table = sweep_thresholds(positive, probabilities)
    in_force = table[table["threshold"] >= judged.config.threshold].tail(1)
    auc = roc_auc(positive, probabilities)
    _dress(roc, theme, f"ROC, area {auc:.3f}", "false positive rate", "recall")
    start = pd.DataFrame({"false_positive_rate": [0.0], "recall": [0.0]})
    _trace(roc, pd.concat([start, table]), in_force, "false_positive_rate", "recall", theme)
    roc.plot([0, 1], [0, 1], color=theme.faint, lw=1, ls=_DASHED, label="chance")
    _dress(precision, theme, "Precision and recall", "recall", "precision")
    _trace(precision, table, in_force, "recall", "precision", theme)
    share = positive.mean()
    precision.axhline(share, color=theme.faint, lw=1, ls=_DASHED, label=f"chance, {share:.2f}")

    curve = calibration_curve(positive, probabilities, n_bins=_BINS)
    title = f"Calibration, error {calibration_error(curve):.3f}"
    _dress(calibration, theme, title, "mean probability of the patches", "share that is positive")
    calibration.plot([0, 1], [0, 1], color=theme.faint, lw=1, ls=_DASHED, label="perfect")
    calibration.plot(curve["predicted"], curve["observed"], color=theme.validation, lw=1.5)
    calibration.scatter(
        curve["predicted"],
        curve["observed"],
        s=12 + 160 * curve["n"] / curve["n"].max(),
        color=theme.validation,
        label="a tenth of the range; size: patches",
    )
    for axes in (roc, precision, calibration):
        add_legend(axes, theme, "lower left" if axes is precision else "lower right")
    return figure


def _trace(
    axes: Axes, table: pd.DataFrame, in_force: pd.DataFrame, x: str, y: str, theme: Theme
) -> None:
    axes.plot(table[x], table[y], color=theme.validation, lw=1.8)
    axes.plot(
        in_force[x],
        in_force[y],
        "o",
        color=theme.validation,
        markeredgecolor=theme.paper,
        markersize=9,
        label="the threshold in force",
    )


def _dress(axes: Axes, theme: Theme, title: str, x: str, y: str) -> None:
    dress_axes(axes, theme)
    axes.set_title(title, loc="left", color=theme.ink, fontsize=11, fontweight="bold")
    axes.set_xlabel(x, color=theme.ink)
    axes.set_ylabel(y, color=theme.ink)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
