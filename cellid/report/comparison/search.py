"""`study.html` of a search: what was tried, and what scored best on the validation fields."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cellid.config import Range, Recipe
from cellid.io.writers import replacing, write_table, write_text
from cellid.report.comparison.page import (
    draw_twice,
    format_mean,
    group_scores,
    list_failures,
    name_scores,
    write_scores,
    write_trainings,
)
from cellid.report.comparison.scores import (
    LEVEL,
    ScoredRun,
    orient,
    summarise_levels,
    tabulate_runs,
)
from cellid.report.figures import Theme, dress_axes
from cellid.report.markup import count, make_list, show_figure
from cellid.report.page import make_page, show_recipe

TRIAL = "trial"
"""The axis that numbers what was tried."""

_PANEL_INCHES, _COLUMNS = 3.4, 4
_NOTE = """
<p class=note>Mean ± standard deviation over seeds, on the validation fields, which also chose each
training's best epoch and thresholds. The best of many flatters itself: how well it does is told by
the test fields, which no trial has seen. Evaluate it there once:</p>
<pre>cellid evaluate {folder} --dataset {dataset} --out {out}</pre>"""


def write_search(
    runs: Sequence[ScoredRun],
    space: Mapping[str, Any],
    recipe: Recipe,
    score: str,
    failures: Mapping[str, str],
    out: Path,
) -> tuple[Path, Path]:
    """Write `results.csv`, `summary.csv`, `search.png` and `study.html`.

    Parameters
    ----------
    runs : sequence of ScoredRun
        Scored on validation; their first level is the trial, the others what it set.
    space : mapping of str to Range or mapping
        What was searched.
    recipe : Recipe
        What all share.
    score : str
        That was searched for.
    failures : mapping of str to str
        Trainings that have no scores, and why.
    out : Path
        Folder to write to; files of these names are replaced.

    Returns
    -------
    Path, Path
        The best training's run folder, and `study.html`.
    """
    table = tabulate_runs(runs)
    summary = summarise_levels(table, score)
    groups = group_scores(recipe.evaluate, runs[0].detection)
    columns = name_scores(groups)
    figures = draw_twice(lambda theme: draw_search(table, space, score, columns[score], theme))
    with replacing(out / "search.png") as temporary:
        temporary.write_bytes(figures[0])
    write_table(out / "results.csv", table)
    write_table(out / "summary.csv", summary.reset_index())
    best = [run for run in runs if run.label == summary.index[0]]
    folder, dataset = best[0].evaluation.run_folder, best[0].evaluation.dataset.folder
    settings = {name: value for name, value in best[0].levels.items() if name != TRIAL}
    sentence = (
        f"The best {columns[score]} of {count(len(summary), 'trial')} has trial "
        f"{best[0].levels[TRIAL]}: {format_mean(summary.iloc[0], score)}."
    )
    sections = {
        "Summary": f"<p><b>{escape(sentence)}</b></p>{make_list(settings)}"
        + list_failures(failures)
        + show_figure(*figures, f"{columns[score]} by what was tried"),
        "Scores": write_scores(summary, groups)
        + _NOTE.format(
            folder=escape(str(folder)), dataset=escape(str(dataset)), out=escape(str(out / "best"))
        ),
        "Trainings": write_trainings(table, columns),
        "Recipe": show_recipe(best[0].evaluation.config.recipe),
    }
    page = make_page("Search", f"{count(len(space), 'setting')} searched", sections)
    report = out / "study.html"
    write_text(report, page)
    return folder, report


def draw_search(
    table: pd.DataFrame, space: Mapping[str, Any], score: str, name: str, theme: Theme
) -> Figure:
    """Draw the score by trial, and by each setting that was searched.

    Parameters
    ----------
    table : DataFrame
        A row a training, with the trial and its settings.
    space : mapping of str to Range or mapping
        What was searched.
    score, name : str
        A column of ``table``, and how it is called.
    theme : Theme

    Returns
    -------
    Figure
        A panel each; the best trial is filled.
    """
    trials = (
        table.groupby(LEVEL, sort=False)
        .first()
        .assign(score=table.groupby(LEVEL, sort=False)[score].mean())
    )
    best = trials.loc[orient(score, trials["score"].rename(score)).idxmax()]
    panels = [TRIAL, *space]
    n_rows = -(-len(panels) // _COLUMNS)
    size = _PANEL_INCHES * min(len(panels), _COLUMNS), _PANEL_INCHES * n_rows
    figure = Figure(figsize=size, facecolor=theme.paper, layout="constrained")
    grid = figure.subplots(n_rows, min(len(panels), _COLUMNS), sharey=True, squeeze=False).ravel()
    for axes, setting in zip(grid, panels, strict=False):
        dress_axes(axes, theme)
        part = space.get(setting)
        numbers = setting == TRIAL or isinstance(part, Range)
        x = trials[setting].astype(float) if numbers else trials[setting]
        axes.plot(x, trials["score"], "o", color=theme.training, fillstyle="none")
        at = float(best[setting]) if numbers else best[setting]
        axes.plot([at], [best["score"]], "o", color=theme.validation)
        axes.set_xlabel(setting, color=theme.ink)
        axes.margins(x=0.15)
        if setting == TRIAL:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if isinstance(part, Range) and part.log:
            axes.set_xscale("log")
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[::_COLUMNS]:
        axes.set_ylabel(name, color=theme.ink)
    return figure
