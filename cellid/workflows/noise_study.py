"""How scores mislead where labels are wrong: one training, labels spoilt step by step."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from cellid.config import EvaluateSettings, NoiseStudySettings
from cellid.dataset import Dataset
from cellid.evaluation.scores import ImageScores, evaluate_pair
from cellid.io.writers import new_folder
from cellid.models.run import Run
from cellid.report import score_evaluation
from cellid.report.noise_study import write_noise_study
from cellid.report.studies import score_levels
from cellid.simulate.label_noise import spoil_labels
from cellid.types import Labels
from cellid.workflows.evaluation import judged_part, predict_split


def study_noise(
    run: Run,
    dataset: Dataset,
    out: Path,
    settings: NoiseStudySettings,
    split: str = "test",
    overwrite: bool = False,
) -> Path:
    """Score the same nuclei against labels that get worse (sections 6.2.8 and 7.2.1).

    Nothing is trained.

    Parameters
    ----------
    run : Run
        Finds the nuclei, once.
    dataset : Dataset
        Its labels are spoilt in memory only.
    out : Path
        Folder for `noise.csv`, `noise.png`, `report.html` and the nuclei in `evaluation`.
    settings : NoiseStudySettings
    split : str
        ``"train"``, ``"validation"`` or ``"test"``.
    overwrite : bool
        Whether files of these names are replaced.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    CellidError
        If the split is empty, or ``out`` holds something.
    """
    new_folder(out, overwrite)
    part = judged_part(run, dataset)
    evaluation = score_evaluation(predict_split(run, part, split, out / "evaluation"))
    names = tqdm(evaluation.crops["id"], desc="spoil labels", unit="crop")
    pairs = ((dataset.labels(name), evaluation.predicted(name)) for name in names)
    diameter_px = dataset.info.nucleus_diameter_px
    table = score_spoilt(pairs, diameter_px, settings, evaluation.settings)
    return write_noise_study(table, evaluation, settings, out)


def score_spoilt(
    pairs: Iterable[tuple[Labels, Labels]],
    diameter_px: float,
    settings: NoiseStudySettings,
    evaluate: EvaluateSettings,
) -> pd.DataFrame:
    """Score predictions against labels spoilt in every way, pooled over all images.

    Parameters
    ----------
    pairs : iterable of ((Y, X) int32, (Y, X) int32)
        Labels and prediction of each image.
    diameter_px : float
        Of a typical nucleus.
    settings : NoiseStudySettings
    evaluate : EvaluateSettings

    Returns
    -------
    DataFrame
        A row a kind and share, those of a kind by rising share from 0: ``kind``, ``share``,
        ``n_labelled``, the objects in the labels, and the scores of `score_levels`.
    """
    scored: defaultdict[tuple[str, float], list[ImageScores]] = defaultdict(list)
    for number, (labels, predicted) in enumerate(pairs):
        for kind, share, spoilt in spoil_labels(labels, diameter_px, settings, number):
            scored[kind, share].append(evaluate_pair(spoilt, predicted, evaluate))
    return pd.DataFrame(
        {
            "kind": kind,
            "share": share,
            "n_labelled": sum(row.instances.n_true for row in rows),
            **score_levels(rows),
        }
        for (kind, share), rows in scored.items()
    )
