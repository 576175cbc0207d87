"""Image files of a folder, in natural order."""

import os
from pathlib import Path

from cellid.errors import CellidError
from cellid.io.images import IMAGE_SUFFIXES
from cellid.io.names import natural_key


def list_images(path: str | Path) -> tuple[Path, ...]:
    """Return the TIFF and PNG files of a folder and its subfolders, naturally sorted.

    Hidden files and folders are left out, and so is all that is no image by its
    suffix (``Thumbs.db``, tables).

    Parameters
    ----------
    path : str or Path
        A folder, or one file, which is returned alone.

    Raises
    ------
    CellidError
        If there is no such folder or file.
    """
    path = Path(path)
    if path.is_file():
        return (path,)
    if not path.is_dir():
        raise CellidError(
            path,
            expected="a folder of images, or an image",
            got="nothing of this name",
            remedy="check the path",
        )
    found = (
        file
        for file in path.rglob("*")
        if file.suffix.lower() in IMAGE_SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and file.is_file()
    )
    return tuple(sorted(found, key=lambda file: (natural_key(file), str(file))))


def path_from(folder: Path, target: Path) -> str:
    """Return ``target`` as seen from ``folder``, so that both can be moved together.

    Joined to ``folder`` again it is the target. On another drive it is absolute.
    """
    try:
        return Path(os.path.relpath(target.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return str(target.resolve())


def list_names(path: Path, limit: int = 12) -> str:
    """Return the first names of a folder for an error, of whatever kind they are."""
    if path.is_file():
        return path.name
    names = sorted((entry.name for entry in path.iterdir()), key=natural_key)
    rest = len(names) - limit
    shown = ", ".join(names[:limit]) or "nothing"
    return f"{shown} and {rest} more" if rest > 0 else shown
