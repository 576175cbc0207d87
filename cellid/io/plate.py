"""Plate maps: which condition is in which well, as a list or as the plate itself."""

import codecs
import csv
import io
import re
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path

import pandas as pd

from cellid.errors import CellidError
from cellid.io.names import natural_key

_WELL = re.compile(r"([A-Z]{1,2})0*([1-9]\d?)")
_ROW = re.compile(r"[A-Z]{1,2}")
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .xls, whatever their names say
_FORMS = "columns well and condition, or the plate: 1 to 12 above, A to H at the left"

_Cells = list[list[str]]


def read_plate(path: str | Path) -> pd.DataFrame:
    """Read a plate map as spreadsheets save it.

    A list has a row a well with the columns ``well`` and ``condition``, and any others. The
    other form is the plate: column numbers in its first row, row letters at the left, a
    condition in each cell; an empty cell is an unused well. Separated by comma, semicolon
    or tab; UTF-8, UTF-16 or Windows' Western encoding.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    DataFrame
        Strings: ``well`` (such as ``A1``, without leading zeros), ``condition`` and any
        further columns of a list; in natural order of the wells, each once.

    Raises
    ------
    CellidError
        If the file cannot be read, has neither form, or a cell does not fit; the cell is
        named as a spreadsheet does.
    """
    path = Path(path)
    cells = _read_cells(path)
    first = [cell.lower() for cell in cells[0]] if cells else []
    if "well" in first and "condition" in first:
        rows = _read_list(path, cells, first)
    elif "1" in first[1:]:
        rows = _read_grid(path, cells)
    else:
        raise _unfit(path, 0, 0, _FORMS, "; ".join(cells[0]) if cells else "an empty file")
    if not rows:
        raise CellidError(
            path, expected="wells", got="none", remedy="write a condition into the wells used"
        )
    return pd.DataFrame(rows).sort_values(
        "well", key=lambda wells: wells.map(natural_key), ignore_index=True
    )


def standard_well(name: str) -> str | None:
    """Return the name of a well as ``A1``, from ``a01`` too; None if it names no well."""
    match = _WELL.fullmatch(name.strip().upper())
    return match[1] + match[2] if match else None


def unmatched_wells(plate: pd.DataFrame, wells: Iterable[str]) -> tuple[list[str], list[str]]:
    """Compare a plate map with the wells that there are images of.

    Parameters
    ----------
    plate : DataFrame
        From `read_plate`.
    wells : iterable of str
        Of the images, as `standard_well` returns them.

    Returns
    -------
    without_images : list of str
        Wells of the map, in natural order.
    without_condition : list of str
        Wells of the images.
    """
    mapped, imaged = set(plate["well"]), set(wells)
    without_images = sorted(mapped - imaged, key=natural_key)
    return without_images, sorted(imaged - mapped, key=natural_key)


def _read_cells(path: Path) -> _Cells:
    """Return the cells of each row that are not empty at its end."""
    try:
        data = path.read_bytes()
        text = _decode(data)
    except (OSError, UnicodeDecodeError) as error:
        raise CellidError(
            path,
            expected="a plate map saved as CSV",
            got=getattr(error, "strerror", None) or "a workbook, or bytes that are no text",
            remedy="check the path, and save the sheet as CSV UTF-8",
        ) from None
    head = text.lstrip().partition("\n")[0]
    separator = max(",;\t", key=head.count)
    lines = io.StringIO(text, newline=None)  # some spreadsheets end lines by a return alone
    return [_strip(row) for row in csv.reader(lines, delimiter=separator)]


def _strip(row: list[str]) -> list[str]:
    """Take off blanks around cells, and empty cells at the end."""
    cells = [cell.strip() for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _decode(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    if data.startswith(_WORKBOOKS):
        raise UnicodeDecodeError("utf-8", data, 0, 4, "a workbook")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:  # the plain CSV of a Western Excel, in which µ is one byte
        return data.decode("cp1252")


def _read_list(path: Path, cells: _Cells, names: list[str]) -> list[dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    at_well, at_condition = names.index("well"), names.index("condition")
    for number, values in enumerate(cells[1:], start=1):
        if not values:
            continue
        row = dict(zip_longest(names, values[: len(names)], fillvalue=""))
        well = standard_well(row["well"])
        if well is None:
            raise _unfit(path, number, at_well, "a well, such as B7", row["well"])
        if well in rows:
            raise _unfit(path, number, at_well, "each well once", f"{row['well']} again")
        if not row["condition"]:
            raise _unfit(path, number, at_condition, f"the condition of {well}", "")
        rows[well] = {**row, "well": well}
    return list(rows.values())


def _read_grid(path: Path, cells: _Cells) -> list[dict[str, str]]:
    rows: dict[str, str] = {}
    for column, name in enumerate(cells[0][1:], start=1):
        if name != str(column):
            raise _unfit(path, 0, column, f"the column number {column}", name)
    for number, row in enumerate(cells[1:], start=1):
        if not row:
            continue
        letters, *conditions = row
        if not _ROW.fullmatch(letters.upper()):
            raise _unfit(path, number, 0, "the letter of a row of the plate", letters)
        for column, condition in enumerate(conditions, start=1):
            well = f"{letters.upper()}{column}"
            if well in rows:
                raise _unfit(path, number, 0, "each row of the plate once", f"{letters} again")
            if column >= len(cells[0]) and condition:
                raise _unfit(path, number, column, "a column number above it", condition)
            rows[well] = condition
    return [{"well": well, "condition": text} for well, text in rows.items() if text]


def _unfit(path: Path, row: int, column: int, expected: str, got: str) -> CellidError:
    """Return the error of a cell, named as a spreadsheet does; the numbers count from 0."""
    letters = ""
    column += 1
    while column:
        column, place = divmod(column - 1, 26)
        letters = chr(ord("A") + place) + letters
    return CellidError(
        f"{path}, cell {letters}{row + 1}",
        expected=expected,
        got=repr(got) if got else "nothing",
        remedy="correct the cell and save the sheet as CSV again",
    )
