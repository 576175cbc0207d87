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
from tqdm import tqdm

from cellid.config import Recipe
from cellid.dataset import (
    Dataset,
    assign_splits,
    mark_duplicates,
    read_dataset,
    writing_dataset,
)
from cellid.errors import CellidError
from cellid.io.names import safe_names
from cellid.io.pairs import Pair, find_pairs
from cellid.labeling.selection import select_crops
from cellid.report.figures import draw_contact_sheet
from cellid.workflows.pair_labelling import Job, label_pair

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
    jobs = [Job(pair, source.line) for source in sources for pair in _find(source, recipe, say)]
    return label_pairs(jobs, describe_sources(sources), out, recipe, overwrite, say)


def label_pairs(
    jobs: Sequence[Job],
    sources: tuple[str, ...],
    out: Path,
    recipe: Recipe,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Dataset:
    """Do what `label` does with pairs that were found already.

    Of crops with the same pixels the first is kept.

    Parameters
    ----------
    jobs : sequence of Job
    sources : tuple of str
        Where they were found, for `dataset.json`.
    out, recipe, overwrite, say
        As of `label`.

    Returns
    -------
    Dataset

    Raises
    ------
    CellidError
        As `label`.
    """
    fields = _name_fields(jobs)
    rows: list[dict[str, Any]] = []
    problems: dict[str, str] = {}
    with writing_dataset(out, overwrite) as writer:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(
                lambda job, field: label_pair(job, field, recipe, writer), jobs, fields
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
            sources=sources,
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


def _name_fields(jobs: Sequence[Job]) -> list[str]:
    """Return a name for each pair: its own, after the line if names would clash."""
    ids = [job.pair.id for job in jobs]
    clash = len(set(ids)) < len(ids)
    return safe_names(f"{job.line}_{job.pair.id}" if clash else job.pair.id for job in jobs)


def _choose(manifest: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Fill in which crops are kept and which split they are in."""
    manifest = manifest.copy()
    faulty = manifest["reason"] != ""
    manifest["reason"] = manifest["reason"].where(faulty, select_crops(manifest, recipe.select))
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
