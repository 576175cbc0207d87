"""The labels that look wrong: counts and pictures."""

from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellid.dataset import Dataset, correction_folder
from cellid.imaging.overlay import Picture, draw_outlines
from cellid.io.images import open_image
from cellid.io.readers import read_table
from cellid.io.writers import write_text
from cellid.labeling.correction import ADD, DROP, KEEP, STAIN, UNCERTAIN
from cellid.report.markup import count, data_uri, make_picture, make_table, number_cell, text_cell
from cellid.report.page import make_page
from cellid.report.samples import brighten, encode_jpeg
from cellid.report.sections import write_contact_sheet
from cellid.report.tables import name_line
from cellid.types import Labels

_VERDICTS = {
    KEEP: "kept",
    DROP: "denied by the model",
    ADD: "found without a label",
    UNCERTAIN: "uncertain",
}
_SHOWN_EACH = 12
_WINDOW_DIAMETERS = 5.0


def read_proposals(dataset: Dataset) -> pd.DataFrame | None:
    """Return what cross-fitting made of the labels, a row an object; None if nothing was done."""
    path = correction_folder(dataset, "model") / "proposals.csv"
    if not path.exists():
        return None
    remedy = "run the same `cellid correct` again, which writes it anew"
    return read_table(path, remedy, dtype={"crop": str}, keep_default_na=False)


def write_correction_report(dataset: Dataset, path: Path) -> None:
    """Write a page on the labels of a data set that look wrong; it needs no other file."""
    sections = {"Corrections": write_proposals(dataset), "Labels": write_contact_sheet(dataset)}
    write_text(path, make_page(dataset.folder.resolve().name, "Labels judged by models", sections))


def write_proposals(dataset: Dataset) -> str:
    """Return the section on corrected labels: what was found, and pictures of it."""
    objects = read_proposals(dataset)
    if objects is None:
        return "<p>Labels were taken as they are (<code>correct.mode</code> is off).</p>"
    return _introduce(dataset) + _count(dataset, objects) + _picture(dataset, objects)


def _introduce(dataset: Dataset) -> str:
    n = int((dataset.manifest["labelled_by"] == "model").sum())
    fate = (
        f"The corrections are in force in {count(n, 'crop')}: objects denied are no longer "
        "labelled, those found are, and uncertain ones have no weight in the training."
        if n
        else "Nothing was changed; <code>correct.mode=apply</code> trains on the corrected labels."
    )
    return (
        "<p>Models trained on other fields have judged the labels of every training and "
        "validation field. Where such a model is as sure as it is of undisputed nuclei, its "
        f"word is taken against the stain's. {fate} Test fields keep their labels.</p>"
    )


def _count(dataset: Dataset, objects: pd.DataFrame) -> str:
    lines = objects["crop"].map(dataset.manifest.set_index("id")["line"])
    rows = []
    for line, part in objects.groupby(lines):
        n = part["proposal"].value_counts().reindex(list(_VERDICTS), fill_value=0)
        labelled = int((part["source"] == STAIN).sum())
        numbers = [number_cell("n_", value) for value in (labelled, *n)]
        rows.append([text_cell(name_line(str(line))), *numbers])
    return make_table(["Cell line", "Labelled", *_VERDICTS.values()], [("", rows)])


def _picture(dataset: Dataset, objects: pd.DataFrame) -> str:
    parts = []
    for verdict, order in ((ADD, False), (DROP, True), (UNCERTAIN, False)):
        chosen = objects[objects["proposal"] == verdict].sort_values("support", ascending=order)
        figures = []
        for row in chosen.head(_SHOWN_EACH).itertuples():
            uri = data_uri("jpeg", encode_jpeg(draw_object(dataset, row)))
            caption = escape(f"{row.crop}, probability {row.support:.2f}")
            figures.append(make_picture(uri, f"phase and stain around {row.crop}", caption))
        if figures:
            name = _VERDICTS[verdict]
            parts.append(
                f"<h3>{name[0].upper()}{name[1:]}: {len(figures)} of {len(chosen)}</h3>"
                f"<div class=sheet>{''.join(figures)}</div>"
            )
    return "".join(parts)


def draw_object(dataset: Dataset, row: Any) -> Picture:
    """Draw phase and stain around an object side by side, the object outlined.

    Parameters
    ----------
    dataset : Dataset
    row : a row of the proposals, from ``itertuples``

    Returns
    -------
    (Y, X, 3) uint8
    """
    phase, stain = dataset.image(row.crop), brighten(dataset.stain(row.crop))
    half = round(_WINDOW_DIAMETERS / 2 * dataset.info.nucleus_diameter_px)
    top, left = (
        int(np.clip(round(centre) - half, 0, max(length - 2 * half, 0)))
        for centre, length in zip((row.y, row.x), phase.shape[:2], strict=True)
    )
    window = np.s_[top : top + 2 * half, left : left + 2 * half]
    labels = dataset.first_labels(row.crop) if row.source == STAIN else _found(dataset, row.crop)
    outlined = np.where(labels[window] == row.label, labels[window], 0)
    pictures = [draw_outlines(phase[window], outlined), draw_outlines(stain[window], outlined)]
    return np.asarray(np.hstack(pictures))


def _found(dataset: Dataset, crop_id: str) -> Labels:
    path = correction_folder(dataset, "model") / "found" / f"{crop_id}.tif"
    return open_image(path).read().astype(np.int32)
