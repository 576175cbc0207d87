"""Corrections of labels, kept beside the labels they stand in for.

Nothing is overwritten: a corrector's labels lie in a folder of its own, and the column
``labelled_by`` of the manifest says whose are in force. A model's correction never replaces
what a person has drawn.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cellid.dataset.folder import CORRECTORS, Corrector, Dataset, read_dataset
from cellid.dataset.manifest import describe_labels, write_manifest
from cellid.io.tiff_writers import write_labels
from cellid.types import Labels, Mask


@dataclass(frozen=True)
class Correction:
    """New labels of one crop.

    Attributes
    ----------
    crop_id : str
    labels : (Y, X) int32
    uncertain : (Y, X) bool
        Where nobody knows; these pixels have no weight in training.
    """

    crop_id: str
    labels: Labels
    uncertain: Mask


def write_correction(dataset: Dataset, correction: Correction, by: Corrector) -> None:
    """Write a correction beside the labels of its crop; it is not in force yet.

    Parameters
    ----------
    dataset : Dataset
    correction : Correction
    by : {"model", "hand"}
    """
    folder, name = correction_folder(dataset, by), f"{correction.crop_id}.tif"
    write_labels(folder / "labels" / name, correction.labels)
    write_labels(folder / "uncertain" / name, correction.uncertain.astype(np.int32))


def enforce_corrections(
    dataset: Dataset, crop_ids: Iterable[str], by: Corrector, weight: float
) -> Dataset:
    """Put written corrections in force and return the data set as it is then.

    Crops that somebody whose word counts for more has corrected stay as they are.

    Parameters
    ----------
    dataset : Dataset
    crop_ids : iterable of str
    by : {"model", "hand"}
    weight : float
        Of these crops in the training loss; others have 1.
    """
    stronger = CORRECTORS[CORRECTORS.index(by) + 1 :]
    manifest = dataset.manifest.copy()
    wanted = manifest["id"].isin(list(crop_ids)) & ~manifest["labelled_by"].isin(stronger)
    manifest.loc[wanted, ["labelled_by", "weight"]] = [by, weight]
    return _rewrite(dataset, manifest, wanted)


def undo_corrections(dataset: Dataset, by: Corrector) -> Dataset:
    """Put the first labels back in force wherever those of ``by`` are.

    Parameters
    ----------
    dataset : Dataset
    by : {"model", "hand"}
    """
    manifest = dataset.manifest.copy()
    wanted = manifest["labelled_by"] == by
    method = dataset.info.recipe["labels"]["method"]
    manifest.loc[wanted, ["labelled_by", "weight"]] = [method, 1.0]
    return _rewrite(dataset, manifest, wanted)


def _rewrite(dataset: Dataset, manifest: pd.DataFrame, changed: pd.Series) -> Dataset:
    """Write a manifest whose labels in force have changed; read the data set anew."""
    new = replace(dataset, manifest=manifest)
    for row in manifest.index[changed]:
        for column, value in describe_labels(new.labels(manifest.at[row, "id"])).items():
            manifest.at[row, column] = value
    write_manifest(dataset.folder, manifest)
    return read_dataset(dataset.folder)


def correction_folder(dataset: Dataset, by: Corrector) -> Path:
    """Return where the corrections of ``by`` lie, with what else was written down of them."""
    return dataset.folder / "corrected" / by
