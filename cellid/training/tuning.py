"""Choose what turns probability into nuclei by the validation crops."""

from dataclasses import dataclass
from itertools import product

import keras
import numpy as np
from tqdm import tqdm

from cellid.config import Recipe
from cellid.evaluation.matching import match_objects
from cellid.imaging.instances import label_nuclei
from cellid.models.inference import infer_probability
from cellid.training.windows import Sample

_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)
_SEED_DISTANCES = (0.0, 0.25, 0.4, 0.55)  # as shares of the nucleus diameter
_IOU = 0.5


@dataclass(frozen=True)
class Thresholds:
    """What `label_nuclei` is called with, and the object F1 it reached on validation."""

    threshold: float
    seed_distance: float
    f1: float


def tune_thresholds(
    model: keras.Model,
    recipe: Recipe,
    samples: list[Sample],
    diameter_px: float,
    min_area_px: float,
) -> Thresholds:
    """Return the threshold and seed distance with the best pooled object F1 at IoU 0.5.

    What the recipe fixes stays; the rest is searched on a grid, as StarDist does for its
    thresholds.

    Parameters
    ----------
    model : keras.Model
        Trained.
    recipe : Recipe
    samples : list of Sample
        Of the validation split.
    diameter_px : float
        Typical nucleus diameter at the network's scale.
    min_area_px : float
        Smallest object, pixels at the network's scale.
    """
    settings = recipe.predict
    thresholds = _THRESHOLDS if settings.threshold is None else (settings.threshold,)
    distances = _SEED_DISTANCES if settings.seed_distance is None else (settings.seed_distance,)
    grid = list(product(thresholds, distances))
    counts = np.zeros((len(grid), 2), np.int64)  # matched, and objects of both sides
    for sample in tqdm(samples, desc="tune thresholds", unit="crop"):
        probability = infer_probability(
            model, recipe.model, sample.image, settings.tile_px, recipe.train.batch_size
        )
        probability = probability * sample.known  # what may be there or not counts neither way
        for i, (threshold, distance) in enumerate(grid):
            found = label_nuclei(probability, threshold, distance * diameter_px, min_area_px)
            matching = match_objects(sample.labels, found, iou_threshold=_IOU)
            counts[i] += matching.true_positives, matching.n_true + matching.n_predicted
    f1 = 2 * counts[:, 0] / np.maximum(counts[:, 1], 1)
    best = int(np.argmax(f1))
    return Thresholds(*grid[best], float(f1[best]))
