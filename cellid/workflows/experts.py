"""Experts judge predictions blind (thesis section 5.4.3): the sheets and the form they get.

`cellid.workflows.expert_scores` takes their answers, and needs no network for it.
"""

import hashlib
import importlib.metadata
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from cellid.config import ExpertSettings
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.io.folder_writers import replacing_folder
from cellid.io.folders import path_from
from cellid.io.tiff_writers import write_labels
from cellid.io.writers import replacing, write_json
from cellid.models.run import Run
from cellid.prediction import find_nuclei
from cellid.report.experts import Key, SheetKey, draw_sheet, write_form
from cellid.report.experts.key import FOR_EXPERTS, KEY, LABELS, SHEETS, read_labels
from cellid.report.samples import encode_jpeg
from cellid.report.tables import name_line
from cellid.workflows.evaluation import judged_part

# Consonants only: no word comes up, and a spreadsheet takes no id for a number or a date
_LETTERS = list("bcdfghjkmnpqrstvwxz")
_ID_LETTERS = 5


def prepare(
    runs: Sequence[Run],
    dataset: Dataset,
    out: Path,
    settings: ExpertSettings,
    split: str = "test",
    say: Callable[[str], None] = print,
) -> Path:
    """Write the sheets that experts judge, the form to do it in, and the key.

    All runs are shown on the same crops; one trained on a single cell line of the data set is
    judged on that line alone.

    Parameters
    ----------
    runs : sequence of Run
    dataset : Dataset
    out : Path
        A new folder, laid out as `cellid.report.experts.key` says. A study that is there, which
        experts may have in hand, is never replaced.
    settings : ExpertSettings
        How many crops of each line, and the seed: the same seed, runs and data set give the
        same crops, ids and order.
    split : str
        ``"train"``, ``"validation"`` or ``"test"``.
    say : callable
        Is told what happens, a line a call.

    Returns
    -------
    Path
        The folder to send to the experts.

    Raises
    ------
    CellidError
        If a run has nothing to be judged on, two cannot be told apart, or ``out`` exists.
    """
    rng = _make_generator(runs, dataset, settings)
    plan = _plan(runs, dataset, settings.n_crops, split, rng)
    for line, n in plan.groupby("line")["id"].nunique().items():
        if n < settings.n_crops:
            say(f"{name_line(str(line))}: all {n} crops of {split} are shown, there are no more")
    with replacing_folder(out, overwrite=None) as folder:
        sheets = {}
        # One by one in the order they are seen: neither names nor times go by classifier
        for name, row in tqdm(plan.iterrows(), "draw sheets", len(plan), unit="sheet"):
            run = runs[row["run"]]
            sheets[name] = SheetKey(
                run=path_from(out, run.folder),
                n_objects=_write_sheet(folder, str(name), run, dataset, row["id"]),
                crop=row["id"],
                **row[["classifier", "line"]],
            )
        key = Key(
            study=rng.bytes(8).hex(),
            cellid_version=importlib.metadata.version("cellid"),
            dataset=path_from(out, dataset.folder),
            manifest_hash=dataset.info.manifest_hash,
            split=split,
            seed=settings.seed,
            sheets=sheets,
        )
        write_json(folder / KEY, key.model_dump())
        objects = ((name, read_labels(folder, name)) for name in sheets)
        write_form(folder / FOR_EXPERTS, key.study, objects)
        _level_times(folder / FOR_EXPERTS)
    return out / FOR_EXPERTS


def _make_generator(
    runs: Sequence[Run], dataset: Dataset, settings: ExpertSettings
) -> np.random.Generator:
    """Return a generator of this study's own: no other has its ids and order."""
    told = [settings, *(run.config for run in runs)]
    text = dataset.info.manifest_hash + "".join(each.model_dump_json() for each in told)
    return np.random.default_rng(list(hashlib.blake2b(text.encode()).digest()))


def _plan(
    runs: Sequence[Run], dataset: Dataset, n: int, split: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Return a row a sheet in random order, indexed by its id: run, classifier, line, crop's id."""
    crops = dataset.crops(split).sample(frac=1, random_state=rng).groupby("line").head(n)
    parts = []
    for number, run in enumerate(runs):
        mine = crops[crops["line"].isin(judged_part(run, dataset).manifest["line"])]
        if mine.empty:
            raise CellidError(
                dataset.folder,
                expected=f"kept crops in the {split} split to judge {run.folder} on",
                got="none",
                remedy="name another split with --split, or give more fields",
            )
        kind = "mixed" if len(run.config.lines) > 1 else "pure"
        parts.append(mine.assign(run=number, classifier=kind))
    plan = pd.concat(parts, ignore_index=True)
    plan["classifier"] = _tell_apart(plan, [run.folder.resolve().name for run in runs])
    plan = plan.sample(frac=1, random_state=rng)
    return plan.set_index(pd.Index(_draw_ids(len(plan), rng)))


def _tell_apart(plan: pd.DataFrame, folders: Sequence[str]) -> pd.Series:
    """Return each row's classifier, with its folder where another of the kind sees its crop."""
    rivals = plan.duplicated(["classifier", "id"], keep=False).groupby(plan["run"]).transform("any")
    named = plan["classifier"] + " (" + plan["run"].map(dict(enumerate(folders))) + ")"
    names = plan["classifier"].where(~rivals, named)
    doubles = names[plan.assign(classifier=names).duplicated(["classifier", "id"])]
    if not doubles.empty:
        raise CellidError(
            "RUN",
            expected="trainings in folders of different names",
            got=f"two that would be {doubles.iloc[0]}",
            remedy="name each training once, or rename a folder",
        )
    return names


def _draw_ids(n: int, rng: np.random.Generator) -> list[str]:
    """Return ``n`` different random words."""
    ids: dict[str, Any] = {}
    while len(ids) < n:
        ids["".join(rng.choice(_LETTERS, _ID_LETTERS))] = None
    return list(ids)


def _write_sheet(folder: Path, name: str, run: Run, dataset: Dataset, crop_id: str) -> int:
    """Write a sheet and the objects on it, and return how many they are."""
    image = dataset.image(crop_id)
    labels = find_nuclei(run, image, dataset.info.pixel_size_um).labels
    write_labels(folder / LABELS / f"{name}.tif", labels)
    with replacing(folder / FOR_EXPERTS / SHEETS / f"{name}.jpg") as temporary:
        temporary.write_bytes(encode_jpeg(draw_sheet(image, labels, dataset.stain(crop_id))))
    return int(labels.max(initial=0))


def _level_times(folder: Path) -> None:
    """Give all files one time: one classifier may have taken longer than another."""
    now = time.time()
    for path in folder.rglob("*"):
        os.utime(path, (now, now))
