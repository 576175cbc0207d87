"""Score tables, laid out as tables 6.1 and 6.2 of the thesis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cellid.config import EvaluateSettings
from cellid.evaluation.bootstrap import Interval
from cellid.report.scoring import Evaluation

PIXEL = {
    "pixel_precision": "Precision",
    "pixel_recall": "Recall",
    "pixel_accuracy": "Accuracy",
    "pixel_dice": "Dice",
    "pixel_iou": "IoU",
}
OBJECT = {
    "object_precision": "Precision",
    "object_recall": "Recall",
    "object_dice": "Dice",
    "object_iou": "IoU",
}
ALL_CELLS = "all cells"
"""What a data set with a single, nameless cell line is called."""


@dataclass(frozen=True)
class Row:
    """Pooled scores of one classifier on one cell line, with bootstrap intervals."""

    label: str
    evaluation: Evaluation
    line: str
    scores: Mapping[str, Interval]

    @property
    def n_crops(self) -> int:
        """Number of crops that were pooled."""
        return len(self._crops)

    @property
    def n_fields(self) -> int:
        """Number of fields that they are of."""
        return int(self._crops["field"].nunique())

    @property
    def _crops(self) -> pd.DataFrame:
        crops = self.evaluation.crops
        return crops[crops["line"] == self.line]


@dataclass(frozen=True)
class Group:
    """The rows under one heading."""

    heading: str
    rows: tuple[Row, ...]


def name_line(line: str) -> str:
    """Return how a cell line is shown."""
    return line or ALL_CELLS


def is_mixed(evaluation: Evaluation) -> bool:
    """Return whether the classifier was trained on several cell lines."""
    return len(evaluation.config.lines) > 1


def group_rows(evaluations: Sequence[Evaluation]) -> tuple[Group, ...]:
    """Return pooled scores by classifier and cell line: pure classifiers, then mixed ones.

    A row is named by its cell line and, where that leaves doubt, by the training.

    Parameters
    ----------
    evaluations : sequence of Evaluation

    Returns
    -------
    tuple of Group
        Only headings that have rows.
    """
    groups = []
    for mixed, singular, plural in (
        (False, "Pure classifier", "Pure classifiers"),
        (True, "Mixed classifier", "Mixed classifiers"),
    ):
        chosen = [each for each in evaluations if is_mixed(each) == mixed]
        if chosen:
            several = len({each.run_folder for each in chosen}) > 1
            rows = [_make_row(each, line, chosen) for each in chosen for line in each.lines]
            rows.sort(key=lambda row: row.label)
            groups.append(Group(plural if several else singular, tuple(rows)))
    return tuple(groups)


def _make_row(evaluation: Evaluation, line: str, among: Sequence[Evaluation]) -> Row:
    label = name_line(line)
    trained_on = evaluation.config.lines
    if not is_mixed(evaluation) and trained_on != (line,):
        label += f", trained on {name_line(trained_on[0])}"
    rivals = [e for e in among if e.config.lines == trained_on and line in e.lines]
    if len({e.run_folder for e in rivals}) > 1:
        label += f" ({evaluation.run_folder.name})"
    if len({(e.split, e.dataset.folder) for e in rivals}) > 1:
        label += f" ({evaluation.dataset.folder.name}, {evaluation.split})"
    return Row(label, evaluation, line, evaluation.intervals([line]))


def instance_columns(settings: EvaluateSettings) -> dict[str, str]:
    """Return the columns of the table of single nuclei, named with their thresholds."""
    low, high = min(settings.sweep), max(settings.sweep)
    return {
        "instance_f1": f"F1 at IoU {settings.iou_threshold:g}",
        "instance_precision": "Precision",
        "instance_recall": "Recall",
        "instance_ap": f"AP {low:g}–{high:g}",
        "count_mae": "Count error",
        "count_relative_bias": "Count bias",
    }
