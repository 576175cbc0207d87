"""Folders of long work, which the same command goes on with after an interruption."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellid.errors import CellidError
from cellid.io.readers import read_object
from cellid.io.writers import new_folder, write_json


def go_on(
    about_file: Path,
    about: Mapping[str, Any],
    what: str,
    same: str,
    overwrite: bool | None = None,
) -> None:
    """Make the folder of long work, or check that the one there is of the same.

    Parameters
    ----------
    about_file : Path
        JSON in the folder that says what the work is; written if it is not there.
    about : mapping
        What it says, as JSON holds it.
    what, same : str
        For an error: what the folder should hold, and of what, such as "trainings" and
        "recipe or data set".
    overwrite : bool or None
        Take a folder that holds something else; None: never, and there is no --overwrite.

    Raises
    ------
    CellidError
        If the folder is of other work, or holds something else, and ``overwrite`` is off; or
        its JSON is damaged.
    """
    if overwrite or not about_file.exists():
        write_json(new_folder(about_file.parent, overwrite) / about_file.name, about)
    elif (
        read_object(about_file, f"what the {what} are of", "put it back, or name another --out")
        != about
    ):
        raise CellidError(
            about_file.parent,
            expected=f"a new folder, or {what} of the same {same}",
            got=f"those of another {same}",
            remedy="give the same settings to go on, or another --out",
        )
