"""Trainings told to TensorBoard, MLflow or Weights & Biases as they go."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from cellid.extras import import_extra
from cellid.io.writers import write_json
from cellid.recipes import AnyRecipe, flatten_settings
from cellid.training.checkpoint import Progress

_NAME = "cellid"  # of the experiment or project, where the environment names none
_ID = "tracker.json"
_MLFLOW_BATCH = 100  # parameters that its servers take at a time


class Tracker:
    """What is told of a training; this one tells nobody."""

    def __init__(self, recipe: AnyRecipe, folder: Path) -> None:
        """Begin, or go on with what was told before the training was interrupted."""

    def log_epoch(self, scores: Mapping[str, float], epoch: int) -> None:
        """Tell the scores of an epoch, from 1."""

    def finish(self, scores: Mapping[str, float]) -> None:
        """Tell the scores of the trained model, and end."""


class TensorBoardTracker(Tracker):
    """Writes curves to ``logs`` in the run folder; ``tensorboard --logdir`` shows them."""

    def __init__(self, recipe: AnyRecipe, folder: Path) -> None:
        summary = import_extra("tensorboard.summary", "tensorboard")
        self._writer = summary.Writer(str(folder / "logs"))

    def log_epoch(self, scores: Mapping[str, float], epoch: int) -> None:
        """Add a point to every curve."""
        for name, value in scores.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def finish(self, scores: Mapping[str, float]) -> None:
        """Add a point of its own for every score."""
        self.log_epoch({f"final/{name}": value for name, value in scores.items()}, 0)
        self._writer.close()


class MlflowTracker(Tracker):
    """Tells the server that MLFLOW_TRACKING_URI names, else ``mlflow.db`` in the run folder."""

    def __init__(self, recipe: AnyRecipe, folder: Path) -> None:
        mlflow = import_extra("mlflow", "mlflow")
        store = f"sqlite:///{(folder / 'mlflow.db').resolve().as_posix()}"
        self._client = mlflow.MlflowClient(os.environ.get("MLFLOW_TRACKING_URI", store))
        self._entities = mlflow.entities
        known = _read_id(folder)
        self._run = known or self._create(recipe, folder)

    def _create(self, recipe: AnyRecipe, folder: Path) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _NAME)
        experiment = self._client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment else self._client.create_experiment(name)
        run = self._client.create_run(number, run_name=folder.resolve().name).info.run_id
        settings = flatten_settings(recipe).items()
        params = [self._entities.Param(name, str(value)) for name, value in settings]
        for first in range(0, len(params), _MLFLOW_BATCH):
            self._client.log_batch(run, params=params[first : first + _MLFLOW_BATCH])
        _keep_id(folder, run)
        return str(run)

    def log_epoch(self, scores: Mapping[str, float], epoch: int) -> None:
        """Log the scores as metrics of a step."""
        for name, value in scores.items():
            self._client.log_metric(self._run, name, value, step=epoch)

    def finish(self, scores: Mapping[str, float]) -> None:
        """Log the scores as metrics, and end the run."""
        self.log_epoch({f"final/{name}": value for name, value in scores.items()}, 0)
        self._client.set_terminated(self._run)


class WandbTracker(Tracker):
    """Writes to ``wandb`` in the run folder for ``wandb sync``; with WANDB_MODE=online, sends."""

    def __init__(self, recipe: AnyRecipe, folder: Path) -> None:
        wandb = import_extra("wandb", "wandb")
        known = _read_id(folder) or secrets.token_hex(8)
        _keep_id(folder, known)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", _NAME),
            name=folder.resolve().name,
            id=known,
            resume="allow",
            dir=os.fspath(folder),
            mode=os.environ.get("WANDB_MODE", "offline"),
            config=flatten_settings(recipe),
            settings=wandb.Settings(silent=True, console="off"),
        )

    def log_epoch(self, scores: Mapping[str, float], epoch: int) -> None:
        """Log the scores of a step."""
        self._run.log(dict(scores), step=epoch)

    def finish(self, scores: Mapping[str, float]) -> None:
        """Put the scores in the summary, and end the run."""
        self._run.summary.update(dict(scores))
        self._run.finish()


_TRACKERS: Mapping[str | None, type[Tracker]] = {
    None: Tracker,
    "tensorboard": TensorBoardTracker,
    "mlflow": MlflowTracker,
    "wandb": WandbTracker,
}


def open_tracker(recipe: AnyRecipe, folder: Path) -> Tracker:
    """Return the tracker that a recipe names.

    Parameters
    ----------
    recipe : Recipe or ClassifierRecipe
        Its `log_to` names it; its settings are told too.
    folder : Path
        The run folder, with the checkpoint folder in it.

    Raises
    ------
    CellidError
        If the package that it takes is not installed.
    """
    return _TRACKERS[recipe.log_to](recipe, folder)


class TellEpochs(keras.callbacks.Callback):
    """Tells a tracker the scores of every epoch, as `history.csv` has them."""

    def __init__(self, tracker: Tracker, progress: Progress) -> None:
        super().__init__()
        self._tracker = tracker
        self._progress = progress

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tell the last row, which is there already."""
        scores = dict(self._progress.history[-1])
        self._tracker.log_epoch(scores, int(scores.pop("epoch")))


def _id_file(folder: Path) -> Path:
    # Gone with the checkpoint: the next training in this folder is another
    return folder / "checkpoint" / _ID


def _keep_id(folder: Path, number: str) -> None:
    write_json(_id_file(folder), {"id": number})


def _read_id(folder: Path) -> str | None:
    """Return under which id the training was told before it was interrupted."""
    path = _id_file(folder)
    return str(json.loads(path.read_text(encoding="utf-8"))["id"]) if path.exists() else None
