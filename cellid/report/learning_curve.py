"""The report of a learning curve: what more images would bring."""

import math
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullLocator

from cellid.config import EvaluateSettings, Recipe
from cellid.dataset import Dataset
from cellid.evaluation.bootstrap import Interval
from cellid.evaluation.learning_curve import MIN_SIZES, Extrapolation, extrapolate
from cellid.report.figures import DARK, LIGHT, Theme, add_legend, dress_axes, encode_figure
from cellid.report.markup import (
    count,
    format_range,
    interval_cell,
    make_list,
    make_table,
    number_cell,
    show_figure,
    text_cell,
)
from cellid.report.page import make_page, show_recipe
from cellid.report.studies import FLATTERED, write_study
from cellid.report.tables import instance_columns

SCORE = "instance_f1"
"""The score that the curve is drawn of; the table has the others."""

_NOTE = """
<p class=note>Every training could take the same number of steps: with fewer {unit}s each crop was
shown more often. The {unit}s that chose the best epoch, and those scored on, were the same for all.
Repeats of a few {unit}s are on different ones; the larger the number, the more {unit}s they share,
and on all of them they differ only in their random numbers: there the spread says nothing about
other {unit}s.</p>
<p class=note>Scores are against the labels of the data set: where these are wrong, the curve levels
off below 1 however many {unit}s there are. The curve is a − b·n<sup>−c</sup>, fitted to the means
(Figueroa et al., BMC Med. Inform. Decis. Mak. 12:8, 2012); beyond the last size it is a guess that
more {unit}s are like these.</p>"""


def write_learning_curve(
    trainings: pd.DataFrame, dataset: Dataset, recipe: Recipe, split: str, out: Path
) -> Path:
    """Write `learning_curve.csv`, `learning_curve.png` and `report.html`.

    Parameters
    ----------
    trainings : DataFrame
        A row a training: ``n_groups``, ``repeat``, ``run``, ``groups`` and every score. Every
        repeat has the same sizes.
    dataset : Dataset
        That all were trained on.
    recipe : Recipe
    split : str
        That the scores are of.
    out : Path
        Folder to write to; files of these names are replaced.

    Returns
    -------
    Path
        `report.html`, which needs no other file and no network.
    """
    settings = recipe.evaluate
    unit = str(dataset.info.recipe["split"]["by"])
    scores = trainings.pivot(index="repeat", columns="n_groups", values=SCORE)
    extrapolation = extrapolate(
        scores.columns,
        scores,
        n_samples=settings.bootstrap_samples,
        confidence=settings.confidence,
        seed=recipe.seed,
    )
    name = instance_columns(settings)[SCORE]
    light, dark = (
        encode_figure(draw_learning_curve(scores, extrapolation, name, unit, theme))
        for theme in (LIGHT, DARK)
    )
    sentence = describe_extrapolation(extrapolation, unit, settings.confidence)
    flattered = FLATTERED.format(unit=unit) if split == "validation" else ""
    facts = {
        "Data set": str(dataset.folder),
        "Manifest": dataset.info.manifest_hash,
        "Scored on": f"{count(dataset.crops(split)['group'].nunique(), unit)} of {split}",
    }
    sections = {
        "Summary": f"<p><b>{escape(sentence)}</b></p>{flattered}"
        + show_figure(light, dark, f"{name} by number of training {unit}s")
        + _NOTE.format(unit=unit),
        "Scores": _write_tables(trainings, settings, unit),
        "Recipe": show_recipe(recipe),
        "Provenance": make_list(facts),
    }
    page = make_page(
        "Enough images?", f"Learning curve of {dataset.folder.resolve().name}", sections
    )
    return write_study(out, "learning_curve", trainings, light, page)


def describe_extrapolation(
    extrapolation: Extrapolation | None, unit: str, confidence: float
) -> str:
    """Return in a sentence or two what more images would bring.

    Parameters
    ----------
    extrapolation : Extrapolation or None
        None: too little is known.
    unit : str
        What is counted: ``"field"``, ``"well"`` or ``"folder"``.
    confidence : float
        Coverage of the intervals.
    """
    if extrapolation is None:
        least = 2 ** (MIN_SIZES - 2) + 1  # 1, 2, 4 and so on, and all
        return (
            f"Too few sizes to tell what more {unit}s would bring: it takes at least {least} "
            f"training {unit}s, and nuclei to score on."
        )
    now, gain = extrapolation.n, extrapolation.gain
    text = f"Twice as many {unit}s of the same kind, {2 * now} instead of {now}, would bring "
    text += "little: " if extrapolation.is_little else ""
    text += f"about {gain.estimate:+.3f} F1"
    if math.isnan(extrapolation.spread):
        return (
            f"{text}. Each number of {unit}s was trained on once, so nobody knows how much of the "
            "curve is chance: repeat the trainings."
        )
    text += (
        f" ({confidence:.0%} interval {format_range(SCORE, gain)}); single trainings on the same "
        f"number of {unit}s scatter by {extrapolation.spread:.3f} (standard deviation)."
    )
    if extrapolation.is_little:
        text += " Better labels or a longer training may bring more."
    return text


def draw_learning_curve(
    scores: pd.DataFrame, extrapolation: Extrapolation | None, name: str, unit: str, theme: Theme
) -> Figure:
    """Draw the score by number of images, every training a dot.

    Parameters
    ----------
    scores : DataFrame
        A row a repeat, a column a size.
    extrapolation : Extrapolation or None
        None: no curve is drawn.
    name : str
        Of the score.
    unit : str
        What is counted.
    theme : Theme

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(9, 5), facecolor=theme.paper, layout="constrained")
    axes = figure.subplots()
    dress_axes(axes, theme)
    sizes = scores.columns.to_numpy()
    for _, row in scores.iterrows():
        axes.plot(sizes, row, "o", color=theme.training, alpha=0.7, markersize=5)
    axes.lines[0].set_label("one training")
    axes.errorbar(
        sizes,
        scores.mean(),
        scores.std(),
        fmt="o",
        color=theme.validation,
        markersize=8,
        markeredgecolor=theme.paper,
        capsize=4,
        label="mean and standard deviation",
    )
    ticks = list(sizes)
    if extrapolation is not None:
        ticks.append(2 * extrapolation.n)
        for first, last, dashes, label in (
            (sizes[0], extrapolation.n, "-", "fitted curve"),
            (extrapolation.n, 2 * extrapolation.n, (0, (4, 3)), "extrapolation"),
        ):
            n = np.geomspace(first, last)
            curve = [float(extrapolation.curve.at(each)) for each in n]
            axes.plot(n, curve, color=theme.ink, lw=1.2, ls=dashes, label=label)
        middle, low, high = extrapolation.doubled
        if not math.isnan(low):
            axes.plot([2 * extrapolation.n] * 2, [low, high], color=theme.ink, lw=1.2)
        axes.plot([2 * extrapolation.n], [middle], "o", color=theme.ink, fillstyle="none")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FormatStrFormatter("%d"))
    axes.set_xlabel(f"training {unit}s", color=theme.ink)
    axes.set_ylabel(name, color=theme.ink)
    add_legend(axes, theme, "lower right")
    return figure


def _write_tables(trainings: pd.DataFrame, settings: EvaluateSettings, unit: str) -> str:
    """Return the means by size with the range of the repeats, and every training."""
    columns = {**instance_columns(settings), "object_dice": "Object Dice", "pixel_dice": "Dice"}
    sizes = trainings.groupby("n_groups")[list(columns)].agg(["mean", "min", "max"])
    means = [
        [
            text_cell(str(n)),
            *(interval_cell(name, Interval(*row[name])) for name in columns),
        ]
        for n, row in sizes.iterrows()
    ]
    every = [
        [
            text_cell(row["run"]),
            text_cell(row["groups"]),
            *(number_cell(name, row[name]) for name in columns),
        ]
        for _, row in trainings.iterrows()
    ]
    heads = [f"Training {unit}s", *columns.values()]
    return (
        make_table(heads, [("", means)])
        + "<p class=note>Mean of the repeats; beneath it the lowest and the highest. "
        "Object Dice: connected patches that overlap; Dice: pixels.</p>"
        "<h3>Every training</h3>"
        + make_table(
            ["Training", f"{unit.capitalize()}s", *columns.values()], [("", every)], "tall"
        )
    )
