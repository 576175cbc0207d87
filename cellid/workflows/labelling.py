"""From folders of stained pairs to a dataset folder."""

import importlib.metadata
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from cellid.config import Recipe
from cellid.dataset import (
    Dataset,
    DatasetWriter,
    assign_splits,
    mark_duplicates,
    read_dataset,
    writing_dataset,
)
from cellid.errors import CellidError
from cellid.imaging.geometry import crop_origins
from cellid.imaging.registration import Shift, measure_shift, move_back
from cellid.io.names import safe_names
from cellid.io.pairs import Pair, check_shows_something, find_pairs, read_pair
from cellid.labeling import label_stain
from cellid.labeling.auto import label_auto
from cellid.labeling.crop_quality import measure_objects, summarise_objects
from cellid.labeling.selection import select_crops
from cellid.labeling.shape import Floats
from cellid.report.figures import draw_contact_sheet
from cellid.types import Labels

DUPLICATE = "duplicate"


@dataclass(frozen=True)
class Source:
    """Where the stained pairs of one cell line lie.

    Attributes
    ----------
    phase, stain : Path
        Folders of phase-contrast and stain images; they may be the same.
    line : str
        Name of the cell line, "" where there is one.
    """

    phase: Path
    stain: Path
    line: str = ""


def label(
    sources: Sequence[Source],
    out: Path,
    recipe: Recipe,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Dataset:
    """Label stained pairs, drop the bad crops, split the fields, write a dataset folder.

    A pair that cannot be read, or is shifted too far, is left out and listed at the end.

    Parameters
    ----------
    sources : sequence of Source
        One a cell line.
    out : Path
        The dataset folder to write.
    recipe : Recipe
        Its input, crops, labels, select and split settings.
    overwrite : bool
        Replace a data set that is there.
    say : callable
        Told what was understood.

    Returns
    -------
    Dataset

    Raises
    ------
    CellidError
        If no pair is found or readable, if no crop is left, if ``out`` exists, or if it
        cannot be written.
    """
    jobs = [(source.line, pair) for source in sources for pair in _find(source, recipe, say)]
    fields = _name_fields(jobs)
    rows: list[dict[str, Any]] = []
    problems: dict[str, str] = {}
    with writing_dataset(out, overwrite) as writer:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(
                lambda job, field: _label_pair(*job, field, recipe, writer), jobs, fields
            )
            for field, result in zip(
                fields, tqdm(results, total=len(jobs), desc="label", unit="pair"), strict=True
            ):
                if isinstance(result, CellidError):
                    problems[field] = str(result)
                else:
                    rows += result
        if not rows:
            raise CellidError(
                out,
                expected="at least one pair that can be used",
                got="\n".join(problems.values()),
                remedy="mend or replace these files",
            )
        objects = pd.concat([row.pop("objects") for row in rows])
        manifest = _choose(pd.DataFrame(rows), recipe)
        _check_any_kept(manifest, out)
        writer.add_objects(objects)
        writer.finish(
            manifest,
            cellid_version=importlib.metadata.version("cellid"),
            pixel_size_um=_common_pixel_size(rows),
            nucleus_diameter_px=_typical_diameter(manifest, objects),
            recipe=recipe.model_dump(mode="json"),
            sources=describe_sources(sources),
            problems=problems,
        )
        draw_contact_sheet(read_dataset(writer.folder), writer.folder / "contact_sheet.png")
    dataset = read_dataset(out)
    _summarise(dataset, say)
    return dataset


def describe_sources(sources: Sequence[Source]) -> tuple[str, ...]:
    """Return the sources as `dataset.json` names them."""
    return tuple(f"{s.line}={s.phase.resolve()}|{s.stain.resolve()}" for s in sources)


def _find(source: Source, recipe: Recipe, say: Callable[[str], None]) -> Iterator[Pair]:
    if source.stain.suffix.lower() == ".json" and recipe.labels.method != "given":
        raise CellidError(
            source.stain,
            expected="images of the stain",
            got="a file of outlines",
            remedy="to take the outlines as labels, give --set labels.method=given",
        )
    found = find_pairs(source.phase, source.stain, recipe.input)
    say(f"{source.line + ': ' if source.line else ''}{found.describe()}")
    yield from found.pairs


def _name_fields(jobs: list[tuple[str, Pair]]) -> list[str]:
    """Return a name for each pair: its own, after the line if names would clash."""
    ids = [pair.id for _, pair in jobs]
    clash = len(set(ids)) < len(ids)
    return safe_names(f"{line}_{pair.id}" if clash else pair.id for line, pair in jobs)


def _label_pair(
    line: str, pair: Pair, field: str, recipe: Recipe, writer: DatasetWriter
) -> list[dict[str, Any]] | CellidError:
    """Write the crops of one pair and return their rows, or what is wrong with the pair."""
    try:
        phase, stain, pixel_size_um, shift = _read_aligned(pair, recipe)
        crops = list(_label_crops(stain, recipe))
    except CellidError as error:
        return error
    # From here on an error is not this pair's, such as a full disk, and stops them all
    known: dict[str, Any] = {
        "field": field,
        "line": line,
        "file": str(pair.phase),
        "stain_file": str(pair.stain),
        "well": pair.well or "",
        "site": "" if pair.site is None else str(pair.site),
        "time_h": np.nan if pair.time_h is None else pair.time_h,
        "group": _group(pair, field, line, recipe),
        "shift_y_px": np.nan if shift.dy_px is None else shift.dy_px,
        "shift_x_px": np.nan if shift.dx_px is None else shift.dx_px,
        "pixel_size_um": pixel_size_um,
        "labelled_by": recipe.labels.method,
        "weight": 1.0,
    }
    given = recipe.labels.method == "given"
    # Without a stain people look at the labels on the image itself
    shown = stain if not given else phase if phase.ndim == 2 else phase.max(axis=-1)
    rows = []
    for (y0, x0, y1, x1), labels, scores in crops:
        crop_id = f"{field}_y{y0}_x{x0}"
        part = np.s_[y0:y1, x0:x1]
        pixels = writer.add_crop(crop_id, phase[part], shown[part], labels, pixel_size_um)
        corners = {"id": crop_id, "y0": y0, "x0": x0, "y1": y1, "x1": x1}
        objects = measure_objects(labels, None if given else stain[part], scores)
        quality = summarise_objects(objects)
        objects.insert(0, "id", crop_id)
        rows.append({**known, **corners, **pixels, **quality, "objects": objects})
    return rows


def _read_aligned(
    pair: Pair, recipe: Recipe
) -> tuple[NDArray[np.generic], NDArray[np.generic], float | None, Shift]:
    """Read a pair, measure how far its stain is shifted, and move it back if asked to."""
    phase, stain, pixel_size_um = read_pair(pair)
    if recipe.labels.method == "given":
        return phase, stain, pixel_size_um, Shift(None, None, 0.0)  # labels show no shift
    check_shows_something(pair.stain, stain)
    shift = measure_shift(phase if phase.ndim == 2 else phase.mean(axis=-1), stain)
    length_px = shift.length_px  # None: the images do not tell, which is no reason to drop
    if length_px is not None and length_px > recipe.input.max_shift_px:
        raise CellidError(
            pair.stain,
            expected=f"a stain within {recipe.input.max_shift_px:g} px of its phase image",
            got=f"a shift of ({shift.dy_px:.1f}, {shift.dx_px:.1f}) px (y, x)",
            remedy="align the channels, or raise input.max_shift_px",
        )
    return phase, move_back(stain, shift) if recipe.input.align else stain, pixel_size_um, shift


def _label_crops(
    stain: NDArray[np.generic], recipe: Recipe
) -> Iterator[tuple[tuple[int, int, int, int], Labels, Floats | None]]:
    """Yield the corners and labels of every crop of a field, and the scores of the labels."""
    height, width = stain.shape
    if recipe.labels.method == "reference":
        # The thesis equalises and labels each crop by itself (section 5.2.2-5.2.3)
        for y0, x0, y1, x1 in crop_origins((height, width), recipe.crops):
            yield (y0, x0, y1, x1), label_stain(stain[y0:y1, x0:x1], recipe.labels), None
        return
    scores = None
    if recipe.labels.method == "given":
        labels = label_stain(stain, recipe.labels)
    else:
        found = label_auto(stain, recipe.labels)
        labels, scores = found.labels, found.quality.score
    for y0, x0, y1, x1 in crop_origins((height, width), recipe.crops):
        yield (y0, x0, y1, x1), labels[y0:y1, x0:x1], scores


def _group(pair: Pair, field: str, line: str, recipe: Recipe) -> str:
    """Return what must stay in one split: time points of one place are near doubles."""
    if recipe.split.by == "folder":
        return str(pair.phase.parent)
    if pair.well is None:
        # A stack's frames, unless each of its scenes is a place of its own
        place = f"_{pair.scene}" if pair.scene else ""
        return field if pair.frame is None else f"{line}_{pair.phase.stem}{place}"
    return f"{line}_{pair.well}" if recipe.split.by == "well" else f"{line}_{pair.well}_{pair.site}"


def _choose(manifest: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Fill in which crops are kept and which split they are in."""
    manifest = manifest.copy()
    manifest["reason"] = select_crops(manifest, recipe.select)
    manifest.loc[mark_duplicates(manifest), "reason"] = DUPLICATE
    manifest["kept"] = manifest["reason"] == ""
    manifest["split"] = assign_splits(manifest, recipe.split, recipe.seed)
    return manifest


def _check_any_kept(manifest: pd.DataFrame, out: Path) -> None:
    if not manifest["kept"].any():
        raise CellidError(
            out,
            expected="at least one crop that is kept",
            got=f"all {len(manifest)} dropped: {manifest['reason'].value_counts().to_dict()}",
            remedy="look at the stain; if it is good, loosen select.drop_lowest or "
            "select.max_nucleus_share, or give labels.diameter_px",
        )


def _common_pixel_size(rows: list[dict[str, Any]]) -> float | None:
    sizes = {row["pixel_size_um"] for row in rows}
    return None if None in sizes else float(np.median(list(sizes)))


def _typical_diameter(manifest: pd.DataFrame, objects: pd.DataFrame) -> float:
    """Return the diameter of the disk with the median area of the kept nuclei, pixels."""
    areas_px = objects.loc[objects["id"].isin(manifest.loc[manifest["kept"], "id"]), "area_px"]
    if areas_px.empty:
        raise CellidError(
            "labels",
            expected="at least one nucleus in the crops that are kept",
            got="none",
            remedy="look at the stain: is it the right channel, exposed and in focus?",
        )
    return float(np.sqrt(4 / np.pi * np.median(areas_px)))


def _summarise(dataset: Dataset, say: Callable[[str], None]) -> None:
    manifest = dataset.manifest
    kept = manifest[manifest["kept"]]
    dropped = manifest.loc[~manifest["kept"], "reason"].value_counts().to_dict()
    say(
        f"{len(manifest)} crops, {len(kept)} kept with {kept['n_nuclei'].sum()} nuclei about "
        f"{dataset.info.nucleus_diameter_px:.0f} px wide; dropped: {dropped or 'none'}"
    )
    for split, part in kept.groupby("split"):
        say(f"  {split}: {len(part)} crops of {part['group'].nunique()} fields or wells")
    for field, problem in dataset.info.problems.items():
        say(f"left out: {field}\n{problem}")
