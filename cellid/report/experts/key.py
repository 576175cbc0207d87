"""The folder of a study by experts, and the key that says what each sheet shows.

::

    key.json        what every sheet shows; not for the experts
    labels/ID.tif   the objects that were judged; not for the experts
    for-experts/    what they are sent: nothing in it tells one classifier from another
        form.html       the form, which needs no network
        form.csv        the same, to fill in by hand
        sheets/ID.jpg   phase, phase with the objects, stain, side by side
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import Field

from cellid.config import Settings
from cellid.errors import CellidError
from cellid.io.images import open_image
from cellid.io.readers import read_object
from cellid.recipes import parse_settings
from cellid.types import Labels

VERSION = 1
KEY, LABELS, FOR_EXPERTS = "key.json", "labels", "for-experts"
FORM, FORM_TABLE, SHEETS = "form.html", "form.csv", "sheets"


class SheetKey(Settings):
    """What one sheet shows."""

    run: str
    classifier: str
    line: str
    crop: str
    n_objects: int = Field(ge=0)


class Key(Settings):
    """What `key.json` says; the sheets in the order in which the experts see them."""

    version: int = VERSION
    study: str
    cellid_version: str
    dataset: str
    manifest_hash: str
    split: str
    seed: int
    sheets: Mapping[str, SheetKey]


def read_key(path: Path) -> Key:
    """Read a `key.json`.

    Raises
    ------
    CellidError
        If it is none, or of another version.
    """
    values = read_object(path, "the key.json of a study", "give the one that `prepare` wrote")
    if values.get("version") != VERSION:
        raise CellidError(
            path,
            expected=f"key version {VERSION}",
            got=f"version {values.get('version')}",
            remedy="use the cellid that prepared the study",
        )
    return parse_settings(Key, values, subject=str(path))


def read_labels(folder: Path, name: str) -> Labels:
    """Return the objects of a sheet, (Y, X) int32, from the folder of a study."""
    return open_image(folder / LABELS / f"{name}.tif").read().astype(np.int32)
