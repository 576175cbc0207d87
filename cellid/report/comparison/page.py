"""`study.html`: which of the trainings compared is best, and how far that can be believed."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellid.config import DetectionSettings, EvaluateSettings, Recipe
from cellid.evaluation.comparison import friedman_p_value, rank_levels
from cellid.io.writers import replacing, write_table, write_text
from cellid.report.comparison.figures import draw_histories, draw_scores
from cellid.report.comparison.scores import (
    LEVEL,
    RUN,
    SEED,
    ScoredRun,
    compare_levels,
    orient,
    summarise_levels,
    tabulate_runs,
)
from cellid.report.figures import DARK, LIGHT, Theme, encode_figure
from cellid.report.markup import (
    Cell,
    count,
    format_value,
    make_list,
    make_table,
    show_figure,
    text_cell,
    value_cell,
)
from cellid.report.page import make_page, show_recipe
from cellid.report.studies import FLATTERED

_SCORES_NOTE = """
<p class=note>Mean ± standard deviation over seeds, the best of a column in bold. F1 of overlap and
of centres, and errors of the count, are the measures of the study of loss functions for c-ResUnet:
MAE and MedAE are the mean and median absolute error of an image's count, MPE is its mean error in
per cent, above 0 where too few are counted. AP is StarDist's.</p>"""
_RANKS_NOTE = """
<p class=note>Mean over seeds of the rank among all levels: 1 is the best, equal ones share the mean
of their ranks. p: Friedman's test, how probable ranks as unlike as these are if all levels are
equally good; it is an approximation, and rough for few seeds.</p>"""
_TESTS_NOTE = """
<p class=note>Differences of {score} from {baseline}. p over seeds: paired by seed, the signs of the
differences flipped in every way; {seeds} cannot give less than {least:.2g}, however clear
the difference. Interval and p over images: the paired bootstrap over {units}, all seeds together;
they say how far the difference holds on other images, for these trainings. Holm: adjusted for the
number of levels. {chosen}A large p does not say that two levels are equal.</p>"""
_CHOSEN = """The best was chosen by the same scores, so the differences from it are somewhat too
large. """


def write_comparison(
    runs: Sequence[ScoredRun],
    recipe: Recipe,
    score: str,
    baseline: str | None,
    failures: Mapping[str, str],
    out: Path,
) -> Path:
    """Write `results.csv`, `summary.csv`, `scores.png`, `curves.png` and `study.html`.

    Parameters
    ----------
    runs : sequence of ScoredRun
        All scored on the same images; at least one.
    recipe : Recipe
        What they share.
    score : str
        That decides which is best.
    baseline : str or None
        Level that the others are compared with; None: the best.
    failures : mapping of str to str
        Trainings that have no scores, and why.
    out : Path
        Folder to write to; files of these names are replaced.

    Returns
    -------
    Path
        `study.html`, which needs no other file and no network.
    """
    table = tabulate_runs(runs)
    summary = summarise_levels(table, score)
    levels = list(summary.index)
    baseline = baseline if baseline in levels else None
    compared = compare_levels(runs, baseline or levels[0], score, recipe.evaluate)
    groups = group_scores(recipe.evaluate, runs[0].detection)
    columns = name_scores(groups)
    shown = {name: columns[name] for name in (score, "cells_distance_f1", "count_mae")}
    histories = {level: [run.history for run in runs if run.label == level] for level in levels}
    dots = draw_twice(lambda theme: draw_scores(table, levels, shown, theme))
    curves = draw_twice(lambda theme: draw_histories(histories, theme))
    for name, (picture, _) in (("scores", dots), ("curves", curves)):
        with replacing(out / f"{name}.png") as temporary:
            temporary.write_bytes(picture)
    write_table(out / "results.csv", table)
    write_table(out / "summary.csv", summary.reset_index())
    evaluation = runs[0].evaluation
    unit = str(evaluation.dataset.info.recipe["split"]["by"])
    flattered = FLATTERED.format(unit=unit) if evaluation.split == "validation" else ""
    sections = {
        "Summary": f"<p><b>{escape(describe_best(summary, score, columns[score]))}</b></p>"
        + flattered
        + list_failures(failures)
        + show_figure(*dots, "Scores of every training"),
        "Scores": write_scores(summary, groups) + _SCORES_NOTE,
        "Ranks": _write_ranks(table, levels, columns) + _RANKS_NOTE,
        "Tests": _write_tests(compared)
        + _TESTS_NOTE.format(
            score=escape(columns[score]),
            baseline=escape(baseline or levels[0]),
            seeds=count(int(summary["n_seeds"].max()), "seed"),
            least=2.0 ** (1 - summary["n_seeds"].max()),
            units=f"{unit}s",
            chosen="" if baseline else _CHOSEN,
        ),
        "Curves": show_figure(*curves, "Overlap with the validation labels by epoch"),
        "Trainings": write_trainings(table, columns),
        "Recipe": show_recipe(recipe),
        "Provenance": make_list(
            {
                "Data set": str(evaluation.dataset.folder),
                "Manifest": evaluation.dataset.info.manifest_hash,
                "Scored on": f"{count(len(evaluation.crops), 'crop')} of {evaluation.split}",
                "Found by distance": _describe_reach(runs[0].detection),
            }
        ),
    }
    name = evaluation.dataset.folder.resolve().name
    page = make_page("Study", f"{count(len(levels), 'way')} to train compared on {name}", sections)
    report = out / "study.html"
    write_text(report, page)
    return report


def group_scores(
    evaluate: EvaluateSettings, detection: DetectionSettings
) -> dict[str, dict[str, str]]:
    """Return the scores of each table and their names."""
    low, high = min(evaluate.sweep), max(evaluate.sweep)
    return {
        "Segmentation": {
            "pixel_dice": "Dice",
            "object_dice": "Object Dice",
            "instance_f1": f"F1 (IoU ≥ {evaluate.iou_threshold:g})",
            "instance_ap": f"AP {low:g}–{high:g}",
            "cells_overlap_f1": f"F1 (IoU > {detection.iou:g})",
        },
        "Detection": {
            "cells_distance_f1": "F1 (distance)",
            "cells_distance_precision": "Precision",
            "cells_distance_recall": "Recall",
        },
        "Counting": {
            "count_mae": "MAE",
            "cells_median_ae": "MedAE",
            "cells_mean_percentage_error": "MPE",
        },
    }


def name_scores(groups: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the scores of all tables and their names."""
    return {name: title for group in groups.values() for name, title in group.items()}


def describe_best(summary: pd.DataFrame, score: str, name: str) -> str:
    """Return in a sentence which level is the best, and how far the next one is behind.

    Parameters
    ----------
    summary : DataFrame
        As from `summarise_levels`, the best first.
    score : str
    name : str
        How the score is called.
    """
    best = summary.iloc[0]
    text = f"The best {name} has {summary.index[0]}: {format_mean(best, score)}"
    if len(summary) > 1:
        text += f"; next is {summary.index[1]} with {format_mean(summary.iloc[1], score)}"
    return f"{text}."


def draw_twice(draw: Callable[[Theme], Figure]) -> tuple[bytes, bytes]:
    """Return a figure on white and on dark paper, as PNG."""
    return encode_figure(draw(LIGHT)), encode_figure(draw(DARK))


def format_mean(row: pd.Series, score: str) -> str:
    """Return "0.781 ± 0.002"; of one training without the deviation."""
    mean, deviation = row[f"{score}_mean"], row[f"{score}_sd"]
    return format_value(mean, ".3f") + ("" if np.isnan(deviation) else f" ± {deviation:.3f}")


def write_scores(summary: pd.DataFrame, groups: Mapping[str, Mapping[str, str]]) -> str:
    """Return the tables of means, a row a level of `summarise_levels`, the best in bold."""
    return "".join(
        f"<h3>{title}</h3>{_write_means(summary, columns)}" for title, columns in groups.items()
    )


def _write_means(summary: pd.DataFrame, columns: Mapping[str, str]) -> str:
    best = {name: orient(name, summary[f"{name}_mean"].round(3)) for name in columns}
    rows = []
    for level, row in summary.iterrows():
        cells = [text_cell(str(level)), value_cell(row["n_seeds"], ".0f")]
        for name, values in best.items():
            shown = format_mean(row, name)
            if values[level] == values.max():
                shown = f"<b>{shown}</b>"
            cells.append(Cell(shown, float(row[f"{name}_mean"])))
        rows.append(cells)
    return make_table(["Level", "Seeds", *columns.values()], [("", rows)])


def _write_ranks(table: pd.DataFrame, levels: Sequence[str], columns: Mapping[str, str]) -> str:
    """Return the mean rank of every level in every score, and the p that they are alike."""
    means, p_values = {}, []
    for name in columns:
        scores = orient(name, table.set_index([SEED, LEVEL])[name]).unstack()[list(levels)]
        means[name] = np.nanmean(rank_levels(scores), axis=0) if _whole(scores) else np.nan
        p_values.append(friedman_p_value(scores))
    ranks = pd.DataFrame(means, index=list(levels))
    rows = [
        [text_cell(str(level)), *(value_cell(value, ".2f") for value in row)]
        for level, row in ranks.iterrows()
    ]
    p_row = [text_cell("p (Friedman)"), *(value_cell(p, ".3f") for p in p_values)]
    return make_table(["Level", *columns.values()], [("", rows), ("All levels alike", [p_row])])


def _whole(scores: pd.DataFrame) -> bool:
    """Return whether any seed has a score at every level."""
    return bool(scores.notna().all(axis=1).any())


def _write_tests(compared: pd.DataFrame) -> str:
    if compared.empty:
        return "<p>There is no other level with the same seeds.</p>"
    heads = ["Level", "Seeds", "Difference", "p seeds", "Holm", "Interval over images", "p", "Holm"]
    rows = [
        [
            text_cell(row[LEVEL]),
            value_cell(row["n_seeds"], ".0f"),
            value_cell(row["difference"], "+.3f"),
            value_cell(row["p_seeds"], ".3f"),
            value_cell(row["p_seeds_holm"], ".3f"),
            Cell(
                f"{format_value(row['low'], '+.3f')} to {format_value(row['high'], '+.3f')}",
                row["low"],
            ),
            value_cell(row["p_images"], ".4f"),
            value_cell(row["p_images_holm"], ".4f"),
        ]
        for _, row in compared.iterrows()
    ]
    return make_table(heads, [("", rows)])


def write_trainings(table: pd.DataFrame, columns: Mapping[str, str]) -> str:
    """Return a row a training that leads to its own report."""
    rows = [
        [
            Cell(f'<a href="runs/{row[RUN]}/report.html">{escape(row[RUN])}</a>', row[RUN]),
            value_cell(row["epochs"], ".0f"),
            *(value_cell(row[name], ".3f") for name in columns),
        ]
        for _, row in table.iterrows()
    ]
    return make_table(["Training", "Epochs", *columns.values()], [("", rows)], "tall")


def _describe_reach(detection: DetectionSettings) -> str:
    if detection.distance_um is not None:
        return f"centres at most {detection.distance_um:g} µm apart"
    return f"centres at most {detection.distance_px:.1f} px apart"


def list_failures(failures: Mapping[str, str]) -> str:
    """Return what went wrong, if anything did."""
    if not failures:
        return ""
    items = "".join(f"<li>{escape(name)}: {escape(why)}</li>" for name, why in failures.items())
    return f"<aside><p>Trainings without scores:</p><ul>{items}</ul></aside>"
