"""Folders that appear whole or not at all."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cellid.errors import CellidError
from cellid.io.writers import told_as_user_error


@contextmanager
def replacing_folder(folder: Path, overwrite: bool | None) -> Iterator[Path]:
    """Give a temporary folder to fill, which becomes ``folder`` when all went well.

    If the block raises, the temporary folder is removed and ``folder`` stays as it was.

    Parameters
    ----------
    folder : Path
        Where the result will be.
    overwrite : bool or None
        Whether a folder that is there is replaced; None: never, and there is no --overwrite.

    Yields
    ------
    Path

    Raises
    ------
    CellidError
        If ``folder`` exists and ``overwrite`` is off, or there is no space left.
    """
    if folder.exists() and not (overwrite and folder.is_dir()):
        raise CellidError(
            folder,
            expected="a name not taken yet",
            got="a file or folder of that name",
            remedy="name another folder"
            + ", or give --overwrite to replace it" * (overwrite is not None),
        )
    temporary = folder.with_name(f".tmp-{secrets.token_hex(4)}-{folder.name}")
    retired = folder.with_name(f".old-{temporary.name}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if folder.exists():
            folder.rename(retired)
        try:
            temporary.rename(folder)
        except OSError:
            if retired.exists():
                retired.rename(folder)
            raise
    except OSError as error:
        raise told_as_user_error(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)
