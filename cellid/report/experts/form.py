"""The sheets that experts look at, and the form in which they say what is wrong."""

import json
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from string import Template

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from cellid.imaging.overlay import Picture, fill_objects
from cellid.io.writers import write_table, write_text
from cellid.report.experts.key import FORM, FORM_TABLE
from cellid.report.samples import brighten
from cellid.types import Labels

ANSWER_COLUMNS = ("id", "false_positives", "misses", "note")
"""Of the form to fill in by hand."""


def draw_sheet(phase: NDArray[np.generic], labels: Labels, stain: NDArray[np.generic]) -> Picture:
    """Draw what an expert judges: phase, phase with the objects in green, stain (figure 5.8).

    Parameters
    ----------
    phase, stain : (Y, X) arrays
        Their contrast is stretched for display.
    labels : (Y, X) int32

    Returns
    -------
    (Y, 3 X, 3) uint8
    """
    nothing = np.zeros_like(labels)
    return np.hstack(
        [
            fill_objects(phase, nothing),
            fill_objects(phase, labels),
            fill_objects(brighten(stain), nothing),
        ]
    )


def write_form(folder: Path, study: str, sheets: Iterable[tuple[str, Labels]]) -> None:
    """Write the form as a page and as a table.

    Parameters
    ----------
    folder : Path
        Gets `form.html`, which shows ``sheets/ID.jpg`` beside it, and `form.csv`.
    study : str
        Its id, which answers carry.
    sheets : iterable of (str, (Y, X) int32)
        The id of every sheet and its objects, numbered from 1 without gaps.
    """
    shown = [
        {
            "id": name,
            "height": labels.shape[0],
            "width": labels.shape[1],
            "objects": list(_trace_objects(labels)),
        }
        for name, labels in sheets
    ]
    parts = {name: files("cellid.report.experts").joinpath(name) for name in (FORM, "form.js")}
    page, script = (part.read_text(encoding="utf-8") for part in parts.values())
    data = json.dumps({"id": study, "sheets": shown}, separators=(",", ":"))
    write_text(folder / FORM, Template(page).substitute(script=script, study=data))
    answers = pd.DataFrame({"id": [sheet["id"] for sheet in shown]}).reindex(
        columns=list(ANSWER_COLUMNS)
    )
    write_table(folder / FORM_TABLE, answers)


def _trace_objects(labels: Labels) -> Iterator[str]:
    """Yield the outline of every object as an SVG path through the centres of its pixels."""
    for number, window in enumerate(ndimage.find_objects(labels), start=1):
        mask = (labels[window] == number).astype(np.uint8)
        corner = (window[1].start, window[0].start)
        outlines, _ = cv2.findContours(
            mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=corner
        )
        yield "".join(map(_make_path, outlines))


def _make_path(points: NDArray[np.int32]) -> str:
    """Return a closed outline, (N, 1, 2), as an SVG path of steps, which is short."""
    start, *steps = np.diff(points[:, 0], axis=0, prepend=[[0, 0]]).tolist()
    return "M{} {}l".format(*start) + " ".join(f"{x} {y}" for x, y in steps or [(0, 0)]) + "z"
