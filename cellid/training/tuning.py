"""Choose what turns probability into nuclei by the validation crops."""

from itertools import product
from typing import Literal

import keras
import numpy as np
from tqdm import tqdm

from cellid.config import Recipe
from cellid.evaluation.matching import match_objects
from cellid.imaging.instances import label_nuclei
from cellid.models.inference import infer_maps
from cellid.runs import InstanceRule
from cellid.training.windows import Sample

_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)
_SEED_DISTANCES = (0.0, 0.25, 0.4, 0.55)  # as shares of the nucleus diameter
_IOU = 0.5


def tune_instances(
    model: keras.Model,
    recipe: Recipe,
    samples: list[Sample],
    diameter_px: float,
    area_px: float,
) -> tuple[InstanceRule, float]:
    """Return the rule with the best pooled object F1 at IoU 0.5, and that F1.

    What the recipe fixes stays; the rest is searched on a grid, as StarDist does for its
    thresholds. Seeds from the network's distance map are tried beside those from shape.

    Parameters
    ----------
    model : keras.Model
        Trained.
    recipe : Recipe
    samples : list of Sample
        Of the validation split.
    diameter_px : float
        Typical nucleus diameter at the network's scale.
    area_px : float
        Typical nucleus area at the network's scale.
    """
    grid = _rules(recipe, diameter_px, area_px)
    counts = np.zeros((len(grid), 2), np.int64)  # matched, and objects of both sides
    for sample in tqdm(samples, desc="tune thresholds", unit="crop"):
        maps = infer_maps(
            model, recipe.model, sample.image, recipe.predict.tile_px, recipe.train.batch_size
        )
        maps *= sample.known  # what may be there or not counts neither way
        for i, rule in enumerate(grid):
            found = label_nuclei(maps, rule)
            matching = match_objects(sample.labels, found, iou_threshold=_IOU)
            counts[i] += matching.true_positives, matching.n_true + matching.n_predicted
    f1 = 2 * counts[:, 0] / np.maximum(counts[:, 1], 1)
    best = int(np.argmax(f1))
    return grid[best], float(f1[best])


def _rules(recipe: Recipe, diameter_px: float, area_px: float) -> list[InstanceRule]:
    """Return what is tried; where two are as good, the earlier is taken."""
    settings = recipe.predict
    thresholds = _THRESHOLDS if settings.threshold is None else (settings.threshold,)
    distances = _SEED_DISTANCES if settings.seed_distance is None else (settings.seed_distance,)
    seeds: tuple[Literal["shape", "distance"], ...] = ("shape",)
    if recipe.model.distance_head:
        seeds = ("shape", "distance") if settings.seeds is None else (settings.seeds,)
    return [
        InstanceRule(
            threshold=threshold,
            seeds=source,
            seed_distance_px=distance * diameter_px,
            plateau_px=settings.plateau * diameter_px,
            max_hole_px=settings.max_hole * area_px,
            smoothing_px=settings.smoothing * diameter_px,
            min_area_px=settings.min_area * area_px,
        )
        for source, threshold, distance in product(seeds, thresholds, distances)
        if distance or source == seeds[0]  # what is never split has no seeds
    ]
