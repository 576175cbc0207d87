"""Files that cellid wrote, read again; a copy may have been cut short since."""

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd

from cellid.errors import CellidError


def read_object(path: Path, expected: str, remedy: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    CellidError
        With ``expected`` and ``remedy``, if it is missing, damaged or something else.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:  # of JSON and UTF-8: ValueError
        raise CellidError(path, expected=expected, got=str(error), remedy=remedy) from None


def read_table(path: Path, remedy: str, **how: Any) -> pd.DataFrame:
    """Read a table that `cellid.io.writers.write_table` wrote.

    Parameters
    ----------
    path : Path
    remedy : str
        What to do if it is damaged.
    **how
        Arguments of `pandas.read_csv`.

    Raises
    ------
    CellidError
        If it is missing, damaged or cut short.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(max(0, size - 1))
            if file.read() != b"\n":  # pandas would fill up the last row in silence
                raise ValueError("a table cut short" if size else "an empty file")
            file.seek(0)
            return pd.read_csv(file, encoding="utf-8", **how)
    except (OSError, ValueError) as error:  # of UTF-8 and CSV: ValueError
        raise CellidError(path, expected="a whole table", got=str(error), remedy=remedy) from None
