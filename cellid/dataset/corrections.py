"""Corrections of labels, kept beside the labels they stand in for.

Nothing is overwritten: a corrector's labels lie in a folder of its own, and the column
``labelled_by`` of the manifest says whose are in force. A model's correction never replaces
what a person has drawn.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from cellid.dataset.folder import (
    CORRECTORS,
    Dataset,
    describe_labels,
    read_dataset,
    write_manifest,
)
from cellid.io.tiff_writers import write_labels
from cellid.types import Labels, Mask

Corrector = Literal["model", "hand"]


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


def correct_labels(
    dataset: Dataset, corrections: Iterable[Correction], by: Corrector, weight: float
) -> Dataset:
    """Put corrections in force and return the data set as it is then.

    Crops that somebody whose word counts for more has corrected stay as they are.

    Parameters
    ----------
    dataset : Dataset
    corrections : iterable of Correction
    by : {"model", "hand"}
    weight : float
        Of these crops in the training loss; others have 1.
    """
    manifest = dataset.manifest.set_index("id", drop=False)
    stronger = CORRECTORS[CORRECTORS.index(by) + 1 :]
    folder = dataset.folder / "corrected" / by
    for correction in corrections:
        crop_id = correction.crop_id
        if manifest.at[crop_id, "labelled_by"] in stronger:
            continue
        name = f"{crop_id}.tif"
        write_labels(folder / "labels" / name, correction.labels)
        write_labels(folder / "uncertain" / name, correction.uncertain.astype(np.int32))
        facts = describe_labels(correction.labels)
        for column, value in {**facts, "labelled_by": by, "weight": weight}.items():
            manifest.at[crop_id, column] = value
    # The manifest comes last: a crash before it leaves the labels in force as they were
    write_manifest(dataset.folder, manifest)
    return read_dataset(dataset.folder)


def undo_corrections(dataset: Dataset, by: Corrector) -> Dataset:
    """Put the first labels back in force wherever ``by`` corrected them.

    Parameters
    ----------
    dataset : Dataset
    by : {"model", "hand"}
    """
    manifest = dataset.manifest.copy()
    for row in manifest.index[manifest["labelled_by"] == by]:
        facts = describe_labels(dataset.first_labels(manifest.at[row, "id"]))
        facts |= {"labelled_by": dataset.info.recipe["labels"]["method"], "weight": 1.0}
        for column, value in facts.items():
            manifest.at[row, column] = value
    write_manifest(dataset.folder, manifest)
    return read_dataset(dataset.folder)


def correction_folder(dataset: Dataset, by: Corrector) -> Path:
    """Return where the corrections of ``by`` lie, with what else was written down of them."""
    return dataset.folder / "corrected" / by
