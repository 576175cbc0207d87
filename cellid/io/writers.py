"""Files written whole or not at all: a temporary name in the same folder, then a rename."""

import errno
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.errors import CellidError, DiskFullError

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

_TEMPORARY = ".tmp-"


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to, which becomes ``path`` when all went well.

    The temporary file lies in the folder of ``path`` (which is made) and has its
    suffix. If the block raises it is removed and ``path`` stays as it was.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    Path
        Write the file there.

    Raises
    ------
    CellidError
        If there is no space left or the folder cannot be written to.
    """
    path = Path(path)
    # Ends in the whole name: libraries choose a format by it (.weights.h5, .ome.tif).
    temporary = path.parent / f"{_TEMPORARY}{secrets.token_hex(4)}-{path.name}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        temporary.replace(path)
    except OSError as error:
        # A file of another name that could not be read within the block is no matter of ours.
        ours = (None, str(temporary), *map(str, path.parents))
        if error.errno not in _DISK_FULL and error.filename not in ours:
            raise
        raise told_as_user_error(path, error) from error
    finally:
        with suppress(OSError):  # a folder that nothing can be written to lets nothing be removed
            temporary.unlink()


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders that a killed process left in ``folder`` itself."""
    for path in folder.glob(f"{_TEMPORARY}*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def new_folder(path: str | Path, overwrite: bool | None) -> Path:
    """Make the folder of an output and return it.

    Parameters
    ----------
    path : str or Path
    overwrite : bool or None
        Accept a folder with files: those of the same names will be replaced one by
        one, others stay. None: never, and there is no --overwrite.

    Raises
    ------
    CellidError
        If ``path`` is a file, or a folder with files and ``overwrite`` is off.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise CellidError(
            path, expected="a folder to write to", got="a file", remedy="name another folder"
        )
    if not overwrite and path.is_dir():
        entries = (entry.name for entry in path.iterdir())
        names = sorted(name for name in entries if not name.startswith(_TEMPORARY))
        if names:
            raise CellidError(
                path,
                expected="a new or empty folder",
                got=f"{len(names)} entries: {', '.join(names[:5])}{' …' * (len(names) > 5)}",
                remedy="name another folder"
                + ", or give --overwrite to replace what is there" * (overwrite is not None),
            )
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise told_as_user_error(path, error) from error
    return path


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, value: Mapping[str, Any] | list[Any]) -> None:
    """Write ``value`` as JSON; paths become strings, NumPy numbers plain, NaN null."""
    write_text(path, json.dumps(_plain(value), indent=2, ensure_ascii=False) + "\n")


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write ``table`` as CSV without its index."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_png(path: str | Path, image: NDArray[np.generic]) -> None:
    """Write a uint8 or uint16 image, (Y, X) or (Y, X, 3), as PNG."""
    with replacing(path) as temporary:
        temporary.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(image), level=6))


def _sync(path: Path) -> None:
    """Have the bytes of a file on the disk before its name changes."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def told_as_user_error(path: Path, error: OSError) -> CellidError:
    """Return the error of writing to ``path`` as one a user can mend."""
    if error.errno in _DISK_FULL:
        return DiskFullError(
            path,
            expected="room on the disk",
            got="no space left",
            remedy="free some space or name another output folder; earlier files are whole",
        )
    return CellidError(
        path,
        expected="a place that can be written to",
        got=error.strerror or str(error),
        remedy="check the path and its permissions, or name another output folder",
    )


def _plain(value: Any) -> Any:
    """Return ``value`` out of JSON's own types."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
