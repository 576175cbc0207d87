"""Figures of a detector: what every least score would give, and what a gate loses and saves."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cellid.report.detector.scores import JudgedDetections
from cellid.report.figures import Theme, add_legend, dress_axes


def draw_scores(judged: JudgedDetections, theme: Theme) -> Figure:
    """Draw precision by recall, and both with F1 by least score, the one in force marked.

    Parameters
    ----------
    judged : JudgedDetections
    theme : Theme

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(13, 4.8), facecolor=theme.paper, layout="constrained")
    curve, by_score = figure.subplots(1, 2)
    objects, threshold = judged.objects, judged.config.threshold
    table = objects.sweep(judged.config.recipe.predict.min_score)
    nearest = table.iloc[[(table["score"] - threshold).abs().argmin()]]
    title = f"Precision and recall, AP {objects.coco[objects.by].ap_50:.3f} at IoU 0.5"
    _dress(curve, theme, title, "recall", "precision")
    curve.plot(table["recall"], table["precision"], color=theme.validation, lw=1.8)
    curve.plot(
        nearest["recall"],
        nearest["precision"],
        "o",
        color=theme.validation,
        markeredgecolor=theme.paper,
        markersize=9,
        label=f"from a score of {threshold:.2f} on, as in force",
    )
    add_legend(curve, theme, "lower left")
    _dress(by_score, theme, "Other thresholds", "least score", "")
    for name, colour, style in (
        ("precision", theme.training, "--"),
        ("recall", theme.training, "-"),
        ("f1", theme.validation, "-"),
    ):
        label = "F1" if name == "f1" else name
        by_score.plot(table["score"], table[name], color=colour, ls=style, lw=1.6, label=label)
    by_score.axvline(threshold, color=theme.ink, lw=0.9, ls=(0, (4, 3)))
    add_legend(by_score, theme, "lower left")
    return figure


def draw_gate(gate: pd.DataFrame, theme: Theme) -> Figure:
    """Draw recall, precision and time over the threshold of a gate.

    Parameters
    ----------
    gate : DataFrame
        `gate.csv`: ``threshold``, ``recall``, ``precision``, ``looked_at``, ``seconds`` and
        ``seconds_without``.
    theme : Theme

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(13, 4.8), facecolor=theme.paper, layout="constrained")
    scores, times = figure.subplots(1, 2)
    _dress(scores, theme, "What the gate loses", "least probability of a patch", "")
    for name, style in (("recall", "-"), ("precision", "--"), ("looked_at", ":")):
        label = "share of the image looked at" if name == "looked_at" else name
        colour = theme.training if name == "looked_at" else theme.validation
        scores.plot(
            gate["threshold"], gate[name], style, color=colour, lw=1.8, marker="o", label=label
        )
    add_legend(scores, theme, "lower left")
    dress_axes(times, theme)
    times.set_title("What it saves", loc="left", color=theme.ink, fontsize=11, fontweight="bold")
    times.set_xlabel("least probability of a patch", color=theme.ink)
    times.set_ylabel("seconds an image", color=theme.ink)
    times.plot(
        gate["threshold"],
        gate["seconds"],
        color=theme.validation,
        lw=1.8,
        marker="o",
        label="classifier and detector",
    )
    times.plot(
        gate["threshold"],
        gate["seconds_gate"],
        color=theme.training,
        lw=1.3,
        ls="--",
        label="of that, the classifier",
    )
    times.axhline(
        gate["seconds_without"].iloc[0],
        color=theme.ink,
        lw=0.9,
        ls=(0, (4, 3)),
        label="the detector alone",
    )
    times.set_ylim(bottom=0)
    add_legend(times, theme, "lower left")
    return figure


def _dress(axes: Axes, theme: Theme, title: str, x: str, y: str) -> None:
    dress_axes(axes, theme)
    axes.set_title(title, loc="left", color=theme.ink, fontsize=11, fontweight="bold")
    axes.set_xlabel(x, color=theme.ink)
    axes.set_ylabel(y, color=theme.ink)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
