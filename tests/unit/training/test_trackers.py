"""What trackers are told, by stand-ins for packages that need not be installed."""

import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from cellid.config import Recipe
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.recipes import setting_names
from cellid.training import trackers, train_model
from cellid.training.trackers import open_tracker


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """Stand in for whatever package is asked for, and record what it is told."""
    package = MagicMock()
    package.entities.Param = lambda *pair: pair
    monkeypatch.setattr(trackers, "import_extra", lambda *_: package)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    return package


def recipe(name: str) -> Recipe:
    return Recipe.model_validate({"log_to": name})


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_missing_package_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("tensorboard.summary", name):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(CellidError, match=rf'pip install "cellid\[{name}\]"'):
        open_tracker(recipe(name), tmp_path)


def test_mlflow_goes_on_with_its_run_and_is_told_settings_once(
    package: MagicMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = package.MlflowClient.return_value
    client.get_experiment_by_name.return_value = None
    client.create_run.return_value.info.run_id = "r1"
    monkeypatch.setattr(trackers, "_MLFLOW_BATCH", 40)
    open_tracker(recipe("mlflow"), tmp_path).log_epoch({"loss": 0.5}, 1)
    open_tracker(recipe("mlflow"), tmp_path).finish({"object_f1": 0.9})

    (store,) = package.MlflowClient.call_args.args
    assert store == f"sqlite:///{(tmp_path / 'mlflow.db').as_posix()}"
    client.create_run.assert_called_once()
    batches = [call.kwargs["params"] for call in client.log_batch.call_args_list]
    assert {len(batch) for batch in batches[:-1]} == {40}
    told = dict(param for batch in batches for param in batch)
    assert told["train.epochs"] == str(Recipe().train.epochs)
    assert [call.args for call in client.log_metric.call_args_list] == [
        ("r1", "loss", 0.5),
        ("r1", "final/object_f1", 0.9),
    ]
    client.set_terminated.assert_called_once_with("r1")


def test_wandb_stays_offline_and_goes_on_under_its_id(package: MagicMock, tmp_path: Path) -> None:
    for _ in range(2):
        tracker = open_tracker(recipe("wandb"), tmp_path)
    tracker.log_epoch({"loss": 0.5}, 3)
    tracker.finish({"object_f1": 0.9})
    first, second = (call.kwargs for call in package.init.call_args_list)
    assert first == second
    assert first["mode"] == "offline"
    assert first["config"]["train.epochs"] == Recipe().train.epochs
    assert set(first["config"]) <= set(setting_names(Recipe))
    run = package.init.return_value
    run.log.assert_called_once_with({"loss": 0.5}, step=3)
    run.summary.update.assert_called_once_with({"object_f1": 0.9})
    run.finish.assert_called_once_with()


def test_a_training_tells_its_epochs_and_how_it_ended(
    package: MagicMock, tiny_dataset: Dataset, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    train = tiny_recipe.train.model_copy(update={"epochs": 2})
    told = tiny_recipe.model_copy(update={"train": train, "log_to": "tensorboard"})
    train_model(tiny_dataset, told, tmp_path / "run", [].append)
    writer = package.Writer.return_value
    points = {call.args[0]: call.args[2] for call in writer.add_scalar.call_args_list}
    assert points["val_loss"] == 2
    assert {"loss", "iou", "val_iou", "final/object_f1"} <= set(points)
    assert "epoch" not in points
    writer.close.assert_called_once_with()
