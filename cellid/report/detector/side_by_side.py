"""`side_by_side.html`: what trainings of several kinds find in the same images, in one table."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from cellid.evaluation.bootstrap import Interval
from cellid.io.writers import write_table, write_text
from cellid.report.detector.page import BOX_KEY, COCO, COLUMNS, show_image
from cellid.report.detector.scores import JudgedObjects
from cellid.report.markup import (
    Cell,
    count,
    interval_cell,
    make_table,
    number_cell,
    text_cell,
    value_cell,
)
from cellid.report.page import make_page
from cellid.report.summary import SEEN, describe_intervals

_SHOWN = 4  # images, those first in which the trainings differ most
_IN_TABLE = ("ap_50", "ap")  # of COCO's scores; the file has all
_NOTE = """
<p class=note>{things} are matched one to one where they share at least {iou:.0%} of their joint
area. AP is COCO's, of scored objects, at most {most} an image. A U-Net scores no object: it is
taken to be as sure of one as the mean probability of its pixels. It tells of none below its
threshold, so its AP lacks the unsure end of the curve. Seconds: the median image.</p>"""


@dataclass(frozen=True)
class Contender:
    """A training, and what it found.

    Attributes
    ----------
    name : str
        Of its run folder.
    kind : str
        Its network, in words.
    judged : JudgedObjects
    seconds : float
        The median image took.
    """

    name: str
    kind: str
    judged: JudgedObjects
    seconds: float


def write_side_by_side(contenders: Sequence[Contender], split: str, out: Path) -> Path:
    """Write `side_by_side.html` and `side_by_side.csv`.

    Parameters
    ----------
    contenders : sequence of Contender
        All judged on the same images, by the same outline; in the order to be shown.
    split : str
        Of the data set.
    out : Path
        Folder to write to; files of these names are replaced.

    Returns
    -------
    Path
        `side_by_side.html`, which needs no other file and no network.
    """
    intervals = [each.judged.intervals() for each in contenders]
    write_table(
        out / "side_by_side.csv",
        pd.DataFrame(
            {
                "run": each.name,
                "network": each.kind,
                **{name: getattr(each.judged.coco[each.judged.by], name) for name in COCO},
                **{name: interval.estimate for name, interval in scores.items()},
                "seconds": each.seconds,
            }
            for each, scores in zip(contenders, intervals, strict=True)
        ),
    )
    judged = contenders[0].judged
    images = judged.images
    n_groups = images["group"].nunique()
    settings = judged.settings
    note = _NOTE.format(
        things={"box": "Boxes", "mask": "Masks"}[judged.by],
        iou=settings.iou_threshold,
        most=settings.max_detections,
    )
    unit = "group" if n_groups < len(images) else "image"
    text = (
        f"<p>Each training was judged on {count(len(images), 'image')} {SEEN[split]}: "
        f"{count(int(intervals[0]['n_true'].estimate), 'object')} drawn there.</p>"
    )
    sections = {
        "Scores": text
        + _tabulate(contenders, intervals)
        + note
        + describe_intervals(n_groups, unit, settings.confidence),
        "Images": _show_images(contenders),
    }
    page = out / "side_by_side.html"
    name = judged.dataset.folder.resolve().name
    title = f"{count(len(contenders), 'training')} on {name}"
    write_text(page, make_page("Side by side", title, sections))
    return page


def _tabulate(contenders: Sequence[Contender], intervals: Sequence[dict[str, Interval]]) -> str:
    rows: list[list[Cell]] = []
    for each, scores in zip(contenders, intervals, strict=True):
        coco = each.judged.coco[each.judged.by]
        rows.append(
            [
                text_cell(each.name),
                text_cell(each.kind),
                *(number_cell(name, getattr(coco, name)) for name in _IN_TABLE),
                *(interval_cell(name, scores[name]) for name in COLUMNS),
                number_cell("n_found", scores["n_found"].estimate),
                value_cell(each.seconds, ".2f"),
            ]
        )
    named = [*(COCO[name] for name in _IN_TABLE), *COLUMNS.values()]
    heads = ["Training", "Network", *named, "Found", "Seconds an image"]
    return make_table(heads, [("", rows)])


def _show_images(contenders: Sequence[Contender]) -> str:
    """Return the images in which the trainings differ most, as each found them."""
    names = contenders[0].judged.images["id"].tolist()
    f1 = np.array([[each.judged.score(name).matching.f1 for name in names] for each in contenders])
    f1 = np.nan_to_num(f1, nan=1.0)
    chosen = np.argsort(-np.ptp(f1, axis=0), kind="stable")[:_SHOWN]
    figures = [
        show_image(each.judged, names[place], f"{f1[number, place]:.3f}", f"{each.name}")
        for place in chosen
        for number, each in enumerate(contenders)
    ]
    per_image = [
        f"<h3>{escape(names[place])}</h3><div class=sheet>"
        + "".join(figures[i * len(contenders) : (i + 1) * len(contenders)])
        + "</div>"
        for i, place in enumerate(chosen)
    ]
    note = "<p class=note>F1 and training below each picture; those first that differ most.</p>"
    return BOX_KEY + note + "".join(per_image)
