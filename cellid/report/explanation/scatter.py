"""The plot of embedded patches, whose points show their patch."""

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

import pandas as pd

from cellid.report.explanation.patches import Patch, draw_point
from cellid.report.markup import data_uri
from cellid.report.samples import encode_jpeg

_WIDTH, _HEIGHT = 800, 560
_MARGIN = 14
# Told apart without their colours: what is called positive is a disk, what is not a hollow square
_MARKS = ("<rect x=-4.5 y=-4.5 width=9 height=9 />", "<circle r=5 />")
_KEY = """
<p class="note keys">{truth}
<span><svg class=mark viewBox="-8 -8 16 16">{disk}</svg>called {positive}</span>
<span><svg class=mark viewBox="-8 -8 16 16">{square}</svg>called {negative}</span></p>"""
_TRUE = """
<span><i class="key positive"></i>truly {positive}</span>
<span><i class="key negative"></i>truly {negative}</span>"""


def write_scatter(
    points: pd.DataFrame, patches: Mapping[int, Patch], classes: tuple[str, str]
) -> str:
    """Return the plot as HTML that needs no other file.

    Parameters
    ----------
    points : DataFrame
        A row a point: ``x``, ``y``, ``file``, ``probability``, ``predicted``, and ``true`` where
        it is known.
    patches : mapping of int to Patch
        By the index of ``points``.
    classes : (str, str)
        Names of the negative and the positive class.
    """
    known = "true" in points
    coloured = points["true"] if known else points["predicted"]
    marks = [
        _draw_mark(place, point, "positive" if positive else "negative", classes, known)
        for place, (point, positive) in enumerate(
            zip(_lay_out(points).itertuples(), coloured, strict=True)
        )
    ]
    pictures = [data_uri("jpeg", encode_jpeg(draw_point(patches[i]))) for i in points.index]
    script = files("cellid.report.explanation").joinpath("scatter.js").read_text(encoding="utf-8")
    negative, positive = map(escape, classes)
    key = _KEY.format(
        truth=_TRUE.format(positive=positive, negative=negative) if known else "",
        positive=positive,
        negative=negative,
        square=_MARKS[0],
        disk=_MARKS[1],
    )
    return (
        f'{key}<div class=scatter><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role=group '
        f'aria-label="Patches; the arrow keys go from one to the next">{"".join(marks)}</svg>'
        f"<figure><img alt><figcaption></figcaption></figure>"
        f'<script type="application/json">{json.dumps(pictures)}</script></div>'
        f"<script>\n{script}</script>"
    )


def _lay_out(points: pd.DataFrame) -> pd.DataFrame:
    """Return points with ``x`` and ``y`` in the plot's units, scaled alike both ways."""
    places = points[["x", "y"]]
    span = (places.max() - places.min()).replace(0, 1)
    room = pd.Series({"x": _WIDTH, "y": _HEIGHT}) - 2 * _MARGIN
    middle = (places.max() + places.min()) / 2
    scaled = (places - middle) * (room / span).min() + room / 2 + _MARGIN
    return points.assign(**scaled.round(1))


def _draw_mark(place: int, point: Any, kind: str, classes: tuple[str, str], known: bool) -> str:
    told = f"{point.file} at y {point.y0}, x {point.x0}: {classes[point.predicted]}"
    told += f", probability {point.probability:.3f}"
    if known:
        told += f"; truly {classes[point.true]}"
    return (
        f'<g class="{kind}" transform="translate({point.x} {point.y})" role=img '
        f'tabindex="{0 if place == 0 else -1}" data-patch="{place}" data-x="{point.x}" '
        f'data-y="{point.y}" aria-label="{escape(told)}">{_MARKS[point.predicted]}</g>'
    )
