"""Figures of a study: scores of every training, and how they were learned."""

from collections.abc import Mapping, Sequence

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cellid.report.comparison.scores import LEVEL
from cellid.report.figures import Theme, add_legend, dress_axes

# Strong colours before their pale companions
_COLOURS = [matplotlib.colormaps["tab20"](n) for n in (*range(0, 20, 2), *range(1, 20, 2))]
_PANEL_INCHES, _LEVEL_INCHES = 4.2, 0.34


def draw_scores(
    table: pd.DataFrame, levels: Sequence[str], columns: Mapping[str, str], theme: Theme
) -> Figure:
    """Draw every training as a dot, a row a level, with the mean over seeds.

    Parameters
    ----------
    table : DataFrame
        A row a training: ``level`` and the scores.
    levels : sequence of str
        From the top.
    columns : mapping of str to str
        Scores and their names, a panel each.
    theme : Theme

    Returns
    -------
    Figure
    """
    size = _PANEL_INCHES * len(columns) + 1.5, 1.2 + _LEVEL_INCHES * len(levels)
    figure = Figure(figsize=size, facecolor=theme.paper, layout="constrained")
    panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    place = {level: number for number, level in enumerate(levels)}
    y = table[LEVEL].map(place)
    for axes, (name, title) in zip(panels, columns.items(), strict=True):
        dress_axes(axes, theme)
        axes.plot(table[name], y, "o", color=theme.training, alpha=0.7, markersize=5, label="seed")
        means = table.groupby(LEVEL)[name].mean()
        axes.plot(
            means,
            means.index.map(place),
            "|",
            color=theme.validation,
            markersize=16,
            markeredgewidth=2.5,
            label="mean",
        )
        axes.set_title(title, loc="left", color=theme.ink, fontsize=11, fontweight="bold")
        axes.set_yticks(range(len(levels)), levels)
    panels[0].set_ylim(len(levels) - 0.5, -0.5)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower right",
        ncols=2,
        labelcolor=theme.ink,
        frameon=False,
        fontsize=9,
    )
    return figure


def draw_histories(histories: Mapping[str, Sequence[pd.DataFrame]], theme: Theme) -> Figure:
    """Draw the overlap with the validation labels by epoch, a colour a level, a line a seed.

    Parameters
    ----------
    histories : mapping of str to sequence of DataFrame
        `history.csv` of every training by level, the best first; of more levels than there
        are colours, the first are drawn.
    theme : Theme

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(11, 5.5), facecolor=theme.paper, layout="constrained")
    axes = figure.subplots()
    dress_axes(axes, theme)
    for (level, runs), colour in zip(histories.items(), _COLOURS, strict=False):
        for number, history in enumerate(runs):
            axes.plot(
                history["epoch"],
                history["val_iou"],
                color=colour,
                lw=1.3,
                marker="o" if len(history) == 1 else None,
                label=None if number else level,
            )
    axes.set_ylim(0, 1)
    axes.set_xlabel("epoch", color=theme.ink)
    axes.set_ylabel("IoU of nucleus pixels, validation", color=theme.ink)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_legend(axes, theme, "lower right")
    return figure
