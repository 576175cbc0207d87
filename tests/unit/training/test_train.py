"""Training: what it writes, how it goes on after an interruption, what it refuses."""

import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from cellid.config import Recipe, TrainSettings
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.imaging.appearance import summarise_appearance
from cellid.models.run import Run, load_run
from cellid.recipes import load_recipe
from cellid.runs import read_config
from cellid.training import loop, train_model
from cellid.training.checkpoint import Progress
from cellid.training.windows import Sample, TrainingWindows, prepare_samples


class Stop(Exception):
    """Stands for Ctrl-C, or for power that is cut."""


def train_until(monkeypatch: pytest.MonkeyPatch, epoch: int, batch: int, *arguments: Any) -> None:
    """Train, and stop after ``batch`` of ``epoch``, both from 0."""

    class StoppingBar(loop._Bar):
        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self.epoch = epoch

        def on_train_batch_end(self, at: int, logs: dict[str, float] | None = None) -> None:
            if (self.epoch, at) == (epoch, batch):
                raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_Bar", StoppingBar)
        with pytest.raises(Stop):
            train_model(*arguments, print)


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def history(folder: Path) -> pd.DataFrame:
    """Return what the training itself decides, not how busy the machine was."""
    return pd.read_csv(folder / "history.csv").drop(columns=["epoch_s", "memory_mb"])


def test_a_run_knows_what_its_training_images_look_like(
    tiny_run: Run, tiny_dataset: Dataset
) -> None:
    config = tiny_run.config
    samples = prepare_samples(
        tiny_dataset, "train", config.recipe, config.scale, config.nucleus_diameter_px
    )
    assert config.appearance == summarise_appearance(sample.image for sample in samples)


def test_a_run_folder_is_all_that_prediction_needs(tiny_run: Run, tiny_recipe: Recipe) -> None:
    folder = tiny_run.folder
    assert names(folder) - {"logs"} == {
        *("config.json", "model.weights.h5", "recipe.toml", "history.csv")
    }
    table = history(folder)
    assert table["epoch"].tolist() == [1, 2, 3]
    assert {"loss", "val_loss", "iou", "val_iou"} <= set(table)
    assert np.isfinite(table.to_numpy(float)).all()
    config = read_config(folder)
    assert config.recipe == tiny_recipe
    assert load_recipe(file=folder / "recipe.toml") == tiny_recipe
    assert config.lines == ("CHO", "HeLa")
    assert config.scale == pytest.approx(8 / 12)
    assert config.nucleus_diameter_px == pytest.approx(8)
    assert config.nucleus_area_px == pytest.approx(np.pi * 4**2, rel=0.1)
    assert config.instances.min_area_px == pytest.approx(0.1 * config.nucleus_area_px)
    assert config.provenance["backend"] == keras.backend.backend()


def test_a_learning_rate_is_found_and_kept_beside_the_run(
    tiny_dataset: Dataset, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    said: list[str] = []
    recipe = changed(tiny_recipe, find_learning_rate=True, epochs=1)
    train_model(tiny_dataset, recipe, tmp_path, said.append)
    tried = pd.read_csv(tmp_path / "learning_rates.csv")
    (chosen,) = tried.loc[tried["chosen"], "learning_rate"]
    assert f"learning rate {chosen:.2g}," in " ".join(said)


@pytest.mark.parametrize(("best_by", "best_epoch"), [("loss", 1), ("dice", 2)])
def test_the_best_epoch_is_that_of_the_score_chosen(
    best_by: str, best_epoch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "write_checkpoint", lambda *_: None)
    progress = Progress("this")
    keeper = loop._Keeper(progress, TrainSettings(best_by=best_by), tmp_path)  # type: ignore[arg-type]
    for epoch, (loss, iou) in enumerate([(0.1, 0.5), (0.2, 0.6), (0.3, 0.4)]):
        # With two heads Keras calls the score of one after it
        keeper.on_epoch_end(epoch, {"val_loss": loss, "val_probability_iou": iou})
    assert progress.best_epoch == best_epoch
    assert [row["val_iou"] for row in progress.history] == [0.5, 0.6, 0.4]
    if best_by == "dice":
        assert progress.history[1]["val_dice"] == pytest.approx(0.75)


def test_a_run_loaded_predicts_as_the_run_trained(tiny_run: Run) -> None:
    image = np.random.default_rng(0).normal(size=(1, 32, 48, 1)).astype(np.float32)
    loaded = load_run(tiny_run.folder)
    assert loaded.config == tiny_run.config
    for network in (tiny_run.model, loaded.model):
        output = keras.ops.convert_to_numpy(network(image, training=False))
        np.testing.assert_array_equal(
            output, keras.ops.convert_to_numpy(tiny_run.model(image, training=False))
        )


@pytest.mark.parametrize(("epoch", "batch"), [(0, 1), (1, 1)])
def test_an_interrupted_training_goes_on_as_if_it_had_not_been(
    epoch: int,
    batch: int,
    tiny_dataset: Dataset,
    tiny_recipe: Recipe,
    tiny_run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, int]] = []
    get = TrainingWindows.__getitem__

    def record(self: TrainingWindows, index: int) -> tuple[np.ndarray, np.ndarray]:
        asked.append((self._epoch, index))
        return get(self, index)

    monkeypatch.setattr(TrainingWindows, "__getitem__", record)
    folder = tmp_path / "run"
    train_until(monkeypatch, epoch, batch, tiny_dataset, tiny_recipe, folder)
    assert not (folder / "config.json").exists()
    first = asked.copy()
    asked.clear()
    said: list[str] = []
    resumed = train_model(tiny_dataset, tiny_recipe, folder, said.append)

    assert any(f"going on after epoch {epoch}" in line for line in said) == (epoch > 0)
    pd.testing.assert_frame_equal(history(folder), history(tiny_run.folder), atol=1e-5)
    for after, before in zip(
        resumed.model.get_weights(), tiny_run.model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(after, before, atol=1e-5)
    assert names(folder) == names(tiny_run.folder)
    if keras.backend.backend() == "tensorflow":
        # Keras looks at two batches, then ends an epoch before the first, here as there
        every = [(e, i) for e in (1, 2, 3) for i in range(3)]
        assert first[2:][: 3 * epoch + batch] == every[: 3 * epoch + batch]
        assert asked[2:] == every[3 * epoch :]


@pytest.mark.parametrize("change", ["recipe", "data"])
def test_another_training_is_refused_and_nothing_written(
    change: str,
    tiny_dataset: Dataset,
    tiny_recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train_until(monkeypatch, 1, 0, tiny_dataset, tiny_recipe, tmp_path)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    dataset, recipe = tiny_dataset, tiny_recipe
    if change == "recipe":
        recipe = tiny_recipe.model_copy(update={"seed": 7})
    else:
        dataset = tiny_dataset.only_line("HeLa")
    with pytest.raises(CellidError, match="another recipe or data set"):
        train_model(dataset, recipe, tmp_path, print)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == files


def changed(recipe: Recipe, **train: Any) -> Recipe:
    return recipe.model_copy(update={"train": recipe.train.model_copy(update=train)})


def test_a_loss_that_is_no_number_is_explained(
    tiny_dataset: Dataset, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    recipe = changed(tiny_recipe, learning_rate=1e30, schedule="constant")
    with pytest.raises(CellidError, match=r"train\.learning_rate") as caught:
        train_model(tiny_dataset, recipe, tmp_path, print)
    assert "epoch 1" in caught.value.got
    assert not (tmp_path / "config.json").exists()
    assert not (tmp_path / "history.csv").exists()


def test_patience_ends_the_training(
    tiny_dataset: Dataset, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    recipe = changed(tiny_recipe, learning_rate=0.5, schedule="constant", epochs=40, patience=1)
    train_model(tiny_dataset, recipe, tmp_path, print)
    table = history(tmp_path)
    assert len(table) < 40
    assert int(table["val_loss"].idxmin()) == len(table) - 1 - 1


def test_a_data_set_without_validation_is_refused(
    tiny_dataset: Dataset, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    manifest = tiny_dataset.manifest.query("split != 'validation'")
    dataset = Dataset(tiny_dataset.folder, tiny_dataset.info, manifest)
    with pytest.raises(CellidError, match="validation"):
        train_model(dataset, tiny_recipe, tmp_path / "run", print)
    assert not (tmp_path / "run").exists()


def test_a_finished_training_lets_go_of_the_images(
    tiny_dataset: Dataset, tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[weakref.ref[Sample]] = []

    def prepare(*arguments: Any) -> list[Sample]:
        samples = prepare_samples(*arguments)
        read.extend(map(weakref.ref, samples))
        return samples

    monkeypatch.setattr("cellid.training.train.prepare_samples", prepare)
    train_model(tiny_dataset, changed(tiny_recipe, epochs=1), tmp_path, print)
    gc.collect()
    assert read
    assert not [sample for sample in read if sample() is not None]


DETERMINISTIC = """
import sys
from pathlib import Path
from cellid.dataset import read_dataset
from cellid.recipes import load_recipe
from cellid.training import train_model

dataset, recipe, out = map(Path, sys.argv[1:])
recipe = load_recipe(file=recipe, overrides=["train.deterministic=true", "train.epochs=1"])
first, second = (train_model(read_dataset(dataset), recipe, out / name, print) for name in "ab")
for one, other in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
    assert one.tobytes() == other.tobytes()
print("the same")
"""


def test_a_deterministic_training_repeats_bit_by_bit(
    tiny_dataset: Dataset, tiny_run: Run, tmp_path: Path
) -> None:
    arguments = [str(tiny_dataset.folder), str(tiny_run.folder / "recipe.toml"), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", DETERMINISTIC, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "the same" in done.stdout
    pd.testing.assert_frame_equal(
        *(history(tmp_path / name) for name in ("a", "b")), check_exact=True
    )
