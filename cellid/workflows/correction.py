"""Labels of a data set, judged by models that have not seen them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from cellid.config import Recipe
from cellid.dataset import (
    Correction,
    Dataset,
    assign_folds,
    assign_splits,
    correction_folder,
    enforce_corrections,
    undo_corrections,
    write_correction,
)
from cellid.errors import CellidError
from cellid.io.images import open_image
from cellid.io.readers import read_table
from cellid.io.tiff_writers import write_labels
from cellid.io.writers import write_table
from cellid.labeling.correction import ADD, DROP, UNCERTAIN, apply_proposals, compare, propose
from cellid.models.run import Run
from cellid.prediction import find_nuclei
from cellid.report import write_correction_report
from cellid.workflows.training import open_study, train_once

PROPOSALS = "proposals.csv"
PAGE = "proposals.html"
FOUND = "found"
_ABOUT = "correction.json"


def correct(
    dataset: Dataset,
    out: Path,
    recipe: Recipe,
    say: Callable[[str], None] = print,
) -> Dataset:
    """Find labels that look wrong by cross-fitting, and correct them if asked to.

    The fields of training and validation are dealt into folds; the labels of each are
    compared with what a model trained on the others finds in the phase images
    (`cellid.labeling.correction`). Test fields keep their labels: a score against labels
    that the model has had a say in would flatter it. So do crops corrected by hand.

    Parameters
    ----------
    dataset : Dataset
        Gets `corrected/model`: the corrected labels, where nobody knows, and
        `proposals.csv`, a row an object.
    out : Path
        Folder for the models of the folds and `proposals.html`. Called again after an
        interruption, it goes on.
    recipe : Recipe
        With ``correct.mode`` "apply" the corrections are put in force.
    say : callable
        Told what was understood.

    Returns
    -------
    Dataset
        As it is then.

    Raises
    ------
    CellidError
        If there are too few fields, or ``out`` is of another recipe or data set.
    """
    dataset = undo_corrections(dataset, "model")
    # Suggesting and applying judge alike; with any other change old folds would not do, for
    # their models may have seen the fields that they are to judge now
    same = recipe.correct.model_copy(update={"mode": "apply"})
    open_study(out / _ABOUT, dataset, recipe.model_copy(update={"correct": same}))
    table = correction_folder(dataset, "model") / PROPOSALS
    usable = dataset.manifest[dataset.manifest["kept"] & (dataset.manifest["split"] != "test")]
    n_folds = min(recipe.correct.folds, usable["group"].nunique())
    if n_folds < 2:
        raise CellidError(
            dataset.folder,
            expected="fields of training and validation enough for two folds",
            got=f"{usable['group'].nunique()}",
            remedy="give more fields, or correct.mode=off",
        )
    if (usable["labelled_by"] == "hand").all():
        raise CellidError(
            dataset.folder,
            expected="labels that no person has corrected, for models to judge",
            got="none in training and validation",
            remedy="train on them as they are: correct.mode=off",
        )
    folds = assign_folds(usable, n_folds, recipe.seed)
    proposals = []
    for fold in range(n_folds):
        say(f"correct labels: fold {fold + 1} of {n_folds}")
        part = replace(dataset, manifest=_share_out(usable, folds == fold, recipe))
        if not _judged(part).empty:
            proposals.append(_judge_fold(part, out / f"fold-{fold + 1}", recipe, say))
    everything = pd.concat(proposals, ignore_index=True)
    write_table(table, everything)
    say(_summarise(everything))
    if recipe.correct.mode == "apply":
        dataset = enforce_corrections(dataset, everything["crop"].unique(), "model", weight=1.0)
    write_correction_report(dataset, out / PAGE)
    return dataset


def _share_out(manifest: pd.DataFrame, held_out: pd.Series, recipe: Recipe) -> pd.DataFrame:
    """Return the manifest with one fold to judge ("test") and the rest to train on."""
    split = recipe.split.model_copy(update={"test": 0.0, "test_ids": (), "validation_ids": ()})
    rest = manifest[~held_out]
    shared = assign_splits(rest, split, recipe.seed)
    if not (shared == "validation").any():  # no line has a field to spare
        shared[rest["group"] == rest["group"].iloc[0]] = "validation"
    manifest = manifest.assign(split="test")
    manifest.loc[~held_out, "split"] = shared
    return manifest


def _judge_fold(
    dataset: Dataset, out: Path, recipe: Recipe, say: Callable[[str], None]
) -> pd.DataFrame:
    """Return a row an object of the fold's test crops; write what follows from them."""
    shorter = {"epochs": max(1, round(recipe.correct.epochs * recipe.train.epochs))}
    fold_recipe = recipe.model_copy(update={"train": recipe.train.model_copy(update=shorter)})
    run = train_once(dataset, out, fold_recipe, say=say)
    crops = _judged(dataset)["id"]
    written = [out / PROPOSALS, *(out / FOUND / f"{crop_id}.tif" for crop_id in crops)]
    if not all(path.exists() for path in written):
        write_table(out / PROPOSALS, _compare_crops(dataset, run, out / FOUND))
    objects = read_table(
        out / PROPOSALS,
        remedy="remove it, and give the same command again",
        dtype={"crop": str},
        keep_default_na=False,
    )
    # Into the data set each time: it may be new since, or hold the word of other models
    for crop_id in crops:
        name = f"{crop_id}.tif"
        found = open_image(out / FOUND / name).read().astype(np.int32)
        write_labels(correction_folder(dataset, "model") / FOUND / name, found)
        rows = objects[objects["crop"] == crop_id]
        corrected, uncertain = apply_proposals(dataset.labels(crop_id), found, rows)
        uncertain |= dataset.first_uncertain(crop_id)
        write_correction(dataset, Correction(crop_id, corrected, uncertain), "model")
    return objects


def _judged(dataset: Dataset) -> pd.DataFrame:
    """Return the crops of the fold; what a person has drawn is not for a model to judge."""
    crops = dataset.crops("test")
    return crops[crops["labelled_by"] != "hand"]


def _compare_crops(dataset: Dataset, run: Run, found: Path) -> pd.DataFrame:
    scores = dataset.objects().set_index("id")
    crops, tables = _judged(dataset), []
    with tqdm(total=len(crops), desc="judge labels", unit="crop") as bar:
        # A model knows some cell lines better than others, and is as sure of them
        for _, of_line in crops.groupby("line"):
            comparisons = []
            for crop_id in of_line["id"]:
                nuclei = find_nuclei(run, dataset.image(crop_id), dataset.info.pixel_size_um)
                write_labels(found / f"{crop_id}.tif", nuclei.labels)
                known = scores.loc[scores.index == crop_id].set_index("label")["score"]
                comparisons.append(
                    compare(dataset.labels(crop_id), nuclei.labels, nuclei.probability, known)
                )
                bar.update()
            named = zip(of_line["id"], comparisons, strict=True)
            objects = pd.concat(
                [one.objects.assign(crop=crop_id) for crop_id, one in named], ignore_index=True
            )
            tables.append(objects.assign(proposal=propose(comparisons)))
    objects = pd.concat(tables, ignore_index=True)
    return objects[["crop", *objects.columns.drop(["crop", "proposal"]), "proposal"]]


def _summarise(objects: pd.DataFrame) -> str:
    n = objects["proposal"].value_counts().reindex([ADD, DROP, UNCERTAIN], fill_value=0)
    labelled = int((objects["source"] == "stain").sum())
    return (
        f"of {labelled} labelled nuclei {n[DROP]} look wrong; {n[ADD]} nuclei without a label "
        f"were found; uncertain: {n[UNCERTAIN]}"
    )
