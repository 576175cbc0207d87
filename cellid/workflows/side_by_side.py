"""What trainings of several kinds find in the same images: U-Nets, detectors, Mask R-CNNs."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import mean
from tqdm import tqdm

from cellid.dataset import Dataset
from cellid.dataset.instances import pair_found
from cellid.evaluation.instances import Instances, detected_instances, label_instances
from cellid.models.detector import DetectorRun, ObjectRun
from cellid.models.run import Run
from cellid.prediction import find_nuclei
from cellid.report.detector import Contender, JudgedObjects, write_side_by_side
from cellid.workflows.evaluation import judged_crops

_NETWORKS = {"unet": "U-Net", "c-resunet": "c-ResUnet"}


def evaluate_side_by_side(
    runs: Sequence[Run | ObjectRun], dataset: Dataset, out: Path, split: str = "test"
) -> Path:
    """Score trainings that find objects in different ways, all by the same scores.

    Objects are compared by their masks; by their boxes, if a training knows no more of them. How
    they are scored, and what is too small to be one, is as the first detector's recipe says. A
    network of pixels, whose nuclei a watershed parts, is as sure of a nucleus as the mean
    probability of its pixels.

    Parameters
    ----------
    runs : sequence of Run, DetectorRun or InstanceRun
        At least one that is no U-Net.
    dataset : Dataset
    out : Path
        Gets `side_by_side.html` and `side_by_side.csv`.
    split : str
        ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    CellidError
        If the split is empty.
    """
    images = judged_crops(dataset, split)
    recipe = next(run.config.recipe for run in runs if isinstance(run, ObjectRun))
    by = "box" if any(isinstance(run, DetectorRun) for run in runs) else "mask"
    contenders = []
    for run in runs:
        pairs, seconds = {}, []
        for name in tqdm(images["id"], desc=run.folder.name, unit="image"):
            drawn, image = dataset.object_pixels(name), dataset.image(name)
            begin = time.perf_counter()
            found = find_instances(run, image, dataset.info.pixel_size_um)
            seconds.append(time.perf_counter() - begin)
            known = ~dataset.uncertain(name)
            pairs[name] = pair_found(drawn, known, found, recipe.objects.min_area_px)
        threshold = run.config.threshold if isinstance(run, ObjectRun) else 0.0
        judged = JudgedObjects(dataset, images, pairs, by, threshold, recipe.evaluate, recipe.seed)
        median_s = float(np.median(seconds))
        contenders.append(Contender(run.folder.name, _describe(run), judged, median_s))
    out.mkdir(parents=True, exist_ok=True)
    return write_side_by_side(contenders, split, out)


def find_instances(
    run: Run | ObjectRun, image: NDArray[Any], pixel_size_um: float | None
) -> Instances:
    """Return what a training finds in an image, each with how sure it is."""
    if isinstance(run, ObjectRun):
        return detected_instances(
            run.detect(image, pixel_size_um), (image.shape[0], image.shape[1])
        )
    nuclei = find_nuclei(run, image, pixel_size_um)
    numbers = np.unique(nuclei.labels[nuclei.labels > 0])
    sure = np.atleast_1d(mean(nuclei.probability, nuclei.labels, numbers))
    return label_instances(nuclei.labels, scores=sure if numbers.size else np.zeros(0))


def _describe(run: Run | ObjectRun) -> str:
    """Return the network of a run in words."""
    if isinstance(run, ObjectRun):
        return "RetinaNet" if isinstance(run, DetectorRun) else "Mask R-CNN"
    return f"{_NETWORKS[run.config.recipe.model.architecture]}, watershed"
