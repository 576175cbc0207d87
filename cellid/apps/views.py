"""What the page shows, as HTML; knows no server."""

import json
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from cellid.apps.jobs import ZIP, Picture, Results, hide_paths
from cellid.apps.runs import OfferedRun
from cellid.errors import CellidError

RESULTS = "/results"
"""Where the server gives out files of results, by token and name."""

# What the command line calls them, and the page
_FIELDS = {
    "--axes": "“Axes”",
    "with --channel": "under “Channel”",
    "(input.phase_channel, input.stain_channel)": "under “Channel”",
    "(input.z_plane)": "under “Focal plane”",
}

_TURN = (
    "const v = this.closest('.viewer'), p = JSON.parse(this.dataset.pictures)[this.value];"
    "v.querySelector('img').src = v.querySelector('a').href = p[0];"
    "v.querySelector('figcaption').textContent = p[1];"
)


def show_welcome() -> str:
    """Return what stands where results will be."""
    return (
        '<div class="welcome"><h2>Three steps</h2><ol>'
        "<li><b>Choose a model.</b> It should have been trained on images like yours: the same "
        "cells, microscope and magnification.</li>"
        "<li><b>Drop your images.</b> One image, several, or a time-lapse stack.</li>"
        "<li><b>Press “Find and count”.</b> Here you then see what was found, drawn on your "
        "images, with counts and tables to download.</li></ol>"
        "<p>Look at the outlines before you trust the counts.</p></div>"
    )


def show_error(error: CellidError, *folders: Path) -> str:
    """Return a mistake in the words of the page, without paths of this machine."""
    expected, remedy = error.expected, error.remedy
    for option, name in _FIELDS.items():
        expected, remedy = (text.replace(option, name) for text in (expected, remedy))
    lines = [
        f"<dt>{what}</dt><dd>{escape(hide_paths(text, *folders))}</dd>"
        for what, text in (("Expected", expected), ("Got", error.got), ("Do this", remedy))
    ]
    subject = escape(hide_paths(error.subject, *folders))
    return f'<div class="mistake" role="alert"><b>{subject}</b><dl>{"".join(lines)}</dl></div>'


def show_failure() -> str:
    """Return what is said of an error of cellid's own."""
    return (
        '<div class="mistake" role="alert"><b>Something went wrong in cellid itself.</b> Whoever '
        "started the page sees the cause in the window where it runs.</div>"
    )


def show_note(text: str) -> str:
    """Return a quiet line."""
    return f'<p class="note">{escape(text)}</p>'


def show_results(results: Results, offered: OfferedRun, token: str) -> str:
    """Return counts, pictures, tables and links to files.

    Parameters
    ----------
    results : Results
    offered : OfferedRun
    token : str
        Under which the files can be fetched.
    """
    base = f"{RESULTS}/{token}/"
    warnings = "<br>".join(map(escape, results.warnings))
    notes = "".join(f"<li>{escape(note)}</li>" for note in results.notes)
    return (
        f"<h2>{escape(_headline(results.counts, offered.noun))}</h2>"
        + (f'<div class="careful" role="alert">{warnings}</div>' if warnings else "")
        + f"{_viewer(results.pictures, base)}"
        f"<h3>Counts</h3>{_table(results.counts)}"
        f"<h3>Downloads</h3>{_links(results, base)}"
        f"<details><summary>First rows of the table</summary>{_table(results.rows)}</details>"
        f"<details><summary>What was understood of your files</summary><ul>{notes}</ul></details>"
    )


def _headline(counts: pd.DataFrame, noun: str) -> str:
    """Return what was counted: in one frame, or the range over frames."""
    if counts.empty:
        return "No frame could be read"
    numbers = counts.iloc[:, 2]
    noun = noun if noun.endswith(("i", "s")) else f"{noun}s"
    if counts.columns[2] == "n_positive":
        return f"{numbers.sum():,} of {counts['n_patches'].sum():,} {noun} are positive"
    if len(numbers) == 1:
        return f"{numbers.iloc[0]:,} {noun}"
    if not counts["frame"].any():
        return f"{numbers.sum():,} {noun} in {len(numbers):,} images"
    return f"{numbers.min():,} to {numbers.max():,} {noun} in each of {len(numbers):,} frames"


def _viewer(pictures: Sequence[Picture], base: str) -> str:
    """Return the first picture, with a slider to the others."""
    if not pictures:
        return ""
    turned = [(base + quote(picture.path), _caption(picture)) for picture in pictures]
    (first, caption), n = turned[0], len(turned)
    slider = (
        f'<input type="range" min="0" max="{n - 1}" value="0" aria-label="Frame" '
        f'data-pictures="{escape(json.dumps(turned))}" oninput="{escape(_TURN)}">'
    )
    return (
        f'<figure class="viewer">{slider if n > 1 else ""}<figcaption>{escape(caption)}'
        f'</figcaption><a href="{first}" target="_blank"><img src="{first}" '
        'alt="What was found, drawn on the image"></a></figure>'
    )


def _caption(picture: Picture) -> str:
    if picture.n_frames == 1:
        return picture.file
    return f"{picture.file}, frame {picture.frame} (of 0 to {picture.n_frames - 1})"


def _table(rows: pd.DataFrame) -> str:
    if rows.empty:
        return show_note("none")
    rows = rows.rename(columns=lambda name: name.removeprefix("n_").replace("_", " "))
    html = rows.to_html(index=False, border=0, na_rep="", float_format=lambda value: f"{value:.4g}")
    return f'<div class="scrolled">{html}</div>'


def _links(results: Results, base: str) -> str:
    items = []
    for name in results.downloads:
        megabytes = (results.folder / name).stat().st_size / 1e6
        shown = "everything, as a ZIP file" if name == ZIP else name
        size = f"{megabytes:.1f} MB" if megabytes >= 0.1 else f"{math.ceil(megabytes * 1000)} kB"
        link = f'<a href="{base}{quote(name)}" download>{escape(shown)}</a>'
        items.append(f"<li>{link} <small>{size}</small></li>")
    return f'<ul class="downloads">{"".join(items)}</ul>'
