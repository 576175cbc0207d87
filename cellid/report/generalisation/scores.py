"""Scores of a run on several data sets, image by image, and of any of these images together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from cellid.config import DetectionSettings, EvaluateSettings
from cellid.evaluation.bootstrap import Interval, bootstrap_interval, bootstrap_scores
from cellid.evaluation.counting import median_absolute_error
from cellid.evaluation.detection import FoundCells
from cellid.evaluation.image_kinds import ImageFacts, measure_image
from cellid.evaluation.scores import ImageScores, Report, pool
from cellid.imaging.intensity import flatten_background
from cellid.io.readers import read_table
from cellid.report.scoring import (
    COUNTS,
    Evaluation,
    find_evaluated_cells,
    score_evaluation,
    settle_detection,
)
from cellid.report.sections import BACKGROUND_DIAMETERS


@dataclass(frozen=True)
class JudgedImage:
    """An image of a data set, what is hard about it, and its scores.

    Attributes
    ----------
    name : str
        Of the data set.
    evaluation : Evaluation
    group : str
        Field, well or folder: images of one are no independent evidence.
    scores : ImageScores
    cells : FoundCells
    facts : ImageFacts
        Of its true nuclei.
    size : float
        Their diameter as the network sees it, over that of the training's.
    kind : str
        One of `cellid.evaluation.image_kinds.KINDS`.
    unlike : float
        How far from the training images, in their standard deviations, with the sign.
    unlike_in : str
        In which measure; empty within their range.
    """

    name: str
    evaluation: Evaluation
    group: str
    scores: ImageScores
    cells: FoundCells
    facts: ImageFacts
    size: float
    kind: str
    unlike: float
    unlike_in: str


@dataclass(frozen=True)
class JudgedSet:
    """A data set that a run was evaluated on; ``scale`` is network pixels an image pixel."""

    name: str
    evaluation: Evaluation
    scale: float
    images: tuple[JudgedImage, ...]

    @property
    def size(self) -> float:
        """Diameter of its typical nucleus as the network sees it, over that of the training's."""
        diameter_px = self.evaluation.dataset.info.nucleus_diameter_px
        return diameter_px * self.scale / self.evaluation.config.nucleus_diameter_px


def judge_set(
    name: str, folder: Path, settings: EvaluateSettings, detection: DetectionSettings
) -> JudgedSet:
    """Score an evaluation folder and measure its images.

    Parameters
    ----------
    name : str
        How the data set is called.
    folder : Path
        As from `cellid.workflows.evaluation.predict_split`.
    settings : EvaluateSettings
    detection : DetectionSettings
        When a cell counts as found; without a distance it is a nucleus's diameter.

    Raises
    ------
    CellidError
        If the evaluation or its data set cannot be read.
    """
    evaluation = score_evaluation(folder, settings)
    dataset, config = evaluation.dataset, evaluation.config
    remedy = "remove this folder and give the same command again"
    counts = read_table(folder / COUNTS, remedy, dtype={"id": str, "unlike_in": str})
    counts = counts.fillna({"unlike_in": ""}).set_index("id")
    scale = float(counts["scale"].iloc[0])
    background_px = BACKGROUND_DIAMETERS * dataset.info.nucleus_diameter_px
    found = find_evaluated_cells(evaluation, settle_detection(detection, dataset))
    images = []
    for crop, scores, cells in zip(
        tqdm(evaluation.crops.itertuples(), desc=name, total=len(found), unit="crop"),
        evaluation.report.rows,
        found,
        strict=True,
    ):
        image = dataset.image(crop.id)
        grey = image if image.ndim == 2 else image.mean(axis=-1)
        facts = measure_image(dataset.labels(crop.id), flatten_background(grey, background_px))
        trained_px = config.nucleus_diameter_px / scale
        count = counts.loc[crop.id]
        images.append(
            JudgedImage(
                name=name,
                evaluation=evaluation,
                group=crop.group,
                scores=scores,
                cells=cells,
                facts=facts,
                size=facts.diameter_px / trained_px,
                kind=facts.kind(trained_px),
                unlike=float(count["unlike_training"]),
                unlike_in=str(count["unlike_in"]),
            )
        )
    return JudgedSet(name, evaluation, scale, tuple(images))


def score_images(
    images: Sequence[JudgedImage], settings: EvaluateSettings, seed: int
) -> dict[str, Interval]:
    """Return the scores of images together, with bootstrap intervals over their fields.

    Parameters
    ----------
    images : sequence of JudgedImage
        Of any data sets; at least one.
    settings : EvaluateSettings
        Number of samples and confidence.
    seed : int
        Of the drawing.

    Returns
    -------
    dict of Interval
        Those of `ImageScores`; those of `FoundCells`, which begin with ``cells_``; and
        ``count_median_ae`` and ``count_mean_percentage_error``.
    """
    groups: dict[tuple[str, str], list[JudgedImage]] = {}
    for image in images:
        groups.setdefault((image.name, image.group), []).append(image)
    fields = list(groups.values())

    def median(drawn: Sequence[list[JudgedImage]]) -> float:
        return median_absolute_error(each.cells.counts for field in drawn for each in field)

    n_samples, confidence = settings.bootstrap_samples, settings.confidence
    pooled = Report(tuple(pool([each.scores for each in field]) for field in fields))
    cells = bootstrap_scores(
        [reduce(add, (each.cells for each in field)) for field in fields],
        n_samples=n_samples,
        confidence=confidence,
        seed=seed,
    )
    return {
        **pooled.intervals(settings, seed),
        **{f"cells_{name}": interval for name, interval in cells.items()},
        "count_mean_percentage_error": cells["mean_percentage_error"],
        "count_median_ae": bootstrap_interval(
            fields, median, n_samples=n_samples, confidence=confidence, seed=seed
        ),
    }


def find_unlike(images: Sequence[JudgedImage]) -> tuple[str, float, float]:
    """Return how unlike the training images are.

    Returns
    -------
    measure : str
        In which most of those outside the training's range differ most; empty if none is.
    distance : float
        The median over all images of the distance from that range, standard deviations;
        signed if it is in one direction.
    share : float
        Of the images that are outside.
    """
    table = pd.DataFrame({"measure": i.unlike_in, "distance": i.unlike} for i in images)
    outside = table[table["measure"] != ""]
    if outside.empty:
        return "", 0.0, 0.0
    measure = str(outside["measure"].mode()[0])
    sign = outside.loc[outside["measure"] == measure, "distance"].median()
    distance = float(table["distance"].abs().median())
    return measure, distance if sign > 0 else -distance, len(outside) / len(table)


def tabulate_images(images: Sequence[JudgedImage]) -> pd.DataFrame:
    """Return a row an image: data set, kind, what it was told by, and scores."""
    return pd.DataFrame(
        {
            "dataset": each.name,
            "id": each.scores.name,
            "group": each.group,
            "kind": each.kind,
            "diameter_px": each.facts.diameter_px,
            "relative_size": each.size,
            "crowded_share": each.facts.crowded_share,
            "contrast_ratio": each.facts.contrast_ratio,
            "unlike_training": each.unlike,
            "unlike_in": each.unlike_in,
            **each.scores.as_dict(),
            **{f"cells_{name}": value for name, value in each.cells.as_dict().items()},
        }
        for each in images
    ).round(5)
