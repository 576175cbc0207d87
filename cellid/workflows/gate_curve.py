"""What a gate before a detector loses and saves, by the threshold of the gate."""

import time
from collections import defaultdict
from functools import reduce
from operator import add

import numpy as np
import pandas as pd
from tqdm import tqdm

from cellid.dataset import Dataset
from cellid.dataset.instances import pair_instances
from cellid.evaluation.instances import match_instances
from cellid.evaluation.matching import Matching
from cellid.models.detector import DetectorRun
from cellid.models.gate import Gate, detect_behind_gate
from cellid.types import Detections


def trace_gate(run: DetectorRun, gate: Gate, dataset: Dataset, images: list[str]) -> pd.DataFrame:
    """Return what a gate loses and saves, a row a threshold.

    Parameters
    ----------
    run : DetectorRun
    gate : Gate
        Its settings name the thresholds that are tried.
    dataset : Dataset
    images : list of str
        Ids of crops.

    Returns
    -------
    DataFrame
        ``threshold``; ``precision``, ``recall``, ``f1`` over all images, of detections from the
        run's threshold on; ``looked_at``, the mean share of an image that the detector saw;
        ``seconds`` an image, ``seconds_gate`` of them the classifier's, and
        ``seconds_without`` those of the detector alone.
    """
    pixel_size_um, tried = dataset.info.pixel_size_um, gate.settings.tried
    matchings: dict[float, list[Matching]] = defaultdict(list)
    shares: dict[float, list[float]] = defaultdict(list)
    detecting: dict[float, list[float]] = defaultdict(list)
    judging, alone = [], []
    for image_id in tqdm(images, desc="gate", unit="image"):
        image = dataset.image(image_id)
        run.detect(image, pixel_size_um)  # what is compiled at first use does not count
        begin = time.perf_counter()
        run.detect(image, pixel_size_um)
        alone.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        judged = gate.judge(image, pixel_size_um)
        judging.append(time.perf_counter() - begin)
        for threshold in tried:
            begin = time.perf_counter()
            found, share = detect_behind_gate(run, gate, image, pixel_size_um, judged, threshold)
            detecting[threshold].append(time.perf_counter() - begin)
            shares[threshold].append(share)
            matchings[threshold].append(_match(run, dataset, image_id, found))
    rows = []
    for threshold in tried:
        matching = reduce(add, matchings[threshold])
        rows.append(
            {
                "threshold": threshold,
                "precision": matching.precision,
                "recall": matching.recall,
                "f1": matching.f1,
                "looked_at": np.mean(shares[threshold]),
                "seconds": np.mean(judging) + np.mean(detecting[threshold]),
                "seconds_gate": np.mean(judging),
                "seconds_without": np.mean(alone),
            }
        )
    return pd.DataFrame(rows)


def _match(run: DetectorRun, dataset: Dataset, image_id: str, found: Detections) -> Matching:
    recipe = run.config.recipe
    true, kept = pair_instances(
        dataset.labels(image_id),
        ~dataset.uncertain(image_id),
        found.chosen(found.scores >= run.config.threshold),
        recipe.objects.min_area_px,
    )
    return match_instances(true, kept, by="box", iou_threshold=recipe.evaluate.iou_threshold)
