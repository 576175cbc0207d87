"""Pieces of HTML: pictures within the page, tables that can be sorted, formatted scores."""

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from cellid.evaluation.bootstrap import Interval

_SIGNED = ("count_relative_bias", "count_mean_percentage_error")


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes
    ----------
    html : str
        What is shown.
    key : str or float
        What the column is sorted by.
    """

    html: str
    key: str | float

    def as_html(self) -> str:
        """Return the cell as HTML; an undefined number sorts last."""
        number = not isinstance(self.key, str)
        key = "" if number and math.isnan(float(self.key)) else str(self.key)
        return f'<td{" class=n" if number else ""} data-key="{escape(key)}">{self.html}</td>'


def text_cell(text: str) -> Cell:
    """Return a cell of plain text."""
    return Cell(escape(text), text)


def number_cell(name: str, value: float) -> Cell:
    """Return a cell of one score, formatted as its name asks."""
    return Cell(format_score(name, value), value)


def value_cell(value: float, form: str) -> Cell:
    """Return a cell of a number that is no score, in a format such as ``",.1f"``."""
    return Cell(format_value(value, form), float(value))


def format_value(value: float, form: str) -> str:
    """Return a number as text, with a minus sign; a dash for one that is not defined."""
    return "–" if math.isnan(value) else f"{value:{form}}".replace("-", "\N{MINUS SIGN}")


def interval_cell(name: str, interval: Interval) -> Cell:
    """Return a cell of a score with the interval beneath it."""
    shown = f"<b>{format_score(name, interval.estimate)}</b>"
    if not math.isnan(interval.low):
        shown += f"<small>{format_range(name, interval)}</small>"
    return Cell(shown, interval.estimate)


def format_range(name: str, interval: Interval) -> str:
    """Return an interval as text, such as "0.812–0.934"."""
    low, high = format_score(name, interval.low), format_score(name, interval.high)
    return f"{low} to {high}" if name in _SIGNED else f"{low}–{high}"


def format_score(name: str, value: float) -> str:
    """Return a score as text: shares with three digits, counts whole or with one."""
    if math.isnan(value):
        return "–"
    if name == "count_relative_bias":
        return f"{value:+.1%}".replace("-", "\N{MINUS SIGN}").replace("%", "\N{NBSP}%")
    if name.startswith("count_"):
        sign = "+" if name in _SIGNED else ""
        return f"{value:{sign}.1f}".replace("-", "\N{MINUS SIGN}")
    if name.startswith(("n_", "splits", "merges")):
        return f"{value:,.0f}"
    return f"{value:.3f}"


def make_table(
    columns: Sequence[str], groups: Iterable[tuple[str, Sequence[Sequence[Cell]]]], kind: str = ""
) -> str:
    """Return a table with rows in groups; a click on a column's head sorts within each group.

    Parameters
    ----------
    columns : sequence of str
        Heads, plain text.
    groups : iterable of (heading, rows)
        An empty heading shows none.
    kind : str
        A class for the looks.
    """
    heads = "".join(
        f'<th scope="col"><button type="button">{escape(column)}</button></th>'
        for column in columns
    )
    bodies = []
    for heading, rows in groups:
        if heading:
            first = f'<th colspan="{len(columns)}" scope="rowgroup">{escape(heading)}</th>'
            bodies.append(f"<tbody class=heading><tr>{first}</tr></tbody>")
        lines = ("".join(cell.as_html() for cell in row) for row in rows)
        bodies.append(f"<tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody>")
    return (
        f'<div class="scroll {kind}"><table class=sortable><thead><tr>{heads}</tr></thead>'
        f"{''.join(bodies)}</table></div>"
    )


def make_list(facts: Mapping[str, str]) -> str:
    """Return names and values as a definition list; both are plain text."""
    rows = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f"<dl>{''.join(rows)}</dl>"


def data_uri(kind: str, data: bytes) -> str:
    """Return ``data`` as an address that holds it; ``kind`` is ``"png"`` or ``"jpeg"``."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def make_picture(source: str, description: str, caption: str) -> str:
    """Return a picture that opens large on a click.

    Parameters
    ----------
    source : str
        Its address, from `data_uri`.
    description : str
        Plain text for those who cannot see it; the title when opened.
    caption : str
        HTML shown below.
    """
    return (
        f"<figure><button type=button class=zoom>"
        f'<img loading=lazy src="{source}" alt="{escape(description)}"></button>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def show_figure(light: bytes, dark: bytes, description: str) -> str:
    """Return a figure that opens large on a click, in the reader's own choice of light or dark.

    Parameters
    ----------
    light, dark : bytes
        PNG on white and on dark paper.
    description : str
        Plain text for those who cannot see it; the title when opened.
    """
    return (
        f"<button type=button class=zoom><picture>"
        f'<source srcset="{data_uri("png", dark)}" media="(prefers-color-scheme: dark)">'
        f'<img src="{data_uri("png", light)}" alt="{escape(description)}"></picture></button>'
    )


def count(n: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, such as "1 field" or "12 fields"."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def join_words(words: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
