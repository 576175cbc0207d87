"""Detectors of objects by boxes or outlines: trained and scored."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from cellid.config import DetectorRecipe, InstanceRecipe
from cellid.dataset import Dataset
from cellid.io.coco import write_coco
from cellid.io.folder_writers import replacing_folder
from cellid.io.writers import write_json, write_table
from cellid.models.detector import DetectorRun, ObjectRun
from cellid.models.gate import Gate
from cellid.report.detector import FOUND, GATE, OUTLINES, write_detector_report
from cellid.report.scoring import ABOUT
from cellid.training.train_detector import train_detector
from cellid.training.train_instances import train_instances
from cellid.types import Detections
from cellid.workflows.evaluation import EVALUATION, describe_evaluation, judged_crops
from cellid.workflows.gate_curve import trace_gate
from cellid.workflows.instance_tables import outline
from cellid.workflows.training import prepare_run_folder


def train_on_objects(
    dataset: Dataset,
    out: Path,
    recipe: DetectorRecipe | InstanceRecipe,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> ObjectRun:
    """Train a detector; called again after an interruption, it goes on.

    Parameters
    ----------
    dataset : Dataset
    out : Path
        The run folder: new, or that of the same training, interrupted.
    recipe : DetectorRecipe or InstanceRecipe
    overwrite : bool
        Start anew in a folder that holds a training.
    say : callable
        Told what was understood.

    Raises
    ------
    CellidError
        If there is too little to train on, or ``out`` holds another or a finished training.
    """
    prepare_run_folder(out, overwrite)
    if isinstance(recipe, InstanceRecipe):
        return train_instances(dataset, recipe, out, say)
    return train_detector(dataset, recipe, out, say)


def evaluate_detector(
    run: ObjectRun,
    dataset: Dataset,
    out: Path | None = None,
    split: str = "test",
    gate: Gate | None = None,
) -> Path:
    """Score a detector on a split of a data set and write the report.

    Parameters
    ----------
    run : ObjectRun
    dataset : Dataset
    out : Path or None
        Folder for `evaluation` and `report.html`; none: the run's own.
    split : str
        ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
    gate : Gate or None
        Shows also what its classifier would lose and save, at every threshold tried; for a
        detector of boxes.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    CellidError
        If the split is empty.
    """
    out = out or run.folder
    crops = judged_crops(dataset, split)
    folder, pixel_size_um = out / EVALUATION, dataset.info.pixel_size_um
    with replacing_folder(folder, overwrite=True) as temporary:
        tables, outlines = [], []
        for image in tqdm(crops["id"], desc=f"detect {split}", unit="image"):
            pixels = dataset.image(image)
            found = run.detect(pixels, pixel_size_um)
            tables.append(tabulate(found).assign(image=image))
            if found.masks is not None:
                shape = pixels.shape[0], pixels.shape[1]
                outlines.append(outline(found, shape, f"{image}.tif"))
        write_table(temporary / FOUND, pd.concat(tables, ignore_index=True))
        if outlines:
            write_coco(temporary / OUTLINES, outlines, [run.config.recipe.objects.name])
        if gate is not None and isinstance(run, DetectorRun):
            write_table(temporary / GATE, trace_gate(run, gate, dataset, list(crops["id"])))
        write_json(temporary / ABOUT, describe_evaluation(run.folder, dataset, split, folder))
    return write_detector_report(run.folder, folder, out)


def tabulate(found: Detections) -> pd.DataFrame:
    """Return a row a detection: ``y0``, ``x0``, ``y1``, ``x1`` in pixels, and ``score``."""
    table = pd.DataFrame(found.boxes.round(2), columns=["y0", "x0", "y1", "x1"])
    return table.assign(score=found.scores.round(5))
