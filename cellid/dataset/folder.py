"""The dataset folder: crops, their labels and a manifest with a row a crop.

::

    dataset.json    version, pixel size, nucleus diameter, settings, provenance
    manifest.csv    a row a crop: id, where it comes from, split, kept or why not, quality, hashes
    objects.csv     a row an object of `labels`: where it is, and how good; if it was judged
    images/ID.tif   the phase-contrast crop, as the camera gave it
    stain/ID.tif    the same place in the stain, for people to look at
    labels/ID.tif   nuclei, one number an object; the binary mask is labels > 0
    instances.json  objects of all crops, each with all its pixels (COCO's form); if some overlap
    uncertain/ID.tif  1 where `labels` are not to be believed, if anywhere
    corrected/WHO/labels/ID.tif     labels that stand in for those of `labels`, and
    corrected/WHO/uncertain/ID.tif  1 where WHO does not know (`cellid.dataset.corrections`)
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.config import InputSettings, Settings
from cellid.dataset.manifest import (
    check_manifest,
    describe_labels,
    hash_pixels,
    hash_text,
    parse_manifest,
    write_manifest,
)
from cellid.errors import CellidError
from cellid.io.folder_writers import replacing_folder
from cellid.io.frames import read_frame
from cellid.io.images import open_image
from cellid.io.outlines import Outlines, read_outlines
from cellid.io.readers import read_table
from cellid.io.tiff_writers import write_image, write_labels
from cellid.io.writers import write_table, write_text
from cellid.recipes import parse_settings
from cellid.types import Labels, Mask, ObjectPixels

VERSION = 2
INSTANCES = "instances.json"
"""Of a dataset folder, or of what was found: every object whole, where labels show upper ones."""
ALL = "all"
"""In place of a split: every kept crop."""
Corrector = Literal["model", "hand"]
CORRECTORS: tuple[Corrector, ...] = get_args(Corrector)
"""Who may correct labels; a later one's word counts for more."""


class DatasetInfo(Settings):
    """What `dataset.json` says."""

    version: int
    cellid_version: str
    pixel_size_um: float | None
    nucleus_diameter_px: float
    recipe: Mapping[str, Any]
    sources: tuple[str, ...]
    problems: Mapping[str, str]
    manifest_hash: str


@dataclass(frozen=True)
class Dataset:
    """A dataset folder, read.

    Attributes
    ----------
    folder : Path
    info : DatasetInfo
    manifest : DataFrame
        A row a crop, columns as in `COLUMNS`.
    """

    folder: Path
    info: DatasetInfo
    manifest: pd.DataFrame

    @property
    def hash(self) -> str:
        """Of the manifest: another one means other crops, splits or labels."""
        return self.info.manifest_hash

    def crops(self, split: str) -> pd.DataFrame:
        """Return the manifest's rows of the kept crops of ``split``, or of `ALL`."""
        kept = self.manifest[self.manifest["kept"]]
        return kept if split == ALL else kept[kept["split"] == split]

    def only_line(self, line: str) -> "Dataset":
        """Return the part of the data set that is of one cell line."""
        return replace(self, manifest=self.manifest[self.manifest["line"] == line])

    def check_trainable(self) -> None:
        """Raise unless there are crops to train on and others to validate with."""
        for split in ("train", "validation"):
            if self.crops(split).empty:
                counts = self.manifest.groupby("split")["group"].nunique().to_dict()
                raise CellidError(
                    self.folder,
                    expected=f"at least one kept crop for {split}",
                    got=f"fields by split: {counts or 'none'}, "
                    f"{int(self.manifest['kept'].sum())} of {len(self.manifest)} crops kept",
                    remedy="give more fields: those of training and validation are never the "
                    "same, for crops of one field are too alike; or loosen the select settings",
                )

    def image(self, crop_id: str) -> NDArray[np.generic]:
        """Return the phase-contrast crop, (Y, X) or in colour (Y, X, 3), in the camera's dtype."""
        return read_frame(open_image(self._file("images", crop_id)), 0, InputSettings())

    def stain(self, crop_id: str) -> NDArray[np.generic]:
        """Return the stain crop, (Y, X) in the camera's dtype."""
        return self._read("stain", crop_id)

    def labels(self, crop_id: str) -> Labels:
        """Return the instance labels in force of a crop, (Y, X) int32."""
        folder = self._correction(crop_id)
        return self._read(folder / "labels" if folder else Path("labels"), crop_id).astype(np.int32)

    def object_pixels(self, crop_id: str) -> ObjectPixels:
        """Return the objects in force of a crop, with all their pixels where they overlap."""
        name = f"{crop_id}.tif"
        if self._correction(crop_id) or name not in self._outlines:
            return ObjectPixels.of_labels(self.labels(crop_id))
        return self._outlines[name].fill(open_image(self._file("labels", crop_id)).plane_shape)

    def first_labels(self, crop_id: str) -> Labels:
        """Return the instance labels of a crop before any correction, (Y, X) int32."""
        return self._read("labels", crop_id).astype(np.int32)

    def objects(self) -> pd.DataFrame:
        """Return a row an object of the first labels that was judged: crop, number, quality.

        Returns
        -------
        DataFrame
            ``id`` of the crop, ``label``, ``score`` and the rest of `objects.csv`; no rows
            where labels were never judged, as those that were given.
        """
        path = self.folder / "objects.csv"
        if not path.exists():
            return pd.DataFrame(columns=["id", "label", "score"])
        return read_table(path, "make the data set again", dtype={"id": "str"})

    def uncertain(self, crop_id: str) -> Mask:
        """Return where the labels in force are not to be believed, (Y, X) bool."""
        folder = self._correction(crop_id)
        if folder:
            return self._read(folder / "uncertain", crop_id).astype(np.bool_)
        return self.first_uncertain(crop_id)

    def first_uncertain(self, crop_id: str) -> Mask:
        """Return where the first labels are not to be believed, (Y, X) bool."""
        if self._file("uncertain", crop_id).exists():
            return self._read("uncertain", crop_id).astype(np.bool_)
        return np.zeros(open_image(self._file("labels", crop_id)).shape, np.bool_)

    def _correction(self, crop_id: str) -> Path | None:
        """Return the folder of the correction that is in force for a crop."""
        who = self._labelled_by[crop_id]
        return Path("corrected") / who if who in CORRECTORS else None

    @cached_property
    def _outlines(self) -> dict[str, Outlines]:
        path = self.folder / INSTANCES
        return read_outlines(path) if path.exists() else {}

    @cached_property
    def _labelled_by(self) -> dict[str, str]:
        return dict(zip(self.manifest["id"], self.manifest["labelled_by"], strict=True))

    def _read(self, part: str | Path, crop_id: str) -> NDArray[np.generic]:
        return open_image(self._file(part, crop_id)).read()

    def _file(self, part: str | Path, crop_id: str) -> Path:
        return self.folder / part / f"{crop_id}.tif"


@dataclass(frozen=True)
class DatasetWriter:
    """Adds crops to a dataset folder that is being written; `writing_dataset` makes one."""

    folder: Path

    def add_crop(
        self,
        crop_id: str,
        image: NDArray[np.generic],
        stain: NDArray[np.generic],
        labels: Labels,
        pixel_size_um: float | None,
        uncertain: Mask | None = None,
    ) -> dict[str, Any]:
        """Write one crop and return what the manifest says of its pixels.

        Parameters
        ----------
        crop_id : str
            Unique in the data set, fit for a file name.
        image : (Y, X) or (Y, X, 3) array
        stain : (Y, X) array
            The same place in both channels.
        labels : (Y, X) int32
        pixel_size_um : float or None
        uncertain : (Y, X) bool or None
            Where the labels are not to be believed; None: nowhere.

        Returns
        -------
        dict
            ``image_hash`` and what `describe_labels` says.
        """
        name = f"{crop_id}.tif"
        write_image(self.folder / "images" / name, image, pixel_size_um=pixel_size_um)
        write_image(self.folder / "stain" / name, stain, pixel_size_um=pixel_size_um)
        write_labels(self.folder / "labels" / name, labels, pixel_size_um)
        if uncertain is not None and uncertain.any():
            write_labels(self.folder / "uncertain" / name, uncertain.astype(np.int32))
        return {"image_hash": hash_pixels(image), **describe_labels(labels)}

    def add_objects(self, objects: pd.DataFrame) -> None:
        """Write `objects.csv`, a row an object; ``id`` names the crop, ``label`` the object."""
        write_table(self.folder / "objects.csv", objects.round(4))

    def finish(self, manifest: pd.DataFrame, **info: Any) -> None:
        """Write `manifest.csv` and `dataset.json`; ``info`` are the fields of `DatasetInfo`."""
        text = write_manifest(self.folder, manifest)
        full = DatasetInfo(version=VERSION, manifest_hash=hash_text(text), **info)
        write_text(self.folder / "dataset.json", full.model_dump_json(indent=2))


@contextmanager
def writing_dataset(folder: Path, overwrite: bool) -> Iterator[DatasetWriter]:
    """Give a writer of a dataset folder that appears whole, at the end, or not at all.

    Parameters
    ----------
    folder : Path
        Where the data set will be.
    overwrite : bool
        Whether a data set that is there is replaced.

    Raises
    ------
    CellidError
        If ``folder`` exists, and ``overwrite`` is off or it is no dataset folder.
    """
    if overwrite and folder.is_dir() and not (folder / "dataset.json").exists():
        raise CellidError(
            folder,
            expected="a new folder, or a data set to replace",
            got="a folder that is no data set",
            remedy="name another folder: all that is in this one would be lost",
        )
    with replacing_folder(folder, overwrite) as temporary:
        for part in ("images", "stain", "labels"):
            (temporary / part).mkdir()
        yield DatasetWriter(temporary)


def read_dataset(folder: Path) -> Dataset:
    """Read a dataset folder and check that no crop is in two splits.

    Raises
    ------
    CellidError
        If the folder is no dataset folder, is of another version, a row is not whole, or the
        same pixels are in two splits.
    """
    try:
        values = dict(json.loads((folder / "dataset.json").read_text(encoding="utf-8")))
        text = (folder / "manifest.csv").read_text(encoding="utf-8")
        manifest = parse_manifest(text)
    except (OSError, ValueError, TypeError) as error:  # of JSON, UTF-8 and CSV: ValueError
        raise CellidError(
            folder,
            expected="a dataset folder with dataset.json and manifest.csv",
            got=str(error),
            remedy="make one with `cellid label`",
        ) from None
    if values.get("version") != VERSION:
        raise CellidError(
            folder,
            expected=f"dataset version {VERSION}",
            got=f"version {values.get('version')}",
            remedy="make it again with this cellid's `cellid label`",
        )
    info = parse_settings(DatasetInfo, values, subject=str(folder / "dataset.json"))
    # Crops may be dropped by hand in the manifest: what is trained on is what it says now
    info = info.model_copy(update={"manifest_hash": hash_text(text)})
    check_manifest(folder, manifest)
    return Dataset(folder, info, manifest)
