"""The manifest of a data set: a row a crop, and the checks of it."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.io.writers import write_text
from cellid.types import Labels

SPLITS = ("train", "validation", "test")
COLUMNS = {
    "id": "str",
    "field": "str",
    "line": "str",
    "file": "str",
    "stain_file": "str",
    "well": "str",
    "site": "str",
    "time_h": "float64",
    "group": "str",
    "y0": "int64",
    "x0": "int64",
    "y1": "int64",
    "x1": "int64",
    "split": "str",
    "kept": "bool",
    "reason": "str",
    "nucleus_px": "int64",
    "n_nuclei": "int64",
    "nucleus_share": "float64",
    "mean_score": "float64",
    "focus": "float64",
    "contrast_to_noise": "float64",
    "saturated_share": "float64",
    "border_share": "float64",
    "area_spread": "float64",
    "doubt": "float64",
    "shift_y_px": "float64",
    "shift_x_px": "float64",
    "image_hash": "str",
    "labels_hash": "str",
    "labelled_by": "str",
    "weight": "float64",
}


def describe_labels(labels: Labels) -> dict[str, Any]:
    """Return what the manifest says of a crop's labels: how many, how much of it, a hash."""
    return {
        "nucleus_px": int(np.count_nonzero(labels)),
        "nucleus_share": np.count_nonzero(labels) / labels.size,
        "n_nuclei": len(np.unique(labels[labels > 0])),
        "labels_hash": hash_pixels(labels),
    }


def write_manifest(folder: Path, manifest: pd.DataFrame) -> str:
    """Write `manifest.csv` of a dataset folder and return its text."""
    text = str(manifest[list(COLUMNS)].to_csv(index=False))
    write_text(folder / "manifest.csv", text)
    return text


def parse_manifest(text: str) -> pd.DataFrame:
    """Return the table of a manifest's text; ValueError if a column is missing."""
    return pd.read_csv(
        io.StringIO(text),
        usecols=list(COLUMNS),  # all must be there
        dtype=COLUMNS,
        keep_default_na=False,
        na_values={name: [""] for name, dtype in COLUMNS.items() if dtype == "float64"},
    )


def check_manifest(folder: Path, manifest: pd.DataFrame) -> None:
    """Raise unless every row is whole and no crop is in two splits.

    Parameters
    ----------
    folder : Path
        Of the data set, for the error.
    manifest : DataFrame

    Raises
    ------
    CellidError
    """
    _check_weights(folder, manifest)
    _check_splits(folder, manifest)


def _check_weights(folder: Path, manifest: pd.DataFrame) -> None:
    """Raise if a row has no weight, as the last one of a file cut short, or an endless one."""
    wrong = manifest[~np.isfinite(manifest["weight"]) | (manifest["weight"] < 0)]
    if not wrong.empty:
        raise CellidError(
            folder / "manifest.csv",
            expected="a weight of 0 or more in every row",
            got=f"{wrong['weight'].iloc[0]:g} for {wrong['id'].iloc[0]!r}",
            remedy="correct it; if the file was cut short, copy the whole of it again",
        )


def _check_splits(folder: Path, manifest: pd.DataFrame) -> None:
    kept = manifest[manifest["kept"]]
    unknown = sorted(set(kept["split"]) - set(SPLITS))
    if unknown:
        raise CellidError(
            folder / "manifest.csv",
            expected=f"every kept crop in {', '.join(SPLITS[:-1])} or {SPLITS[-1]}",
            got=f"the split {unknown[0]!r}",
            remedy="correct the column split, or make the data set again",
        )
    for column, what in (("image_hash", "the same pixels"), ("group", "the same group")):
        splits = kept.groupby(column)["split"].nunique()
        shared = splits.index[splits > 1]
        if len(shared):
            rows = kept[kept[column] == shared[0]]
            raise CellidError(
                folder / "manifest.csv",
                expected="no crop of one split in another",
                got=f"{what} in {' and '.join(sorted(set(rows['split'])))}: "
                f"{', '.join(rows['id'][:4])}",
                remedy="drop the doubles (kept = False), or make the data set again",
            )


def hash_pixels(image: NDArray[np.generic]) -> str:
    """Return a hash of an image: its pixels, shape and dtype."""
    digest = hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=8)
    digest.update(f"{image.shape}{image.dtype}".encode())
    return digest.hexdigest()


def hash_text(text: str) -> str:
    """Return a hash of a text."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
