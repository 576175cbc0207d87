"""Classifiers of patches: trained, scored and used on files."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from cellid.config import ClassifierRecipe
from cellid.dataset import ALL
from cellid.dataset.patches import PatchSource, open_patches
from cellid.errors import CellidError
from cellid.imaging.overlay import lay_heat, stretch_contrast
from cellid.imaging.patches import average_patches, patch_boxes
from cellid.io.folder_writers import replacing_folder
from cellid.io.writers import write_json, write_png, write_table
from cellid.models.classifier import Classifier, classify
from cellid.report.classifier import PATCHES, write_classifier_report
from cellid.report.scoring import ABOUT
from cellid.training.train_classifier import train_classifier
from cellid.workflows.evaluation import EVALUATION, describe_evaluation
from cellid.workflows.prediction_job import FrameResult, JobFile, OpenJob, PredictionJob
from cellid.workflows.training import prepare_run_folder


def train_on_patches(
    images: Path,
    out: Path,
    recipe: ClassifierRecipe,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Classifier:
    """Train a classifier; called again after an interruption, it goes on.

    Parameters
    ----------
    images : Path
        A dataset folder, or a folder with a subfolder of images for each class.
    out : Path
        The run folder: new, or that of the same training, interrupted.
    recipe : ClassifierRecipe
    overwrite : bool
        Start anew in a folder that holds a training.
    say : callable
        Told what was understood.

    Raises
    ------
    CellidError
        If there is too little to train on, or ``out`` holds another or a finished training.
    """
    source = open_patches(images, recipe)
    prepare_run_folder(out, overwrite)
    return train_classifier(source, recipe, out, say)


def evaluate_classifier(
    run: Classifier, images: Path, out: Path | None = None, split: str = "test"
) -> Path:
    """Score a classifier on a split of a data set, or of folders by class, and write the report.

    Parameters
    ----------
    run : Classifier
    images : Path
        As `train_on_patches`.
    out : Path or None
        Folder for `evaluation` and `report.html`; none: the run's own.
    split : str
        ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    CellidError
        If the split is empty, or cannot be that of the training any more.
    """
    out = out or run.folder
    source = open_patches(images, run.config.recipe)
    _check_split(run, source, split)
    patches = source.patches(split, run.config.recipe.patches.overlap)
    table = patches.table.drop(columns="field").assign(probability=np.nan)
    with tqdm(total=len(table), desc=f"classify {split}", unit="patch") as bar:
        for number, field in enumerate(patches.fields):
            rows = patches.table["field"] == number
            table.loc[rows, "probability"] = classify(
                run, field, patches.boxes[rows], patches.size_px, bar
            )
    folder = out / EVALUATION
    with replacing_folder(folder, overwrite=True) as temporary:
        write_table(temporary / PATCHES, table)
        write_json(temporary / ABOUT, describe_evaluation(run.folder, source, split, folder))
    return write_classifier_report(run.folder, folder, out)


def predict_classes(run: Classifier, job: PredictionJob) -> dict[str, str]:
    """Say of overlapping patches of image files how probable objects in them are.

    Parameters
    ----------
    run : Classifier
    job : PredictionJob
        Its folder gets `patches.csv`, a row a patch, overlays and, if wanted,
        `probability/NAME.tif`, the mean probability of the patches over each pixel.

    Returns
    -------
    dict of str to str
        The files that could not be predicted, and why.

    Raises
    ------
    CellidError
        As `OpenJob`.
    """
    files = OpenJob(job)
    for _ in files.predict((PATCHES,), partial(_predict_file, run)):
        pass
    return files.tell_problems()


def _predict_file(run: Classifier, file: JobFile) -> Iterator[FrameResult]:
    """Write the images of one file; yield each frame's rows."""
    recipe = run.config.recipe
    size_px = run.patch_px(file.pixel_size_um)
    classes = np.array([recipe.patches.negative, recipe.patches.positive])
    with ExitStack() as stack:
        maps = file.probability_writer(stack)
        for number in range(file.source.n_frames):
            image = file.read(number)
            boxes = patch_boxes(image.shape, size_px, recipe.predict.overlap)
            probabilities = classify(run, run.prepare(image), boxes, size_px)
            heat = average_patches(probabilities, boxes, image.shape)
            if maps is not None:
                maps.write(heat)
            if picture := file.overlay(number):
                write_png(picture, lay_heat(stretch_contrast(image), heat))
            rows = pd.DataFrame(boxes, columns=["y0", "x0", "y1", "x1"])
            rows["probability"] = probabilities.round(5)
            rows["class"] = classes[(probabilities >= run.config.threshold).astype(int)]
            yield FrameResult(file, {PATCHES: file.place(number, rows)})


def _check_split(run: Classifier, source: PatchSource, split: str) -> None:
    """Raise if folders by class have changed: their images would be shared out otherwise."""
    known = run.config.provenance["dataset_hash"] == source.hash
    if source.by_class and split != ALL and not known:
        raise CellidError(
            source.folder,
            expected="the images that it was trained on, for they tell which it has not seen",
            got="others",
            remedy="score other images with --split all",
        )
