"""What the weight of nucleus against background does: one training a value of α."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cellid.config import AlphaStudySettings, BinaryFocalSettings, Recipe
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.report import score_evaluation
from cellid.report.alpha_study import EVEN_ODDS, WeighedRun, write_alpha_study
from cellid.workflows.evaluation import choose_split, predict_split
from cellid.workflows.training import open_study, train_once

_ABOUT = "alpha_study.json"


def study_alpha(
    dataset: Dataset,
    out: Path,
    recipe: Recipe,
    settings: AlphaStudySettings,
    say: Callable[[str], None] = print,
) -> Path:
    """Train with each α of the focal loss, and score on the test (section 7.2.2).

    Called again, it goes on where it was interrupted; with more values, it adds them.

    Parameters
    ----------
    dataset : Dataset
    out : Path
        A new folder, or that of the same study. Each training gets a run folder in it, such as
        `alpha-0.25`; the result is `alpha.csv`, `alpha.png` and `report.html`.
    recipe : Recipe
        Of every training, but for `train.loss.alpha`; its loss is ``binary_focal``.
    settings : AlphaStudySettings
    say : callable
        Told what is going on.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    CellidError
        If the loss is another, there is too little to train on, or ``out`` holds something else.
    """
    loss = recipe.train.loss
    if not isinstance(loss, BinaryFocalSettings):
        raise CellidError(
            "train.loss.name",
            expected="binary_focal, whose α is studied",
            got=loss.name,
            remedy="leave out what changes train.loss",
        )
    dataset.check_trainable()
    open_study(out / _ABOUT, dataset, recipe)
    split = choose_split(dataset, say)
    runs = {}
    for alpha in sorted(settings.values):
        name = f"alpha-{alpha:g}"
        say(f"training {len(runs) + 1} of {len(settings.values)}: {name}")
        weighed_loss = loss.model_copy(update={"alpha": alpha})
        train = recipe.train.model_copy(update={"loss": weighed_loss})
        weighed = recipe.model_copy(update={"train": train})
        runs[alpha] = _evaluate(dataset, out / name, weighed, split, say)
    report = write_alpha_study(runs, recipe, out)
    say(f"report: {report.resolve()}")
    return report


def _evaluate(
    dataset: Dataset, folder: Path, recipe: Recipe, split: str, say: Callable[[str], None]
) -> WeighedRun:
    """Train, predict at both thresholds and score, each unless it was done before."""
    even, tuned = folder / "even_odds", folder / "evaluation"
    if not (even.exists() and tuned.exists()):
        run = train_once(dataset, folder, recipe, say=say)
        at_even_odds = run.config.model_copy(update={"threshold": EVEN_ODDS})
        predict_split(replace(run, config=at_even_odds), dataset, split, even)
        predict_split(run, dataset, split, tuned)
    return WeighedRun(*(score_evaluation(each, recipe.evaluate) for each in (even, tuned)))
