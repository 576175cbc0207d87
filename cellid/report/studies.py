"""What studies have in common: scores at three levels, as in table 6.7 of the thesis; files."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cellid.evaluation.scores import ImageScores, pool
from cellid.io.writers import replacing, write_table, write_text
from cellid.report.markup import make_table, number_cell, text_cell
from cellid.report.tables import OBJECT, PIXEL

INSTANCE = {
    "instance_precision": "Precision",
    "instance_recall": "Recall",
    "instance_dice": "Dice",
    "instance_iou": "IoU",
}
LEVELS = {
    "pixel": ("Pixel level", PIXEL),
    "object": ("Object level", OBJECT),
    "instance": ("Nuclei one by one", INSTANCE),
}
"""Title of each level's table, and its columns."""

LEVELS_NOTE = """
<p class=note>Object level: connected patches, found where they share a pixel with another.
Nuclei one by one: each is matched with at most one other, where the two share at least {:.0%} of
their joint area; IoU is TP / (TP + FP + FN) there too.</p>"""

COLOURS_NOTE = """
<p class=note>Green: labelled and found; red: found without a label; blue: labelled and missed;
black: background in both.</p>"""
FLATTERED = """
<p>No {unit} was left for a test: scored on the validation {unit}s, which also chose the best epoch
and the thresholds, so the scores flatter.</p>"""


def score_levels(rows: Sequence[ImageScores]) -> dict[str, float]:
    """Return the pooled scores of all levels by name, such as ``"instance_dice"``.

    Raises
    ------
    CellidError
        If there are no rows.
    """
    pooled = pool(rows)
    counts = {"pixel": pooled.pixel, "object": pooled.objects, "instance": pooled.instances}
    return {
        name: getattr(counts[level], name.removeprefix(f"{level}_"))
        for level, (_, columns) in LEVELS.items()
        for name in columns
    }


def write_level_tables(head: str, groups: Sequence[tuple[str, pd.DataFrame]]) -> str:
    """Return a table a level.

    Parameters
    ----------
    head : str
        Of the first column.
    groups : sequence of (heading, DataFrame)
        Rows with the scores; the index is the text of the first column.
    """
    return "".join(
        f"<h3>{title}</h3>"
        + make_table(
            [head, *columns.values()],
            [
                (
                    heading,
                    [
                        [text_cell(str(label)), *(number_cell(name, row[name]) for name in columns)]
                        for label, row in rows.iterrows()
                    ],
                )
                for heading, rows in groups
            ],
        )
        for title, columns in LEVELS.values()
    )


def write_study(out: Path, name: str, table: pd.DataFrame, figure: bytes, page: str) -> Path:
    """Write the three files of a study.

    Parameters
    ----------
    out : Path
        Folder to write to; files of these names are replaced.
    name : str
        Of the CSV and the PNG.
    table : DataFrame
    figure : bytes
        PNG.
    page : str
        HTML, from `make_page`.

    Returns
    -------
    Path
        `report.html`.
    """
    write_table(out / f"{name}.csv", table)
    with replacing(out / f"{name}.png") as temporary:
        temporary.write_bytes(figure)
    report = out / "report.html"
    write_text(report, page)
    return report
