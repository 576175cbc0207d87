"""Labels that a person has corrected, taken back into the data set."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from cellid.dataset import (
    Correction,
    Dataset,
    correction_folder,
    enforce_corrections,
    write_correction,
)
from cellid.errors import CellidError
from cellid.io.folders import list_images
from cellid.io.images import open_image
from cellid.io.label_studio import draw_regions, read_annotations
from cellid.io.names import natural_key
from cellid.io.readers import read_table
from cellid.io.writers import write_table
from cellid.labeling.drawn import accept_drawn, part_pieces
from cellid.types import Labels, Mask
from cellid.workflows.review import (
    LABEL_STUDIO,
    ORIGINAL,
    TASKS,
    HandedOut,
    Review,
    hash_labels,
    now,
    read_review,
)

_Plane = TypeVar("_Plane", Labels, Mask)


@dataclass(frozen=True)
class _Sources:
    """What may hold something new, by crop: label images, masks, and Label Studio's regions."""

    labels: dict[str, list[Path]]
    uncertain: dict[str, list[Path]]
    annotations: dict[str, tuple[Path, list[dict[str, Any]]]]


@dataclass(frozen=True)
class _Returned:
    """A crop as it came back, and the files in which it is not as it was handed out."""

    labels: Labels
    uncertain: Mask
    changed: tuple[Path, ...]


def take_review(
    dataset: Dataset,
    folder: Path,
    by: str,
    weight: float,
    confirm_unchanged: bool = False,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> dict[str, str]:
    """Put the corrected labels of a review in force, above any model's.

    A correction replaces an earlier one by hand only if it began from that. The table
    `corrected/hand/provenance.csv` of the data set says of each crop who has corrected it,
    when, in which files, and which labels it replaced.

    Parameters
    ----------
    dataset : Dataset
    folder : Path
        From `cellid.workflows.review.export_review`; may be taken again when more is done.
    by : str
        Who has corrected them.
    weight : float
        Of these crops in the training loss.
    confirm_unchanged : bool
        Take unchanged crops as a person's word too. Else they count as not looked at.
    overwrite : bool
        Also take crops whose labels in force are no longer those handed out.
    say : callable
        Told what was done.

    Returns
    -------
    dict of str to str
        The crops and files that were not taken, and why.

    Raises
    ------
    CellidError
        If ``folder`` is no review, or the data set's table of provenance is damaged.
    """
    review = read_review(folder)
    sources, problems = _find_sources(folder, review)
    provenance = _read_provenance(dataset)
    taken: dict[str, dict[str, Any]] = {}
    remarks: list[str] = []
    for crop_id, handed_out in tqdm(review.crops.items(), "take back", unit="crop"):
        try:
            row = _find_row(dataset, crop_id, handed_out)
            original, was_uncertain = _read_original(folder, crop_id, handed_out)
            back = _read_back(original, was_uncertain, crop_id, sources)
            labels, odd = part_pieces(back.labels, original)
            new = Correction(crop_id, labels, back.uncertain)
            if not (back.changed or confirm_unchanged):
                continue
            if _is_in_force(dataset, row, new) and row["weight"] == weight:
                continue
            if not (overwrite and back.changed):
                _check_state(dataset, row, review, provenance.get(crop_id, {}))
            write_correction(dataset, new, "hand")
        except CellidError as error:
            problems[crop_id] = str(error)
            continue
        remarks += [f"{crop_id}: {remark}" for remark in odd]
        taken[crop_id] = {
            "id": crop_id,
            "by": by,
            "taken": now(),
            "files": ";".join(path.relative_to(folder).as_posix() for path in back.changed),
            "files_hash": _hash_files(back.changed),
            "review": review.id,
            "labels_before": row["labels_hash"],
            "labels_hash": hash_labels(labels),
            "weight": weight,
        }
    if taken:
        write_table(_provenance(dataset), pd.DataFrame([*{**provenance, **taken}.values()]))
        enforce_corrections(dataset, taken, "hand", weight)
    for line in remarks:
        say(line)
    n_as_they_were = len(review.crops.keys() - taken.keys() - problems.keys())
    say(
        f"{len(taken)} of {len(review.crops)} crops taken, with weight {weight:g}; "
        f"{n_as_they_were} unchanged or in force already"
    )
    for problem in problems.values():
        say(f"not taken: {problem}")
    return problems


def _find_sources(folder: Path, review: Review) -> tuple[_Sources, dict[str, str]]:
    """Find what came back, and tell of files that are of no use."""
    problems: dict[str, str] = {}
    images: dict[str, dict[str, list[Path]]] = {"labels": {}, "uncertain": {}}
    for part, found in images.items():
        for path in list_images(folder / part) if (folder / part).is_dir() else ():
            if path.stem in review.crops:
                found.setdefault(path.stem, []).append(path)
            else:
                problems[str(path)] = str(_stranger(path))
    annotations: dict[str, tuple[Path, list[dict[str, Any]]]] = {}
    exports = set((folder / LABEL_STUDIO).glob("*.json")) - {folder / LABEL_STUDIO / TASKS}
    for path in sorted(exports, key=natural_key):  # a later export holds what an earlier one does
        try:
            crops = read_annotations(path)
        except CellidError as error:
            problems[str(path)] = str(error)
            continue
        annotations |= {crop_id: (path, regions) for crop_id, regions in crops.items()}
    return _Sources(images["labels"], images["uncertain"], annotations), problems


def _stranger(path: Path) -> CellidError:
    return CellidError(
        path,
        expected="a file named as a crop of this review, as those in stain",
        got=path.name,
        remedy="rename it",
    )


def _find_row(dataset: Dataset, crop_id: str, handed_out: HandedOut) -> "pd.Series[Any]":
    """Return the manifest's row of a crop, which must be of the same image still."""
    rows = dataset.manifest[dataset.manifest["id"] == crop_id]
    if rows.empty or rows["image_hash"].iloc[0] != handed_out.image_hash:
        raise CellidError(
            crop_id,
            expected="this crop in the data set, as it was handed out",
            got="no crop of this name" if rows.empty else "another image under this name",
            remedy="give the data set that the review was exported from",
        )
    return rows.iloc[0]


def _read_original(folder: Path, crop_id: str, handed_out: HandedOut) -> tuple[Labels, Mask]:
    """Return the labels and uncertain pixels of a crop as they were handed out."""
    path = folder / ORIGINAL / "labels" / f"{crop_id}.tif"
    labels = open_image(path).read().astype(np.int32)
    uncertain = open_image(folder / ORIGINAL / "uncertain" / path.name).read().astype(np.bool_)
    hashes = hash_labels(labels), hash_labels(uncertain)
    if hashes != (handed_out.labels_hash, handed_out.uncertain_hash):
        raise CellidError(
            path,
            expected=f"{ORIGINAL} as it was handed out",
            got="another image",
            remedy="export this crop anew; corrections belong into labels and uncertain",
        )
    return labels, uncertain


def _read_back(labels: Labels, uncertain: Mask, crop_id: str, sources: _Sources) -> _Returned:
    """Return a crop as it came back; what did not come is as it was handed out."""
    drawn, changed = _read_changed(sources.labels.get(crop_id, []), labels)
    unsure, also = _read_changed(sources.uncertain.get(crop_id, []), uncertain)
    if crop_id in sources.annotations:
        path, regions = sources.annotations[crop_id]
        polygons = draw_regions(regions, labels, uncertain, f"{path}, crop {crop_id}")
        if not all(map(np.array_equal, polygons, (labels, uncertain))):
            _check_one([*changed, *also, path])
            return _Returned(*polygons, (path,))
    return _Returned(drawn, unsure, (*changed, *also))


def _read_changed(paths: list[Path], original: _Plane) -> tuple[_Plane, tuple[Path, ...]]:
    """Return what is in the one file that has changed, or the original."""
    planes = {
        path: accept_drawn(_read_grey(path), original.shape, str(path)).astype(original.dtype)
        for path in paths
    }
    changed = [path for path, plane in planes.items() if not np.array_equal(plane, original)]
    _check_one(changed)
    return (planes[changed[0]] if changed else original), tuple(changed)


def _read_grey(path: Path) -> NDArray[np.generic]:
    file = open_image(path)
    if file.axes != "YX":
        raise CellidError(
            path,
            expected="one grey image",
            got=f"axes {file.axes} of {'×'.join(map(str, file.shape))}",
            remedy="save the labels alone, not as RGB, a stack or a composite",
        )
    return file.read()


def _check_one(changed: list[Path]) -> None:
    if len(changed) > 1:
        raise CellidError(
            changed[0],
            expected="one corrected version of a crop",
            got=", ".join(path.name for path in changed),
            remedy="keep the one that counts and move the others elsewhere",
        )


def _is_in_force(dataset: Dataset, row: "pd.Series[Any]", new: Correction) -> bool:
    return bool(
        row["labelled_by"] == "hand"
        and row["labels_hash"] == hash_labels(new.labels)
        and np.array_equal(dataset.uncertain(new.crop_id), new.uncertain)
    )


def _check_state(
    dataset: Dataset, row: "pd.Series[Any]", review: Review, last: dict[str, Any]
) -> None:
    """Raise if the labels in force are neither those handed out nor of this very review."""
    handed_out = review.crops[row["id"]]
    uncertain_hash = hash_labels(dataset.uncertain(row["id"]))
    as_before = [row["labels_hash"], uncertain_hash] == [
        handed_out.labels_hash,
        handed_out.uncertain_hash,
    ]
    of_this = [last.get("review"), last.get("labels_hash")] == [review.id, row["labels_hash"]]
    if not (as_before or of_this):
        raise CellidError(
            row["id"],
            expected="labels in force as they were handed out",
            got=f"others since, by: {row['labelled_by']}",
            remedy="export it anew, or give --overwrite if this correction is the better one",
        )


def _provenance(dataset: Dataset) -> Path:
    return correction_folder(dataset, "hand") / "provenance.csv"


def _read_provenance(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Return the rows of provenance by crop, of corrections undone since too."""
    if not _provenance(dataset).exists():
        return {}
    table = read_table(
        _provenance(dataset),
        remedy="put the file back, or remove it: who made earlier corrections is lost with it",
        dtype=str,
        keep_default_na=False,
    )
    return {row["id"]: row for row in table.to_dict("records")}


def _hash_files(paths: tuple[Path, ...]) -> str:
    content = b"".join(path.read_bytes() for path in paths)
    return hashlib.blake2b(content, digest_size=16).hexdigest()
