"""`report.html` of a classifier, and `report.json` for programs."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellid.evaluation.bootstrap import Interval
from cellid.imaging.overlay import Picture
from cellid.imaging.patches import cut_patch
from cellid.io.writers import write_json, write_text
from cellid.report.classifier.figures import draw_thresholds
from cellid.report.classifier.scores import JudgedPatches, read_judged_patches
from cellid.report.figures import best_epoch, draw_curves
from cellid.report.html import draw_in_themes, read_history
from cellid.report.markup import (
    count,
    data_uri,
    interval_cell,
    make_list,
    make_picture,
    make_table,
    number_cell,
    text_cell,
)
from cellid.report.page import make_page, show_recipe
from cellid.report.samples import encode_jpeg
from cellid.report.summary import SEEN, describe_intervals, show_tiles

_COLUMNS = {
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "roc_auc": "ROC-AUC",
}
_CURVES = (("f1", "F1 at a threshold of 0.5", "F1"), ("accuracy", "Accuracy", "accuracy"))
_EACH = 12  # mistakes of a kind that are shown
_PICTURE_PX = 240


def write_classifier_report(run_folder: Path, evaluation: Path, out: Path) -> Path:
    """Write the report of a classifier: `report.html`, `report.json` and its figures.

    Parameters
    ----------
    run_folder : Path
    evaluation : Path
        Its evaluation folder.
    out : Path
        Folder to write to; files of these names are replaced.

    Returns
    -------
    Path
        `report.html`, which needs no other file and no network.

    Raises
    ------
    CellidError
        If the run, its images or the evaluation cannot be read.
    """
    judged, history = read_judged_patches(evaluation), read_history(run_folder)
    scores = [judged.intervals(positive_class) for positive_class in (1, 0)]
    names = judged.config.recipe.patches
    rows = [
        [text_cell(name), *(interval_cell(column, of_class[column]) for column in _COLUMNS)]
        for name, of_class in zip((names.positive, names.negative), scores, strict=True)
    ]
    best = int(best_epoch(history)["epoch"])
    sections = {
        "Summary": _write_summary(judged, scores[0], history),
        "Scores": make_table(["Class", *_COLUMNS.values()], [("", rows)])
        + _write_confusions(judged)
        + "<h3>Thresholds and probabilities</h3>"
        + draw_in_themes(
            out / "thresholds.png",
            lambda theme: draw_thresholds(judged, theme),
            "What other thresholds would give, and whether the probabilities hold",
        ),
        "Mistakes": _write_mistakes(judged),
        "Training": draw_in_themes(
            out / "curves.png",
            lambda theme: draw_curves(history, theme, _CURVES),
            f"Loss, F1 and accuracy by epoch; the run has the weights of epoch {best}",
        ),
        "Recipe": show_recipe(judged.config.recipe),
        "Provenance": make_list(
            {
                "Run": str(judged.run_folder),
                **judged.config.provenance,
                "evaluated on": f"{judged.split} split of {judged.source.folder}",
            }
        ),
    }
    confusions = judged.confusions()
    write_json(
        out / "report.json",
        {
            "run": judged.run_folder,
            "dataset": judged.source.folder,
            "split": judged.split,
            "threshold": judged.config.threshold,
            "patches": len(judged.table),
            "groups": judged.table["group"].nunique(),
            "classes": [names.negative, names.positive],
            "confusions": confusions,
            "scores": {
                name: {column: interval._asdict() for column, interval in of_class.items()}
                for name, of_class in zip((names.positive, names.negative), scores, strict=True)
            },
            "provenance": judged.config.provenance,
        },
    )
    report = out / "report.html"
    subtitle = f"Classifier of patches: {names.positive} or {names.negative}"
    write_text(report, make_page(judged.run_folder.name, subtitle, sections))
    return report


def _write_summary(
    judged: JudgedPatches, scores: Mapping[str, Interval], history: pd.DataFrame
) -> str:
    recipe, table = judged.config.recipe, judged.table
    n, n_positive = len(table), int(judged.positive.sum())
    n_images, n_groups = table["image"].nunique(), table["group"].nunique()
    best, last = int(best_epoch(history)["epoch"]), int(history["epoch"].iloc[-1])
    kind = {"resnet18": "ResNet-18", "resnet50": "ResNet-50"}[recipe.model.variant]
    began = f"weights of {recipe.model.weights}" if recipe.model.weights else "random weights"
    positive, negative = (
        f"<b>{escape(name)}</b>" for name in (recipe.patches.positive, recipe.patches.negative)
    )
    tiles = show_tiles(
        [
            ("recall", "Found", f"of the {recipe.patches.positive} patches: recall"),
            ("precision", "Right", f"of those called {recipe.patches.positive}: precision"),
            ("f1", "Both in one", "F1"),
            ("roc_auc", "Ranking", "ROC-AUC: a positive outscores a negative"),
        ],
        scores,
    )
    text = (
        f"<p>A {kind} that began with {escape(began)} learned to tell whether a patch of "
        f"{recipe.patches.size_px}×{recipe.patches.size_px} pixels is {positive} or {negative}. It "
        f"was trained for {count(last, 'epoch')}; the weights of epoch {best}, the best on "
        f"validation, are the ones in use. From a probability of "
        f"<b>{judged.config.threshold:.3g}</b> on a patch is called {positive}: the threshold "
        f"{'was set' if recipe.predict.threshold else 'has the best F1 on validation'}.</p>"
        f"<p>It was judged on {count(n, 'patch', 'patches')} of {count(n_images, 'image')} "
        f"{SEEN[judged.split]}: {n_positive:,} ({n_positive / n:.0%}) are {positive}. "
        f"Who called all of them {negative} would be right in {1 - n_positive / n:.1%}.</p>"
    )
    unit = "group" if n_groups < n_images else "image"
    return tiles + text + describe_intervals(n_groups, unit, recipe.evaluate.confidence)


def _write_confusions(judged: JudgedPatches) -> str:
    names = judged.config.recipe.patches.negative, judged.config.recipe.patches.positive
    rows = [
        [text_cell(f"{name} in truth"), *(number_cell("n_", int(n)) for n in counts)]
        for name, counts in zip(names, judged.confusions(), strict=True)
    ]
    heads = ["Patches", *(f"Called {name}" for name in names)]
    return f"<h3>Confusion matrix</h3>{make_table(heads, [('', rows)])}"


def _write_mistakes(judged: JudgedPatches) -> str:
    """Return the patches that are most wrong, of either kind (figure 4b of the paper)."""
    settings = judged.config.recipe.patches
    kinds = (
        (
            f"{settings.positive}, called {settings.negative}",
            judged.positive & ~judged.called,
            True,
        ),
        (
            f"{settings.negative}, called {settings.positive}",
            ~judged.positive & judged.called,
            False,
        ),
    )
    parts = [
        f"<p class=note>Bold: the probability of {escape(settings.positive)}. Pictures show the "
        "square root of intensities, in which the faint is seen beside the bright.</p>"
    ]
    for title, wrong, ascending in kinds:
        shown = judged.table[wrong].sort_values("probability", ascending=ascending)[:_EACH]
        figures = "".join(_show_patch(judged, row) for row in shown.itertuples())
        number = count(int(wrong.sum()), "patch", "patches")
        note = f", the {len(shown)} most wrong" if len(shown) < wrong.sum() else ""
        parts.append(f"<h3>{escape(title)}: {number}{note}</h3><div class=sheet>{figures}</div>")
    return "".join(parts)


def _show_patch(judged: JudgedPatches, row: Any) -> str:
    settings = judged.config.recipe.patches
    box = np.array([row.y0, row.x0, row.y1, row.x1])
    field = judged.source.field(row.image)
    patch = cut_patch(field, box, settings.size_px, _PICTURE_PX)
    # The square root shows the faint beside the bright
    picture: Picture = (255 * np.sqrt(patch)).astype(np.uint8)
    if picture.shape[2] == 1:
        picture = picture[..., 0]
    name = f"{row.image}, row {row.y0}, column {row.x0}"
    caption = f"<b>{row.probability:.3f}</b> {escape(name)}"
    return make_picture(data_uri("jpeg", encode_jpeg(picture)), name, caption)
