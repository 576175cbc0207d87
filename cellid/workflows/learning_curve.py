"""Are these enough images: trainings on more and more fields."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from cellid.config import LearningCurveSettings, Recipe
from cellid.dataset import Dataset
from cellid.dataset.subsets import choose_groups, curve_sizes, train_on, training_groups
from cellid.report import score_evaluation
from cellid.report.learning_curve import write_learning_curve
from cellid.workflows.evaluation import choose_split, predict_split
from cellid.workflows.training import open_study, train_once

_ABOUT = "learning_curve.json"


def trace_learning_curve(
    dataset: Dataset,
    out: Path,
    recipe: Recipe,
    settings: LearningCurveSettings,
    say: Callable[[str], None] = print,
) -> Path:
    """Train on 1, 2, 4, 8 and so on up to all training fields, and score each on the test.

    Called again, it goes on where it was interrupted; with more repeats, it adds them.

    Parameters
    ----------
    dataset : Dataset
        Its validation and test fields are the same for every training.
    out : Path
        A new folder, or that of the same curve. Each training gets a run folder in it, such as
        `fields-04-repeat-2`; the result is `learning_curve.csv`, `learning_curve.png` and
        `report.html`, which are there after the first repeat and grow with the others.
    recipe : Recipe
        Of every training; repeats differ in their seed.
    settings : LearningCurveSettings
    say : callable
        Told what is going on.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    CellidError
        If there is too little to train on, or ``out`` holds something else.
    """
    dataset.check_trainable()
    open_study(out / _ABOUT, dataset, recipe)
    split = choose_split(dataset, say)
    groups = training_groups(dataset, recipe.seed)
    sizes = curve_sizes(len(groups))
    unit = dataset.info.recipe["split"]["by"]
    n_trainings = len(sizes) * settings.repeats
    say(f"{n_trainings} trainings, each with as many steps as one on all {len(groups)} {unit}s")
    rows: list[dict[str, Any]] = []
    for repeat in range(settings.repeats):
        seeded = recipe.model_copy(update={"seed": recipe.seed + repeat})
        for size in sizes:
            name = f"{unit}s-{size:02d}-repeat-{repeat + 1}"
            say(f"training {len(rows) + 1} of {n_trainings}: {name}")
            chosen = choose_groups(groups, size, repeat)
            part = train_on(dataset, chosen, seeded.seed)
            rows.append(
                {
                    "n_groups": size,
                    "repeat": repeat + 1,
                    "run": name,
                    "groups": " ".join(chosen),
                    **_score(part, out / name, seeded, split, say),
                }
            )
        report = write_learning_curve(pd.DataFrame(rows), dataset, recipe, split, out)
    say(f"report: {report.resolve()}")
    return report


def _score(
    dataset: Dataset, folder: Path, recipe: Recipe, split: str, say: Callable[[str], None]
) -> dict[str, float]:
    """Train, predict and score, each unless it was done before."""
    evaluation = folder / "evaluation"
    if not evaluation.exists():
        run = train_once(dataset, folder, recipe, say=say)
        predict_split(run, dataset, split, evaluation)
    return score_evaluation(evaluation, recipe.evaluate).report.pooled()
