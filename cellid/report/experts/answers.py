"""What experts have answered: JSON that the form saves, or the table filled in by hand."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from cellid.config import Settings
from cellid.errors import CellidError
from cellid.io.readers import read_object
from cellid.recipes import parse_settings
from cellid.report.experts.form import ANSWER_COLUMNS
from cellid.report.experts.key import Key, SheetKey

_MOST_MISSES = 999  # a slip of the finger; the tables of agreement have a row and column a count
_Pixel = Annotated[float, Field(ge=0, le=65_535)]  # a JPEG has no more a side


class _Marks(Settings):
    """What the form saves of a sheet: objects by number, misses as x and y in pixels."""

    judged: bool
    false_positives: tuple[int, ...]
    misses: tuple[tuple[_Pixel, _Pixel], ...] = Field(max_length=_MOST_MISSES)
    note: str


class _Answers(Settings):
    """What the form saves."""

    study: str
    expert: str
    sheets: Mapping[str, _Marks]


@dataclass(frozen=True)
class Judgement:
    """What one expert says of one sheet.

    Attributes
    ----------
    n_false_positives, n_misses : int
    objects : tuple of int or None
        Numbers of the objects that are no nucleus; None if the form was filled in by hand.
    misses : tuple of (float, float)
        Where a nucleus was missed, x and y in pixels.
    note : str
    """

    n_false_positives: int
    n_misses: int
    objects: tuple[int, ...] | None = None
    misses: tuple[tuple[float, float], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Expert:
    """An expert's judgements, by the id of the sheet; sheets not judged are not there."""

    name: str
    judgements: Mapping[str, Judgement]


def read_experts(paths: Sequence[Path], key: Key) -> tuple[Expert, ...]:
    """Read what experts have answered.

    Parameters
    ----------
    paths : sequence of Path
        One an expert: JSON, or CSV with the columns of `ANSWER_COLUMNS`. In a table the
        file's name is the expert's, and a row without numbers is a sheet not judged.
    key : Key
        Of the study.

    Raises
    ------
    CellidError
        If a file cannot be read, is of another study, names an unknown sheet or object, holds
        what is no number, or two experts have one name.
    """
    experts = tuple(
        _read_table(path, key) if path.suffix.lower() == ".csv" else _read_json(path, key)
        for path in paths
    )
    names = [expert.name for expert in experts]
    for name, path in zip(names, paths, strict=True):
        if names.count(name) > 1:
            raise CellidError(
                path,
                expected="files of different experts",
                got=f"two of {name!r}",
                remedy="give each expert's file once, and each expert a name of their own",
            )
    return experts


def tabulate_judgements(experts: Sequence[Expert], key: Key) -> pd.DataFrame:
    """Return a row a sheet and expert, unblinded: pure classifiers, then mixed ones."""
    rows = [
        {
            "expert": expert.name,
            "sheet": name,
            **key.sheets[name].model_dump(),
            "false_positives": judgement.n_false_positives,
            "false_negatives": judgement.n_misses,
            "note": judgement.note,
        }
        for expert, name, judgement in _walk(experts, key)
    ]
    return pd.DataFrame(rows)


def tabulate_verdicts(experts: Sequence[Expert], key: Key) -> pd.DataFrame:
    """Return a row an object and expert, of sheets on which the objects were pointed at."""
    parts = [
        pd.DataFrame(
            {
                "expert": expert.name,
                "sheet": name,
                "classifier": key.sheets[name].classifier,
                "object": (numbers := np.arange(1, key.sheets[name].n_objects + 1)),
                "is_false": np.isin(numbers, judgement.objects).astype(np.int64),
            }
        )
        for expert, name, judgement in _walk(experts, key)
        if judgement.objects is not None
    ]
    columns = ["expert", "sheet", "classifier", "object", "is_false"]
    return pd.concat(parts) if parts else pd.DataFrame(columns=columns)


def _walk(experts: Sequence[Expert], key: Key) -> Iterator[tuple[Expert, str, Judgement]]:
    """Yield what was judged in the order of the tables of the thesis."""

    def place(name: str) -> tuple[bool, str, str]:
        sheet = key.sheets[name]
        return sheet.classifier.startswith("mixed"), sheet.classifier, sheet.line

    for expert in experts:
        for name in sorted(expert.judgements, key=place):
            yield expert, name, expert.judgements[name]


def _read_json(path: Path, key: Key) -> Expert:
    remedy = "give the file that the form saves, or form.csv filled in"
    values = read_object(path, "an expert's answers", remedy)
    answers = parse_settings(_Answers, values, subject=str(path))
    if answers.study != key.study:
        raise CellidError(
            path,
            expected=f"answers to the study {key.study}",
            got=f"answers to {answers.study}",
            remedy="give the key.json that was written with the form the expert had",
        )
    judgements = {}
    for name, marks in answers.sheets.items():
        sheet = _find_sheet(path, name, key)
        strangers = [n for n in marks.false_positives if not 1 <= n <= sheet.n_objects]
        if strangers:
            raise _wrong_number(path, name, "false_positives", str(strangers[0]), sheet)
        if marks.judged:
            objects = tuple(sorted(set(marks.false_positives)))
            judgements[name] = Judgement(
                len(objects), len(marks.misses), objects, marks.misses, marks.note
            )
    return Expert(answers.expert or path.stem, judgements)


def _read_table(path: Path, key: Key) -> Expert:
    judgements = {}
    for row in _parse_table(path).to_dict("records"):
        name = str(row["id"])
        sheet = _find_sheet(path, name, key)
        if name in judgements:
            raise CellidError(
                path, expected="one row a sheet", got=f"two of {name}", remedy="drop one of them"
            )
        if row["false_positives"] or row["misses"]:
            judgements[name] = Judgement(
                _read_number(path, row, "false_positives", sheet),
                _read_number(path, row, "misses", sheet),
                note=row.get("note", ""),
            )
    return Expert(path.stem, judgements)


def _parse_table(path: Path) -> pd.DataFrame:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")  # as Excel saves it
        head = text.partition("\n")[0]
        separator = max(",;\t", key=head.count)
        table = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False)
        missing = [name for name in ANSWER_COLUMNS[:3] if name not in table]
        if missing:
            raise ValueError(f"no column {missing[0]}")
    except (OSError, ValueError) as error:
        raise CellidError(
            path,
            expected="form.csv filled in",
            got=str(error),
            remedy="keep its first line, and save it as CSV",
        ) from None
    return table.apply(lambda column: column.str.strip())


def _find_sheet(path: Path, name: str, key: Key) -> SheetKey:
    if name not in key.sheets:
        raise CellidError(
            path,
            expected=f"ids of the study's {len(key.sheets)} sheets",
            got=f"the id {name!r}",
            remedy="give answers to this study, with the ids as they were",
        )
    return key.sheets[name]


def _read_number(path: Path, row: Mapping[str, str], column: str, sheet: SheetKey) -> int:
    text = row[column]
    most = sheet.n_objects if column == "false_positives" else _MOST_MISSES
    if not (text.isascii() and text.isdigit() and float(text) <= most):
        raise _wrong_number(path, row["id"], column, text, sheet)
    return int(text)


def _wrong_number(path: Path, name: str, column: str, got: str, sheet: SheetKey) -> CellidError:
    return CellidError(
        f"{path}, sheet {name}, {column}",
        expected=f"a whole number up to {sheet.n_objects}, the objects of the sheet"
        if column == "false_positives"
        else f"a whole number up to {_MOST_MISSES}",
        got=repr(got),
        remedy="correct it; 0 for none, and neither number for a sheet not judged",
    )
