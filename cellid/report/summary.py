"""What a run amounts to, in sentences for a biologist."""

import math
from collections.abc import Iterable, Mapping
from html import escape

import pandas as pd

from cellid.dataset import ALL, Dataset
from cellid.evaluation.bootstrap import Interval
from cellid.report.figures import best_epoch
from cellid.report.markup import count, format_range, format_score, join_words
from cellid.report.scoring import Evaluation
from cellid.report.tables import name_line
from cellid.runs import RunConfig

# With fewer groups than this the bootstrap has too few different samples to be trusted
_FEW_GROUPS = 5

_UNIT = {"field": "field", "well": "well", "folder": "folder"}
SEEN = {
    "test": "that it had never seen",
    "validation": "that also chose its best epoch and its thresholds, so the scores flatter it",
    "train": "that it was trained on, so the scores flatter it",
    ALL: "of a whole data set; if it was trained on that, the scores flatter it",
}
_CARE_AUTOMATIC = """
<p><b>The labels are not the truth.</b> They were drawn automatically from the stain, and the
scores say how well the network agrees with them. A nucleus that took up no dye has no label: the
network is marked wrong for finding it, so precision is often understated. Dirt or noise that was
labelled counts as missed. And a mistake that the labels make everywhere is learned and
rewarded.</p><p>Look at the worst images below before you trust a number: where red nuclei sit on
real ones, the network is better than its score. For a figure to publish, compare with nuclei
marked by hand in a few fields (<code>labels.method = "given"</code>).</p>"""
_CARE_GIVEN = """
<p><b>The labels were given with the data</b>, so the scores are as good as those labels: where
they miss nuclei, the network is marked wrong for finding them. Look at the worst images below
before you trust a number.</p>"""


def describe_training(config: RunConfig, dataset: Dataset, history: pd.DataFrame) -> str:
    """Return a paragraph on what was trained, and on how much."""
    unit = _UNIT[config.recipe.split.by]
    parts = {}
    for split in ("train", "validation"):
        crops = dataset.crops(split)
        crops = crops[crops["line"].isin(config.lines)]
        size = f"{count(len(crops), 'crop')} of {count(crops['group'].nunique(), unit)}"
        parts[split] = size, int(crops["n_nuclei"].sum())
    best, last = int(best_epoch(history)["epoch"]), int(history["epoch"].iloc[-1])
    named = [name_line(line) for line in config.lines if line]
    cells = f" of {escape(join_words(named))} cells" if named else ""
    text = (
        f"A U-Net learned to find nuclei in unstained images{cells}. It was trained on "
        f"{parts['train'][0]}, with {parts['train'][1]:,} labelled nuclei, for "
        f"{count(last, 'epoch')}; the weights of epoch {best}, the best on "
        f"{parts['validation'][0]} kept aside, are the ones in use."
    )
    if best == last and config.recipe.train.schedule == "constant":
        text += (
            " The validation loss was still falling at the end: training for longer may well help."
        )
    return f"<p>{text}</p>"


def describe_scores(evaluation: Evaluation, scores: Mapping[str, Interval]) -> str:
    """Return a paragraph on how well a run finds nuclei; ``scores`` are those of all lines."""
    crops, unit = evaluation.crops, _UNIT[evaluation.config.recipe.split.by]
    n_groups = crops["group"].nunique()
    iou = evaluation.settings.iou_threshold
    text = (
        f"It was judged on {count(len(crops), 'crop')} of {count(n_groups, unit)} "
        f"{SEEN[evaluation.split]}. Of every 100 labelled nuclei it finds "
        f"<b>{_percent(scores['instance_recall'])}</b>, and of every 100 nuclei that it reports, "
        f"<b>{_percent(scores['instance_precision'])}</b> match a labelled one (they share at "
        f"least {iou:.0%} of their joint area). "
        f"{_describe_counts(scores, len(crops))}"
    )
    return f"<p>{text}</p>{describe_intervals(n_groups, unit, evaluation.settings.confidence)}"


def _describe_counts(scores: Mapping[str, Interval], n_crops: int) -> str:
    n_true = scores["n_true"].estimate / n_crops
    bias = scores["count_relative_bias"].estimate
    text = (
        f"A crop holds {n_true:.0f} labelled nuclei on average, and the number found is off by "
        f"<b>{format_score('count_mae', scores['count_mae'].estimate)}</b>"
    )
    if math.isnan(bias):
        return f"{text}."
    direction = "more" if bias > 0 else "fewer"
    total = f"{abs(bias):.1%} {direction}".replace("%", "\N{NBSP}%")
    return f"{text}; over all crops it counts {total if bias else 'exactly as many'} than labelled."


def describe_intervals(n_groups: int, unit: str, confidence: float) -> str:
    """Return a note on what intervals are over, such as several fields."""
    if n_groups == 1:
        text = (
            f"All of it comes from a single {unit}, so nothing can be said about how far the "
            "scores would move with other images."
        )
    else:
        text = (
            f"Numbers in brackets, and small ones in the tables, are {confidence:.0%} intervals: "
            f"how far a score would move with other {unit}s of the same kind (bootstrap over "
            f"{unit}s)."
        )
        if n_groups < _FEW_GROUPS:
            text += f" With only {n_groups} {unit}s they are rough, and probably too narrow."
    return f"<p class=note>{text}</p>"


def _percent(interval: Interval) -> str:
    if math.isnan(interval.estimate):
        return "–"
    shown = f"{100 * interval.estimate:.0f}"
    if math.isnan(interval.low):
        return shown
    return f"{shown} ({100 * interval.low:.0f}–{100 * interval.high:.0f})"


def make_tiles(evaluation: Evaluation, scores: Mapping[str, Interval]) -> str:
    """Return the four scores to look at first, each with its interval as a bar."""
    return show_tiles(
        [
            ("instance_recall", "Nuclei found", "of those labelled: recall"),
            ("instance_precision", "Findings right", "of those found: precision"),
            ("instance_f1", "Both in one", f"F1 at IoU {evaluation.settings.iou_threshold:g}"),
            ("count_mae", "Count error", "nuclei a crop, on average"),
        ],
        scores,
    )


def show_tiles(chosen: Iterable[tuple[str, str, str]], scores: Mapping[str, Interval]) -> str:
    """Return scores as tiles.

    Parameters
    ----------
    chosen : iterable of (str, str, str)
        Name of the score, title and meaning.
    scores : mapping of str to Interval
    """
    tiles = []
    for name, title, meaning in chosen:
        interval = scores[name]
        known = not math.isnan(interval.low)
        tiles.append(
            f"<div class=tile><h3>{title}</h3><b>{format_score(name, interval.estimate)}</b>"
            f"<span>{format_range(name, interval) if known else ''}</span>"
            f"{_bar(interval) if known and name != 'count_mae' else ''}<p>{meaning}</p></div>"
        )
    return f"<div class=tiles>{''.join(tiles)}</div>"


def _bar(interval: Interval) -> str:
    low, middle, high = (100 * x for x in (interval.low, interval.estimate, interval.high))
    return (
        f'<div class=bar><i style="left:{low:.1f}%;width:{high - low:.1f}%"></i>'
        f'<u style="left:{middle:.1f}%"></u></div>'
    )


def warn_of_labels(dataset: Dataset) -> str:
    """Return why scores against these labels understate or mislead (thesis section 7.3)."""
    given = dataset.info.recipe["labels"]["method"] == "given"
    return f"<aside>{_CARE_GIVEN if given else _CARE_AUTOMATIC}</aside>"
