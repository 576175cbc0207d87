"""Doubtful labels handed to a person: plain files that napari, Fiji and Label Studio open.

::

    README.txt         how to correct them
    review.json        which data set, and in which state its labels were handed out
    phase/ID.tif       the crop
    stain/ID.tif
    labels/ID.tif      to correct: one number a nucleus
    uncertain/ID.tif   to paint where nobody can tell
    original/          labels and uncertain as they were handed out
    label_studio/      the same as polygons: config.xml, tasks.json

`cellid.workflows.review_return` takes them back.
"""

import importlib.metadata
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from cellid.config import Settings
from cellid.dataset import Dataset
from cellid.dataset.manifest import describe_labels
from cellid.errors import CellidError
from cellid.imaging.overlay import stretch_contrast
from cellid.io.folder_writers import replacing_folder
from cellid.io.folders import path_from
from cellid.io.label_studio import CONFIG, make_task
from cellid.io.readers import read_object
from cellid.io.tiff_writers import write_image, write_labels
from cellid.io.writers import write_json, write_text
from cellid.labeling.correction import ADD, DROP, UNCERTAIN
from cellid.recipes import parse_settings
from cellid.report.markup import data_uri
from cellid.report.proposals import read_proposals
from cellid.report.samples import brighten, encode_png
from cellid.types import Labels, Mask

ORIGINAL = "original"
LABEL_STUDIO, TASKS = "label_studio", "tasks.json"


class HandedOut(Settings):
    """A crop as it was handed out: hashes of its image, labels and uncertain pixels."""

    image_hash: str
    labels_hash: str
    uncertain_hash: str


class Review(Settings):
    """What `review.json` says."""

    id: str
    created: str
    cellid_version: str
    dataset: str
    manifest_hash: str
    crops: Mapping[str, HandedOut]


def export_review(dataset: Dataset, out: Path, n: int, crop_ids: Sequence[str] = ()) -> Review:
    """Write doubtful crops and their labels as files for a person to correct.

    Parameters
    ----------
    dataset : Dataset
    out : Path
        A new folder; an older review, which may hold somebody's work, is never replaced.
    n : int
        Most crops, those that `rank_by_doubt` puts first.
    crop_ids : sequence of str
        The crops to hand out instead.

    Returns
    -------
    Review

    Raises
    ------
    CellidError
        If there is nothing to hand out, a crop is not in the data set, or ``out`` exists.
    """
    if out.exists():
        raise CellidError(
            out,
            expected="a new folder",
            got="a file or folder of that name, which may hold somebody's work",
            remedy="name another one",
        )
    rows = _choose(dataset, crop_ids) if crop_ids else rank_by_doubt(dataset).head(n)
    if rows.empty:
        raise CellidError(
            dataset.folder,
            expected="kept crops that nobody has corrected yet",
            got="none",
            remedy="name those to look at again with --crop",
        )
    crops, tasks = {}, []
    with replacing_folder(out, overwrite=None) as folder:
        for row in tqdm(rows.itertuples(), "export", len(rows), unit="crop"):
            labels, uncertain = dataset.labels(row.id), dataset.uncertain(row.id)
            _write_crop(dataset, folder, row.id, labels, uncertain)
            pictures = {
                "stain": data_uri("png", _draw(brighten(dataset.stain(row.id)))),
                "phase": data_uri("png", _draw(dataset.image(row.id))),
            }
            tasks.append(make_task(row.id, pictures, labels, uncertain))
            crops[row.id] = HandedOut(
                image_hash=row.image_hash,
                labels_hash=hash_labels(labels),
                uncertain_hash=hash_labels(uncertain),
            )
        review = Review(
            id=secrets.token_hex(8),
            created=now(),
            cellid_version=importlib.metadata.version("cellid"),
            dataset=path_from(out, dataset.folder),
            manifest_hash=dataset.info.manifest_hash,
            crops=crops,
        )
        write_json(folder / LABEL_STUDIO / TASKS, tasks)
        write_text(folder / LABEL_STUDIO / "config.xml", CONFIG)
        write_text(folder / "README.txt", _guide())
        write_json(folder / "review.json", review.model_dump())
    return review


def rank_by_doubt(dataset: Dataset) -> pd.DataFrame:
    """Return the kept crops that nobody has corrected by hand, the most doubtful first.

    First come those with the most objects in dispute between their labels and models that
    have not seen them (`cellid.workflows.correction`); among equals, and where no model has
    judged, those with the greatest ``doubt``.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    DataFrame
        Rows of the manifest.
    """
    crops = dataset.manifest[dataset.manifest["kept"] & (dataset.manifest["labelled_by"] != "hand")]
    proposals = read_proposals(dataset)
    if proposals is None:
        return crops.sort_values("doubt", ascending=False, kind="stable")
    disputed = proposals[proposals["proposal"].isin([ADD, DROP, UNCERTAIN])]["crop"].value_counts()
    ranked = crops.assign(disputed=crops["id"].map(disputed).fillna(0))
    return ranked.sort_values(["disputed", "doubt"], ascending=False, kind="stable")


def read_review(folder: Path) -> Review:
    """Read `review.json` of a folder that `export_review` wrote.

    Raises
    ------
    CellidError
        If it is not there, or damaged.
    """
    path = folder / "review.json"
    values = read_object(
        path,
        expected="the folder of a review, with its review.json",
        remedy="give the folder that `cellid review DATASET --out DIR` has made",
    )
    return parse_settings(Review, values, subject=str(path))


def hash_labels(labels: Labels | Mask) -> str:
    """Return the hash of labels as in the manifest, or of a mask as labels."""
    return str(describe_labels(labels.astype(np.int32))["labels_hash"])


def now() -> str:
    """Return the time, UTC, in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _choose(dataset: Dataset, crop_ids: Sequence[str]) -> pd.DataFrame:
    unknown = sorted(set(crop_ids) - set(dataset.manifest["id"]))
    if unknown:
        raise CellidError(
            f"--crop {unknown[0]}",
            expected="the id of a crop",
            got="no such id in manifest.csv",
            remedy=f"copy it from there; the first is {dataset.manifest['id'].iloc[0]}",
        )
    return dataset.manifest[dataset.manifest["id"].isin(crop_ids)]


def _write_crop(
    dataset: Dataset, folder: Path, crop_id: str, labels: Labels, uncertain: Mask
) -> None:
    name, pixel_size_um = f"{crop_id}.tif", dataset.info.pixel_size_um
    write_image(folder / "phase" / name, dataset.image(crop_id), pixel_size_um=pixel_size_um)
    write_image(folder / "stain" / name, dataset.stain(crop_id), pixel_size_um=pixel_size_um)
    for part in (folder, folder / ORIGINAL):
        write_labels(part / "labels" / name, labels, pixel_size_um)
        write_labels(part / "uncertain" / name, uncertain.astype(np.int32), pixel_size_um)


def _draw(image: Any) -> bytes:
    return encode_png(stretch_contrast(image))


def _guide() -> str:
    return files("cellid.workflows").joinpath("review.txt").read_text(encoding="utf-8")
