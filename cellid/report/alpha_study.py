"""The report of the study of α: what weighing nucleus against background does (section 7.2.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from cellid.config import Recipe
from cellid.evaluation.counts import divide
from cellid.evaluation.scores import ImageScores, pool
from cellid.imaging.overlay import Picture, draw_comparison
from cellid.report.figures import DARK, LIGHT, Theme, encode_figure
from cellid.report.markup import (
    count,
    format_score,
    join_words,
    make_list,
    make_table,
    number_cell,
    show_figure,
    text_cell,
)
from cellid.report.page import make_page, show_recipe
from cellid.report.scoring import Evaluation
from cellid.report.studies import (
    COLOURS_NOTE,
    FLATTERED,
    LEVELS_NOTE,
    score_levels,
    write_level_tables,
    write_study,
)
from cellid.types import Labels

EVEN_ODDS = 0.5
"""Probability above which a pixel is more likely nucleus than not, by a loss without weights."""

_EVEN, _TUNED = f"At probability {EVEN_ODDS:g}", "At the probability tuned on validation"
_SHOWN_CROPS = 3
_SHOWN_DIAMETERS = 10  # of a nucleus; wider, the rims that differ are not seen
_PANEL_INCHES = 3.2
_NOTE = """
<p class=note>A probability tuned on validation can make up for what α does to the size of nuclei,
so the trainings are compared at one probability too. There is one training each: trainings that
have but other random numbers differ as well.</p>"""


@dataclass(frozen=True)
class WeighedRun:
    """What a training with one α found, with the line drawn in two places.

    Attributes
    ----------
    even : Evaluation
        At `EVEN_ODDS`.
    tuned : Evaluation
        At the run's own threshold.
    """

    even: Evaluation
    tuned: Evaluation


def write_alpha_study(runs: Mapping[float, WeighedRun], recipe: Recipe, out: Path) -> Path:
    """Write `alpha.csv`, `alpha.png` and `report.html`.

    Parameters
    ----------
    runs : mapping of float to WeighedRun
        By α, rising; all on the same crops.
    recipe : Recipe
        Of all, but for α.
    out : Path
        Folder to write to; files of these names are replaced.

    Returns
    -------
    Path
        `report.html`, which needs no other file and no network.
    """
    table = tabulate_runs(runs)
    pictures = {alpha: _draw_crops(run.even) for alpha, run in runs.items()}
    light, dark = (encode_figure(draw_alphas(pictures, theme)) for theme in (LIGHT, DARK))
    evaluation = next(iter(runs.values())).even
    dataset, split = evaluation.dataset, evaluation.split
    flattered = (
        FLATTERED.format(unit=dataset.info.recipe["split"]["by"]) if split == "validation" else ""
    )
    groups = [
        (str(at), rows.set_index(rows["alpha"].map("α {:g}".format)))
        for at, rows in table.groupby("at", sort=False)
    ]
    facts = {
        "Data set": str(dataset.folder),
        "Manifest": dataset.info.manifest_hash,
        "Scored on": f"{count(len(evaluation.crops), 'crop')} of {split}",
    }
    size, mistakes, after_tuning = map(escape, describe_alphas(table))
    sections = {
        "Summary": f"<p><b>{size}</b></p><p>{mistakes} {after_tuning}</p>{flattered}{_NOTE}",
        "Images": f"<p>{_EVEN}:</p>{COLOURS_NOTE}"
        + show_figure(light, dark, "The same nuclei found by trainings of different α"),
        "Scores": _write_sizes(groups)
        + write_level_tables("Training", groups)
        + LEVELS_NOTE.format(evaluation.settings.iou_threshold),
        "Recipe": show_recipe(recipe),
        "Provenance": make_list(facts),
    }
    name = dataset.folder.resolve().name
    page = make_page("What α does", f"Weight of nucleus against background on {name}", sections)
    return write_study(out, "alpha", table, light, page)


def tabulate_runs(runs: Mapping[float, WeighedRun]) -> pd.DataFrame:
    """Return a row a training and threshold.

    Returns
    -------
    DataFrame
        ``alpha``; ``at``, in words which threshold; ``threshold``; ``run``, the folder's name;
        `area_ratio`; and the scores of `score_levels`.
    """
    return pd.DataFrame(
        {
            "alpha": alpha,
            "at": at,
            "threshold": threshold,
            "run": evaluation.run_folder.name,
            "area_ratio": area_ratio(evaluation.report.rows),
            **score_levels(evaluation.report.rows),
        }
        for alpha, run in runs.items()
        for at, evaluation, threshold in (
            (_EVEN, run.even, EVEN_ODDS),
            (_TUNED, run.tuned, run.tuned.config.instances.threshold),
        )
    )


def area_ratio(rows: Sequence[ImageScores]) -> float:
    """Return the area of all nuclei found over that of all labelled; nan if none is."""
    pixels = pool(rows).pixel
    return divide(pixels.n_predicted, pixels.n_true)


def describe_alphas(table: pd.DataFrame) -> tuple[str, str, str]:
    """Return what α did to size, what to mistakes, and what is left of it after tuning.

    Parameters
    ----------
    table : DataFrame
        As from `tabulate_runs`, of two α or more.
    """
    even, tuned = (table[table["at"] == at] for at in (_EVEN, _TUNED))
    sizes = even["area_ratio"]
    rule = (
        "the larger α, the larger the nuclei"
        if sizes.is_monotonic_increasing and sizes.is_unique
        else "a larger α does not always give larger nuclei here"
    )
    alphas, thresholds = (
        join_words([f"{each:g}" for each in values])
        for values in (even["alpha"], tuned["threshold"])
    )
    return (
        f"{_EVEN}, the nuclei found have {_list('area_ratio', sizes)} times the labelled area "
        f"with α of {alphas}: {rule}.",
        f"Of the objects found, {_list_missing(even['object_precision'])} have no label; of those "
        f"labelled, {_list_missing(even['object_recall'])} are missed.",
        f"{_TUNED}, {thresholds}, the areas are {_list('area_ratio', tuned['area_ratio'])} times "
        f"the labelled one, and Dice nucleus by nucleus is "
        f"{_list('instance_dice', tuned['instance_dice'])}.",
    )


def draw_alphas(pictures: Mapping[float, Sequence[Picture]], theme: Theme) -> Figure:
    """Draw the same crops under every α side by side, as figure 7.2 of the thesis.

    Parameters
    ----------
    pictures : mapping of float to sequence of (Y, X, 3) uint8
        The crops by α, from `draw_comparison`.
    theme : Theme

    Returns
    -------
    Figure
        A column an α, a row a crop.
    """
    n_rows, n_columns = len(next(iter(pictures.values()))), len(pictures)
    size = (_PANEL_INCHES * n_columns, _PANEL_INCHES * n_rows)
    figure = Figure(figsize=size, facecolor=theme.paper, layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False)
    for column, (alpha, crops) in zip(panels.T, pictures.items(), strict=True):
        column[0].set_title(f"α = {alpha:g}", color=theme.ink, fontsize=11, fontweight="bold")
        for axes, picture in zip(column, crops, strict=True):
            axes.imshow(picture, interpolation="nearest")
            axes.set_axis_off()
    return figure


def _draw_crops(evaluation: Evaluation) -> list[Picture]:
    """Compare labels and findings in the middle of the crops of most nuclei."""
    names = evaluation.crops.nlargest(_SHOWN_CROPS, "n_nuclei")["id"]
    side = round(_SHOWN_DIAMETERS * evaluation.dataset.info.nucleus_diameter_px)
    return [
        draw_comparison(
            _middle(evaluation.dataset.labels(name), side),
            _middle(evaluation.predicted(name), side),
        )
        for name in names
    ]


def _middle(labels: Labels, side: int) -> Labels:
    """Return the middle of an image, at most ``side`` pixels wide and high."""
    y, x = (max(0, (size - side) // 2) for size in labels.shape)
    return labels[y : y + side, x : x + side]


def _write_sizes(groups: Sequence[tuple[str, pd.DataFrame]]) -> str:
    """Return the table of areas and thresholds."""
    table = make_table(
        ["Training", "Probability", "Area found / labelled"],
        [
            (
                heading,
                [
                    [
                        text_cell(str(label)),
                        number_cell("threshold", row["threshold"]),
                        number_cell("area_ratio", row["area_ratio"]),
                    ]
                    for label, row in rows.iterrows()
                ],
            )
            for heading, rows in groups
        ],
    )
    return f"<h3>Size of nuclei</h3>{table}"


def _list(name: str, values: pd.Series) -> str:
    return join_words([format_score(name, value) for value in values])


def _list_missing(shares: pd.Series) -> str:
    """Return what is missing to 1, such as "2 %, 4 % and 9 %"."""
    return join_words([f"{1 - share:.1%}".replace("%", "\N{NBSP}%") for share in shares])
