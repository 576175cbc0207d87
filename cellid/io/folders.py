"""Image files of a folder, in natural order."""

import os
from collections.abc import Iterator
from pathlib import Path

from cellid.errors import CellidError
from cellid.io.images import IMAGE_SUFFIXES
from cellid.io.names import natural_key
from cellid.io.ome_zarr import is_zarr, list_fields


def list_images(path: str | Path) -> tuple[Path, ...]:
    """Return the image files of a folder and its subfolders, naturally sorted.

    An OME-Zarr image, which is a folder, counts as a file, and so does each field of a
    plate. Hidden files and folders are left out, and all that is no image by its suffix
    (``Thumbs.db``, tables).

    Parameters
    ----------
    path : str or Path
        A folder, or one file, which is returned alone, or an OME-Zarr folder.

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
    found = list_fields(path) if is_zarr(path) else _walk(path)
    return tuple(sorted(found, key=lambda file: (natural_key(file), str(file))))


def _walk(top: Path) -> Iterator[Path]:
    """Yield images below a folder, without a look at the many files that OME-Zarr consists of."""
    for folder, folders, files in os.walk(top):
        zarrs = [name for name in folders if name.lower().endswith(".zarr") and name[0] != "."]
        folders[:] = [name for name in folders if name not in zarrs and name[0] != "."]
        for name in zarrs:
            yield from list_fields(Path(folder, name))
        for name in files:
            path = Path(folder, name)
            if path.suffix.lower() in IMAGE_SUFFIXES and name[0] != "." and path.is_file():
                yield path


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
