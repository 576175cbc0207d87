"""The report of the study of noisy labels: how scores mislead where labels are wrong."""

from html import escape
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from cellid.config import NoiseStudySettings
from cellid.imaging.overlay import draw_comparison
from cellid.report.figures import DARK, LIGHT, Theme, add_legend, dress_axes, encode_figure
from cellid.report.markup import (
    count,
    data_uri,
    format_score,
    join_words,
    make_list,
    make_picture,
    show_figure,
)
from cellid.report.page import make_page
from cellid.report.samples import encode_png
from cellid.report.scoring import Evaluation
from cellid.report.studies import COLOURS_NOTE, LEVELS, LEVELS_NOTE, write_level_tables, write_study
from cellid.simulate.label_noise import spoil_labels

_KINDS = {
    "missing": ("Nuclei without a label", "share of the nuclei"),
    "debris": ("False labels", "as a share of the nuclei"),
    "patches": ("Labelled background", "share of the background"),
}
_UNSPOILT = "as they are"
_BY = {"pixel": "by pixels", "object": "by objects", "instance": "nucleus by nucleus"}
_NOTE = """
<p class=note>Spoilt at random, as dye that is not taken up, dirt that takes it, and noise of the
background that is segmented would spoil them. The labels as they are have errors of their own,
and are not the truth either.</p>"""


def write_noise_study(
    table: pd.DataFrame, evaluation: Evaluation, settings: NoiseStudySettings, out: Path
) -> Path:
    """Write `noise.csv`, `noise.png` and `report.html`.

    Parameters
    ----------
    table : DataFrame
        A row a kind and share of spoilt labels: ``kind``, ``share``, and the scores of
        `score_levels`; share 0 is of the labels as they are.
    evaluation : Evaluation
        The nuclei that all were scored with, and the labels as they are.
    settings : NoiseStudySettings
    out : Path
        Folder to write to; files of these names are replaced.

    Returns
    -------
    Path
        `report.html`, which needs no other file and no network.
    """
    light, dark = (encode_figure(draw_noise(table, theme)) for theme in (LIGHT, DARK))
    items = "".join(f"<li>{escape(describe_kind(rows))}</li>" for _, rows in _by_kind(table))
    groups = [
        (_KINDS[kind][0], rows.set_index(rows["share"].map(_name_share)))
        for kind, rows in _by_kind(table)
    ]
    facts = {
        "Training": str(evaluation.run_folder),
        "Data set": str(evaluation.dataset.folder),
        "Manifest": evaluation.dataset.info.manifest_hash,
        "Scored on": f"{count(len(evaluation.crops), 'crop')} of {evaluation.split}",
        "Settings": settings.model_dump_json(),
    }
    sections = {
        "Summary": f"<p><b>{escape(describe_noise(table))}</b></p><ul>{items}</ul>"
        + show_figure(light, dark, "Dice by share of spoilt labels")
        + _NOTE,
        "Scores": write_level_tables("Spoilt", groups)
        + LEVELS_NOTE.format(evaluation.settings.iou_threshold),
        "Example": _show_example(evaluation, settings),
        "Provenance": make_list(facts),
    }
    subtitle = f"The nuclei that {evaluation.run_folder.name} finds, and labels that get worse"
    page = make_page("What bad labels do to scores", subtitle, sections)
    return write_study(out, "noise", table, light, page)


def describe_noise(table: pd.DataFrame) -> str:
    """Return which level's Dice the spoilt labels moved most, and which least.

    Parameters
    ----------
    table : DataFrame
        As for `write_noise_study`.
    """
    if table[[f"{level}_dice" for level in LEVELS]].isna().any(axis=None):
        return "Nothing was labelled and nothing was found: there is nothing to score."
    moved = {
        level: max(
            (rows[f"{level}_dice"] - rows[f"{level}_dice"].iloc[0]).abs().max()
            for _, rows in _by_kind(table)
        )
        for level in LEVELS
    }
    most, least = max(moved, key=moved.__getitem__), min(moved, key=moved.__getitem__)
    return (
        "The nuclei found are the same in every row, only the labels got worse. That alone moved "
        f"Dice {_BY[most]} by up to {moved[most]:.3f} and Dice {_BY[least]} by up to "
        f"{moved[least]:.3f}: where labels may be as bad, differences no larger than these say "
        "nothing about what was found."
    )


def describe_kind(rows: pd.DataFrame) -> str:
    """Return what the worst labels of one kind did to the scores.

    Parameters
    ----------
    rows : DataFrame
        Of one kind, from share 0 up.
    """
    first, last = rows.iloc[0], rows.iloc[-1]
    dice = [f"{_change(first, last, f'{level}_dice')} {by}" for level, by in _BY.items()]
    names = [f"{level}_{score}" for level in LEVELS for score in ("precision", "recall")]
    falls = (first[names] - last[names]).astype(float)
    text = (
        f"{_KINDS[last['kind']][0]}, {_name_share(last['share'])}: Dice goes {join_words(dice)}; "
        f"accuracy of pixels {_change(first, last, 'pixel_accuracy')}."
    )
    if falls.max() > 0:
        level, _, score = str(falls.idxmax()).partition("_")
        text += f" Hardest hit is {score} {_BY[level]}: {_change(first, last, f'{level}_{score}')}."
    return text


def draw_noise(table: pd.DataFrame, theme: Theme) -> Figure:
    """Draw Dice at every level by the share of spoilt labels, a panel a kind.

    Parameters
    ----------
    table : DataFrame
        As for `write_noise_study`.
    theme : Theme

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(13, 4.2), facecolor=theme.paper, layout="constrained")
    kinds = _by_kind(table)
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    looks = ((theme.validation, "o-"), (theme.ink, "s--"), (theme.training, "^-"))
    for axes, (kind, rows) in zip(panels, kinds, strict=True):
        dress_axes(axes, theme)
        title, label = _KINDS[kind]
        axes.set_title(title, loc="left", color=theme.ink, fontsize=11, fontweight="bold")
        axes.set_xlabel(label, color=theme.ink)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        for level, (colour, look) in zip(LEVELS, looks, strict=True):
            axes.plot(rows["share"], rows[f"{level}_dice"], look, color=colour, label=_BY[level])
    panels[0].set_ylim(0, 1)
    panels[0].set_ylabel("Dice", color=theme.ink)
    add_legend(panels[0], theme, "lower left")
    return figure


def _show_example(evaluation: Evaluation, settings: NoiseStudySettings) -> str:
    """Return the crop of most nuclei with its labels as they are, and the worst of each kind."""
    dataset = evaluation.dataset
    number = int(evaluation.crops["n_nuclei"].argmax())
    name = evaluation.crops["id"].iloc[number]
    found, labels = evaluation.predicted(name), dataset.labels(name)
    diameter_px = dataset.info.nucleus_diameter_px
    pictures = {f"Labels {_UNSPOILT}": labels}
    for kind, share, spoilt in spoil_labels(labels, diameter_px, settings, number):
        if share == max(getattr(settings, kind)):
            pictures[f"{_KINDS[kind][0]}, {_name_share(share)}"] = spoilt
    figures = "".join(
        make_picture(
            data_uri("png", encode_png(draw_comparison(each, found))), f"{name}: {title}", title
        )
        for title, each in pictures.items()
    )
    return (
        f"<p>The same nuclei found in {escape(name)}, against labels spoilt the most.</p>"
        f"{COLOURS_NOTE}<div class=triple><div>{figures}</div></div>"
    )


def _by_kind(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(str(kind), rows) for kind, rows in table.groupby("kind", sort=False)]


def _name_share(share: float) -> str:
    return f"{100 * share:g}\N{NBSP}%" if share else _UNSPOILT


def _change(first: pd.Series, last: pd.Series, name: str) -> str:
    return f"from {format_score(name, first[name])} to {format_score(name, last[name])}"
