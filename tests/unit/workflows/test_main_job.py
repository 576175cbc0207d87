"""The whole job with its labels judged, and stand-ins for the models."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellid.config import Recipe
from cellid.dataset import Dataset, read_dataset
from cellid.prediction import Nuclei
from cellid.recipes import load_recipe
from cellid.workflows import correction, main_job


@pytest.fixture
def do_job(
    tiny_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Run the job in one folder; each training leaves a file named after its epochs."""

    def label(_: Any, folder: Path, *__: Any) -> Dataset:
        shutil.rmtree(folder, ignore_errors=True)
        return read_dataset(Path(shutil.copytree(tiny_dataset.folder, folder)))

    def train_once(_: Dataset, out: Path, recipe: Recipe, *__: Any, **___: Any) -> None:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"epochs-{recipe.train.epochs}").touch()

    def find_nuclei(_: Any, image: np.ndarray, __: Any) -> Nuclei:
        return Nuclei(np.zeros(image.shape, np.int32), np.zeros(image.shape, np.float32), 0, 0.0)

    monkeypatch.setattr(main_job, "label", label)
    monkeypatch.setattr(main_job, "evaluate", lambda *_, **__: tmp_path / "report.html")
    monkeypatch.setattr(main_job, "train_once", train_once)
    monkeypatch.setattr(correction, "train_once", train_once)
    monkeypatch.setattr(correction, "find_nuclei", find_nuclei)

    def run(epochs: int, overwrite: bool = False) -> Path:
        overrides = ["correct.mode=suggest", "correct.epochs=1", f"train.epochs={epochs}"]
        recipe = load_recipe(overrides=overrides)
        main_job.label_and_train(
            [], tmp_path / "run", recipe, overwrite=overwrite, say=lambda _: None
        )
        return tmp_path / "run" / "correction"

    return run


def test_overwritten_job_has_its_labels_judged_by_models_of_its_own(
    do_job: Callable[..., Path],
) -> None:
    folds = do_job(epochs=3)
    assert list(folds.glob("fold-1/epochs-*")) == [folds / "fold-1" / "epochs-3"]
    do_job(epochs=2, overwrite=True)
    assert list(folds.glob("fold-1/epochs-*")) == [folds / "fold-1" / "epochs-2"]
