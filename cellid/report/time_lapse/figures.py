"""Figures of followed time-lapses: growth, speed, lineages and drift."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullLocator

from cellid.report.figures import Theme, dress_axes
from cellid.report.time_lapse.lineage import Family
from cellid.report.time_lapse.measures import LEVELS
from cellid.report.time_lapse.summary import SpeedQuantiles

# Okabe and Ito's colours, told apart by the colour-blind; their black and yellow, which
# vanish on dark and on white paper, are left out
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")
_MOST_NAMED = len(_COLOURS)  # lines that a legend tells apart


def draw_growth(
    growth: pd.DataFrame, conditions: Mapping[str, str], counted: str, unit: str, theme: Theme
) -> Figure:
    """Draw nuclei a field or well by time on a log scale: by condition, and by well.

    Parameters
    ----------
    growth : DataFrame
        From `measure_growth`.
    conditions : mapping of str to str
        The condition of each well, which gives it its colour.
    counted : str
        In what nuclei were counted, ``"field"`` or ``"well"``.
    unit : str
        Of time.
    theme : Theme

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(13, 5), facecolor=theme.paper, layout="constrained")
    colours = _colour(list(dict.fromkeys(conditions.values())))
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    logarithmic = bool(growth["mean"].gt(0).any())  # an empty plate has no logarithm
    up = f"nuclei a {counted}{' (log scale)' * logarithmic}"
    for axes, level in zip(panels, LEVELS, strict=True):
        _dress(axes, theme, f"By {level}", _time_label(unit), up)
        curves = growth[growth["level"] == level]
        for name, curve in curves.groupby("name", sort=False):
            colour = colours[conditions.get(str(name), str(name))]
            axes.plot(curve["time"], curve["mean"], color=colour, lw=1.8, label=str(name))
            axes.fill_between(
                curve["time"], curve["low"], curve["high"], color=colour, alpha=0.2, lw=0
            )
        _name_lines(axes, curves["name"].nunique(), theme)
    if logarithmic:
        panels[0].set_yscale("log")
        panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panels[0].yaxis.set_major_formatter(FormatStrFormatter("%g"))
        panels[0].yaxis.set_minor_locator(NullLocator())
    return figure


def draw_speeds(speeds: Mapping[str, SpeedQuantiles], unit: str, theme: Theme) -> Figure:
    """Draw how the speeds of nuclei spread, a box a condition.

    Parameters
    ----------
    speeds : mapping of str to SpeedQuantiles
        By condition.
    unit : str
        Of speed.
    theme : Theme

    Returns
    -------
    Figure
        The line is the median, the box holds the middle half, the whiskers reach from the
        5th to the 95th percentile.
    """
    height = 1.6 + 0.5 * len(speeds)
    figure = Figure(figsize=(13, height), facecolor=theme.paper, layout="constrained")
    axes = figure.subplots()
    _dress(axes, theme, "Speed", f"mean speed of a nucleus ({unit})", "")
    parts = {"whislo": 0.05, "q1": 0.25, "med": 0.5, "q3": 0.75, "whishi": 0.95}
    boxes = axes.bxp(
        [
            {part: each.quantile(share) for part, share in parts.items()}
            | {"label": f"{name} ({len(each):,} nuclei)"}
            for name, each in speeds.items()
        ],
        orientation="horizontal",
        showfliers=False,
        patch_artist=True,
        widths=0.55,
    )
    for box, colour in zip(boxes["boxes"], _colour(list(speeds)).values(), strict=True):
        box.set(facecolor=colour, alpha=0.75, edgecolor="none")
    for part in ("whiskers", "caps", "medians"):
        for line in boxes[part]:
            line.set(color=theme.ink, lw=1.6 if part == "medians" else 1)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    return figure


def draw_lineages(families: Sequence[Family], step: float, unit: str, theme: Theme) -> Figure:
    """Draw family trees: a line a nucleus from when it is first to when it is last seen.

    Parameters
    ----------
    families : sequence of Family
    step : float
        Time between frames.
    unit : str
        Of time.
    theme : Theme

    Returns
    -------
    Figure
    """
    columns = min(len(families), 3)
    rows = -(-len(families) // columns)
    figure = Figure(figsize=(13, 0.8 + 3.2 * rows), facecolor=theme.paper, layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    for axes, family in zip(panels, families, strict=False):
        title = f"{family.field}, track {family.founder}"
        _dress(axes, theme, title, _time_label(unit), "")
        axes.grid(visible=False, axis="y")
        axes.set_yticks([])
        lines = family.lines
        for line in lines.itertuples():
            axes.hlines(line.row, line.begin * step, line.end * step, color=theme.validation, lw=2)
        mothers = lines.set_index("track").reindex(lines["parent"])
        for (_, mother), line in zip(mothers.iterrows(), lines.itertuples(), strict=True):
            if line.parent:
                ends = ([mother["end"] * step, line.begin * step], [mother["row"], line.row])
                axes.plot(*ends, color=theme.training, lw=1)
    for axes in panels[len(families) :]:
        axes.set_visible(False)
    return figure


def draw_drift(drifts: Mapping[str, pd.DataFrame], step: float, unit: str, theme: Theme) -> Figure:
    """Draw how far the camera moved, down and right, a line a field; bad frames are crosses.

    Parameters
    ----------
    drifts : mapping of str to DataFrame
        By field, as of a `FollowedPlate`.
    step : float
        Time between frames.
    unit : str
        Of time.
    theme : Theme

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(13, 4), facecolor=theme.paper, layout="constrained")
    colours = _colour(list(drifts))
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, (axis, way) in zip(panels, (("y", "Down"), ("x", "Right")), strict=True):
        _dress(axes, theme, way, _time_label(unit), "shift since the first frame (px)")
        column = f"shift_{axis}_px"
        for name, drift in drifts.items():
            axes.plot(drift["frame"] * step, drift[column], color=colours[name], lw=1.3, label=name)
            bad = drift[~drift["good"]]
            axes.plot(bad["frame"] * step, bad[column], "x", color=theme.ink, markersize=5)
        _name_lines(axes, len(drifts), theme)
    return figure


def _dress(axes: Axes, theme: Theme, title: str, across: str, up: str) -> None:
    dress_axes(axes, theme)
    axes.set_title(title, loc="left", color=theme.ink, fontsize=11, fontweight="bold")
    axes.set_xlabel(across, color=theme.ink)
    axes.set_ylabel(up, color=theme.ink)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8))


def _time_label(unit: str) -> str:
    return "time (h)" if unit == "h" else unit


def _colour(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each name; past six they come again."""
    return {name: _COLOURS[place % len(_COLOURS)] for place, name in enumerate(names)}


def _name_lines(axes: Axes, n_lines: int, theme: Theme) -> None:
    if n_lines <= _MOST_NAMED:
        axes.legend(labelcolor=theme.ink, frameon=False, fontsize=9)
