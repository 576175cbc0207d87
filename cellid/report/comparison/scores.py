"""Scores of many trainings: a row a training, means over seeds, ranks and paired tests."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cellid.config import DetectionSettings, EvaluateSettings
from cellid.evaluation.bootstrap import compare_scores
from cellid.evaluation.comparison import adjust_holm, bootstrap_p_value, sign_flip_p_value
from cellid.evaluation.detection import score_detection
from cellid.evaluation.scores import ImageScores, pool
from cellid.report.scoring import (
    Evaluation,
    find_evaluated_cells,
    score_evaluation,
    settle_detection,
)

LEVEL, SEED, RUN = "level", "seed", "run"

_LOWER_IS_BETTER = ("mae", "median_ae")
_NEAR_ZERO_IS_BETTER = ("mean_percentage_error", "bias")


@dataclass(frozen=True)
class ScoredRun:
    """A training of a study and its scores.

    Attributes
    ----------
    levels : mapping of str to str
        Its place on each axis.
    evaluation : Evaluation
    detection : DetectionSettings
        When a cell counted as found.
    scores : mapping of str to float
        Of all images pooled; those of cells found by overlap and by distance, and their
        counts, begin with ``cells_``.
    history : DataFrame
        A row an epoch.
    """

    levels: Mapping[str, str]
    evaluation: Evaluation
    detection: DetectionSettings
    scores: Mapping[str, float]
    history: pd.DataFrame

    @property
    def label(self) -> str:
        """Its levels in words."""
        return name_levels(self.levels)

    @property
    def seed(self) -> int:
        """The seed that it was trained with."""
        return self.evaluation.config.recipe.seed


def name_levels(levels: Mapping[str, str]) -> str:
    """Return a place on all axes in words, such as "Dice · 16"."""
    return " · ".join(levels.values())


def score_run(
    folder: Path,
    levels: Mapping[str, str],
    evaluate: EvaluateSettings,
    detection: DetectionSettings,
) -> ScoredRun:
    """Score an evaluated run folder.

    Parameters
    ----------
    folder : Path
        The run folder.
    levels : mapping of str to str
        Its place on each axis.
    evaluate : EvaluateSettings
    detection : DetectionSettings
        When a cell counts as found; without a distance it is a nucleus's diameter.

    Raises
    ------
    CellidError
        If the evaluation cannot be read.
    """
    evaluation = score_evaluation(folder / "evaluation", evaluate)
    detection = settle_detection(detection, evaluation.dataset)
    cells = find_evaluated_cells(evaluation, detection)
    found = {f"cells_{name}": value for name, value in asdict(score_detection(cells)).items()}
    history = pd.read_csv(folder / "history.csv")
    scores = {**evaluation.report.pooled(), **found}
    return ScoredRun(levels, evaluation, detection, scores, history)


def orient(name: str, values: pd.Series) -> pd.Series:
    """Return scores so that the higher is the better."""
    if name.endswith(_LOWER_IS_BETTER):
        return -values
    return -values.abs() if name.endswith(_NEAR_ZERO_IS_BETTER) else values


def tabulate_runs(runs: Sequence[ScoredRun]) -> pd.DataFrame:
    """Return a row a training: its level on each axis, all of them in words, and every score."""
    return pd.DataFrame(
        {
            **run.levels,
            LEVEL: run.label,
            SEED: run.seed,
            RUN: run.evaluation.run_folder.name,
            "split": run.evaluation.split,
            "epochs": len(run.history),
            **run.scores,
        }
        for run in runs
    )


def summarise_levels(table: pd.DataFrame, score: str) -> pd.DataFrame:
    """Return the mean and standard deviation over seeds of every score, the best level first.

    Parameters
    ----------
    table : DataFrame
        As from `tabulate_runs`.
    score : str
        That decides which is best.

    Returns
    -------
    DataFrame
        Indexed by level: ``n_seeds``, and two columns a score, ``NAME_mean`` and ``NAME_sd``.
    """
    scores = table.columns[table.columns.get_loc("epochs") :]
    levels = table.groupby(LEVEL, sort=False)
    summary = levels[list(scores)].agg(["mean", "std"])
    summary.columns = [f"{name}_{'sd' if by == 'std' else by}" for name, by in summary.columns]
    summary.insert(0, "n_seeds", levels.size())
    order = orient(score, summary[f"{score}_mean"].rename(score))
    return summary.loc[order.sort_values(ascending=False, kind="stable").index]


def compare_levels(
    runs: Sequence[ScoredRun], baseline: str, score: str, settings: EvaluateSettings
) -> pd.DataFrame:
    """Compare a score of every level with that of one, over seeds and over images.

    Over seeds: the signs of the differences of trainings that share a seed are flipped.
    Over images: the fields or wells are drawn with replacement, the same for both, of all
    trainings of those seeds together. Either is adjusted for the number of levels.

    Parameters
    ----------
    runs : sequence of ScoredRun
        All scored on the same images.
    baseline : str
        The level, in words.
    score : str
        A pooled score of `ImageScores`.
    settings : EvaluateSettings
        Samples and confidence.

    Returns
    -------
    DataFrame
        A row each other level: ``level``, ``n_seeds`` that both have, ``difference``, the
        mean over seeds, positive if the baseline's score is lower; ``p_seeds``; ``low``,
        ``high``, ``p_images``, of images; and both p adjusted, ``p_seeds_holm``,
        ``p_images_holm``.
    """
    by_level: dict[str, dict[int, ScoredRun]] = {}
    for run in runs:
        by_level.setdefault(run.label, {})[run.seed] = run
    first = by_level.pop(baseline)
    rows = []
    for level, others in by_level.items():
        seeds = sorted(first.keys() & others.keys())
        if not seeds:
            continue
        differences = np.array([others[s].scores[score] - first[s].scores[score] for s in seeds])
        images = compare_scores(
            _pool_groups([others[s] for s in seeds]),
            _pool_groups([first[s] for s in seeds]),
            n_samples=settings.bootstrap_samples,
            confidence=settings.confidence,
            seed=seeds[0],
        )[score]
        rows.append(
            {
                LEVEL: level,
                "n_seeds": len(seeds),
                "difference": differences.mean(),
                "p_seeds": sign_flip_p_value(differences, seeds[0]),
                "low": images.low,
                "high": images.high,
                "p_images": bootstrap_p_value(images, settings.bootstrap_samples),
            }
        )
    table = pd.DataFrame(rows)
    return table.assign(
        **{f"{name}_holm": adjust_holm(table[name]) for name in ("p_seeds", "p_images") if rows}
    )


def _pool_groups(runs: Sequence[ScoredRun]) -> list[ImageScores]:
    """Add up what several runs counted, a row each field, well or folder."""
    groups = runs[0].evaluation.crops["group"].to_numpy()
    return [
        pool(
            [
                row
                for run in runs
                for row, group in zip(run.evaluation.report.rows, groups, strict=True)
                if group == name
            ]
        )
        for name in pd.unique(groups)
    ]
