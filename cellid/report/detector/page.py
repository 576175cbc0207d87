"""`report.html` of a detector, and `report.json` for programs."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from cellid.evaluation.bootstrap import Interval
from cellid.evaluation.instances import draw_instances
from cellid.imaging.overlay import (
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    TRUE_POSITIVE,
    draw_boxes,
    draw_kinds,
)
from cellid.io.writers import write_json, write_text
from cellid.report.detector.figures import draw_gate, draw_scores
from cellid.report.detector.scores import JudgedDetections, JudgedObjects, read_judged_detections
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
    value_cell,
)
from cellid.report.page import make_page, show_recipe
from cellid.report.samples import encode_jpeg
from cellid.report.summary import SEEN, describe_intervals, show_tiles

COLUMNS = {
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "mean_matched_iou": "IoU of the matched",
    "count_mae": "Count error",
}
COCO = {
    "ap": "AP, IoU 0.5 to 0.95",
    "ap_50": "AP at IoU 0.5",
    "ap_75": "AP at IoU 0.75",
    "ar": "AR",
}
_CURVES = (("ap_50", "AP at IoU 0.5", "COCO's AP"),)
_SHOWN = 8  # images, the worst first
BOX_KEY = f"""
<p class="note keys">
<span><i class=key style="background:rgb{TRUE_POSITIVE}"></i>drawn and found</span>
<span><i class=key style="background:rgb{FALSE_POSITIVE}"></i>found, not drawn</span>
<span><i class=key style="background:rgb{FALSE_NEGATIVE}"></i>drawn and missed</span></p>"""
_LEGEND_NOTE = (
    "<p class=note>{things} are matched one to one where they share at least {iou:.0%} of their "
    "joint area. AP and AR are COCO's, of all with a score of {score:g} or more, at most {most} an "
    "image; they need no threshold.</p>"
)


def write_detector_report(run_folder: Path, evaluation: Path, out: Path) -> Path:
    """Write the report of a detector: `report.html`, `report.json` and its figures.

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
        If the run, its data set or the evaluation cannot be read.
    """
    judged, history = read_judged_detections(evaluation), read_history(run_folder)
    scores, recipe = judged.objects.intervals(), judged.config.recipe
    best = int(best_epoch(history)["epoch"])
    sections = {
        "Summary": _write_summary(judged, scores, history),
        "Scores": _write_scores(judged, scores)
        + draw_in_themes(
            out / "scores.png",
            lambda theme: draw_scores(judged, theme),
            "What other thresholds would give",
        ),
    }
    if judged.gate is not None:
        gate = judged.gate
        sections["Gate"] = _write_gate(gate) + draw_in_themes(
            out / "gate.png", lambda theme: draw_gate(gate, theme), "What a gate loses and saves"
        )
    sections |= {
        "Images": _write_images(judged),
        "Training": draw_in_themes(
            out / "curves.png",
            lambda theme: draw_curves(history, theme, _CURVES),
            f"Loss and average precision by epoch; the run has the weights of epoch {best}",
        ),
        "Recipe": show_recipe(recipe),
        "Provenance": make_list(
            {
                "Run": str(judged.run_folder),
                **judged.config.provenance,
                "evaluated on": f"{judged.split} split of {judged.dataset.folder}",
            }
        ),
    }
    write_json(
        out / "report.json",
        {
            "run": judged.run_folder,
            "dataset": judged.dataset.folder,
            "split": judged.split,
            "threshold": judged.config.threshold,
            "images": len(judged.images),
            "groups": judged.images["group"].nunique(),
            "scores": {name: interval._asdict() for name, interval in scores.items()},
            "coco": {
                by: {name: getattr(scores, name) for name in COCO}
                for by, scores in judged.objects.coco.items()
            },
            "gate": None if judged.gate is None else judged.gate.to_dict("records"),
            "provenance": judged.config.provenance,
        },
    )
    report = out / "report.html"
    what = {"box": "boxes about each", "mask": "outlines of each"}[judged.config.recipe.by]
    subtitle = f"Detector: {what} {recipe.objects.name}"
    write_text(report, make_page(judged.run_folder.name, subtitle, sections))
    return report


def _write_summary(
    judged: JudgedDetections, scores: Mapping[str, Interval], history: pd.DataFrame
) -> str:
    config, images, name = judged.config, judged.images, escape(judged.config.recipe.objects.name)
    n_groups = images["group"].nunique()
    best, last = int(best_epoch(history)["epoch"]), int(history["epoch"].iloc[-1])
    kind = {"resnet18": "ResNet-18", "resnet50": "ResNet-50"}[config.recipe.model.backbone]
    network, task = {
        "box": ("RetinaNet", "draw a box about"),
        "mask": ("Mask R-CNN", "outline"),
    }[judged.config.recipe.by]
    tiles = show_tiles(
        [
            ("recall", "Found", "of those that were drawn: recall"),
            ("precision", "Right", "of those found: precision"),
            ("f1", "Both in one", f"F1 at IoU {config.recipe.evaluate.iou_threshold:g}"),
            ("count_mae", "Count error", "objects an image, on average"),
        ],
        scores,
    )
    n_true, n_found = (int(scores[key].estimate) for key in ("n_true", "n_found"))
    text = (
        f"<p>A {network} on a {kind} learned to {task} each {name}. It was trained for "
        f"{count(last, 'epoch')}; the weights of epoch {best}, the best on validation, are the "
        f"ones in use. From a score of <b>{config.threshold:.2f}</b> on a {name} counts as "
        f"found: the threshold "
        f"{'was set' if config.recipe.predict.threshold else 'has the best F1 on validation'}.</p>"
        f"<p>It was judged on {count(len(images), 'image')} {SEEN[judged.split]}: "
        f"{count(n_true, 'object')} drawn there, {n_found:,} found.</p>"
    )
    unit = "group" if n_groups < len(images) else "image"
    return tiles + text + describe_intervals(n_groups, unit, config.recipe.evaluate.confidence)


def _write_scores(judged: JudgedDetections, scores: Mapping[str, Interval]) -> str:
    recipe = judged.config.recipe
    row = [interval_cell(name, scores[name]) for name in COLUMNS]
    names = {"box": "Boxes", "mask": "Masks"}
    note = _LEGEND_NOTE.format(
        things=names[judged.config.recipe.by],
        iou=recipe.evaluate.iou_threshold,
        score=recipe.predict.min_score,
        most=recipe.evaluate.max_detections,
    )
    precisions = [
        [text_cell(names[by]), *(number_cell(name, getattr(coco, name)) for name in COCO)]
        for by, coco in judged.objects.coco.items()
    ]
    return (
        note
        + make_table([*COLUMNS.values()], [("", [row])])
        + make_table(["Compared by", *COCO.values()], [("", precisions)])
    )


def _write_gate(gate: pd.DataFrame) -> str:
    columns = {
        "threshold": ("Least probability", ".2f"),
        "looked_at": ("Looked at", ".1%"),
        "recall": ("Recall", ".3f"),
        "precision": ("Precision", ".3f"),
        "f1": ("F1", ".3f"),
        "seconds": ("Seconds an image", ".2f"),
        "seconds_gate": ("of that the classifier", ".2f"),
        "seconds_without": ("The detector alone", ".2f"),
    }
    rows = [
        [value_cell(row[name], form) for name, (_, form) in columns.items()]
        for _, row in gate.iterrows()
    ]
    note = (
        "<p class=note>A classifier of patches says where the detector is to look. From the least "
        "probability on a patch is looked at; at 0 all are, and the detector finds what it finds "
        "without a gate.</p>"
    )
    return note + make_table([head for head, _ in columns.values()], [("", rows)])


def _write_images(judged: JudgedDetections) -> str:
    """Return the images with the worst F1, and a table of all."""
    rows = []
    for image in judged.images["id"]:
        scores = judged.objects.score(image).as_dict()
        rows.append((image, scores))
    rows.sort(key=lambda row: np.nan_to_num(row[1]["f1"], nan=1.0))
    names = {"n_true": "Drawn", "n_found": "Found", **dict(list(COLUMNS.items())[:4])}
    cells = [
        [text_cell(image), *(number_cell(name, scores[name]) for name in names)]
        for image, scores in rows
    ]
    figures = "".join(
        show_image(judged.objects, image, f"{scores['f1']:.3f}", image)
        for image, scores in rows[:_SHOWN]
    )
    shown = "The worst come first. " if len(rows) > _SHOWN else ""
    return (
        f"{BOX_KEY}<p class=note>{shown}Click a picture to see it large.</p>"
        f"<div class=sheet>{figures}</div>{make_table(['Image', *names.values()], [('', cells)])}"
    )


def show_image(judged: JudgedObjects, image: str, bold: str, text: str) -> str:
    """Return an image with what was found, and what was not, over a caption."""
    true, found = judged.in_force(image)
    pairs = judged.pair_up(image)
    matched, right = (np.zeros(len(objects), bool) for objects in (true, found))
    matched[pairs.true_index] = right[pairs.predicted_index] = True
    kinds = [
        (true.chosen(~matched), FALSE_NEGATIVE),
        (found.chosen(~right), FALSE_POSITIVE),
        (found.chosen(right), TRUE_POSITIVE),
    ]
    pixels = judged.dataset.image(image)
    picture = (
        draw_boxes(pixels, [(objects.boxes, colour) for objects, colour in kinds])
        if judged.by == "box"
        else draw_kinds(pixels, [(draw_instances(objects), colour) for objects, colour in kinds])
    )
    caption = f"<b>{escape(bold)}</b> {escape(text)}"
    return make_picture(data_uri("jpeg", encode_jpeg(picture)), image, caption)
