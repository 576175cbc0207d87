"""The epochs of a training: any network, any batches."""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import keras
import pandas as pd
from tqdm import tqdm

from cellid.config import Settings
from cellid.errors import CellidError
from cellid.io.writers import write_table
from cellid.training.checkpoint import Progress, write_checkpoint
from cellid.training.dynamics import TellDynamics


class FitSettings(Protocol):
    """How long to train, and by which validation score the best epoch is chosen."""

    @property
    def epochs(self) -> int:
        """Most epochs."""

    @property
    def patience(self) -> int:
        """Epochs without a better score."""

    @property
    def best_by(self) -> str:
        """``"loss"``, or a score of which more is better: ``"dice"``, ``"f1"``, ``"ap_50"``."""


def fit(
    model: keras.Model,
    training: keras.utils.PyDataset,
    validation: keras.utils.PyDataset,
    settings: FitSettings,
    progress: Progress,
    folder: Path,
    extra_callbacks: list[keras.callbacks.Callback],
    judge: Callable[[], dict[str, float]] | None = None,
) -> None:
    """Train until the most epochs or until patience is out, a checkpoint an epoch.

    Parameters
    ----------
    model : keras.Model
        Compiled; at the state after ``progress.epochs_done`` epochs.
    training, validation : PyDataset
    settings : FitSettings
    progress : Progress
        Is brought forward.
    folder : Path
        The run folder.
    extra_callbacks : list of keras.callbacks.Callback
        Such as a tracker's.
    judge : callable or None
        Gives further scores of the model as it is, such as ``"val_ap_50"``, after every epoch.

    Raises
    ------
    CellidError
        If the loss is no longer a number.
    """
    if progress.epochs_done >= settings.epochs or progress.waited >= settings.patience:
        return
    bar = _Bar(progress, settings.epochs, len(training))
    keeper = _Keeper(progress, settings, folder, judge)
    try:
        model.fit(
            training,
            validation_data=validation,
            initial_epoch=progress.epochs_done,
            epochs=settings.epochs,
            shuffle=False,  # the batches shuffle themselves
            verbose=0,
            callbacks=[TellDynamics(), keeper, bar, *extra_callbacks],
        )
    finally:
        bar.close()


def fingerprint(recipe: Settings, images: pd.DataFrame, data_hash: str) -> str:
    """Return a hash that two trainings share if one may go on where the other stopped.

    Parameters
    ----------
    recipe : Recipe or ClassifierRecipe
    images : DataFrame
        What is trained on and what is not: ``id``, ``split``.
    data_hash : str
        Of the folder that they lie in.
    """
    # The data set may be a part of its folder, or shared out otherwise than the folder says
    images_text = images[["id", "split"]].to_csv(index=False)
    text = recipe.model_dump_json(exclude={"predict", "evaluate", "log_to"})
    text += data_hash + images_text
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class _Keeper(keras.callbacks.Callback):
    """Keeps history, best weights and checkpoint; stops when patience is out or on NaN."""

    def __init__(
        self,
        progress: Progress,
        settings: FitSettings,
        folder: Path,
        judge: Callable[[], dict[str, float]] | None = None,
    ) -> None:
        super().__init__()
        self._judge = judge
        self._progress = progress
        self._settings = settings
        self._folder = folder

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        loss = (logs or {})["loss"]
        if not math.isfinite(loss):
            raise CellidError(
                "training",
                expected="a loss that is a number",
                got=f"{loss} in batch {batch + 1} of epoch {self._progress.epochs_done + 1}",
                remedy="lower train.learning_rate (a tenth), or set train.precision=float32; "
                "the state before this epoch is kept and the same command goes on from it",
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = {} if logs is None else logs
        if self._judge is not None:
            logs.update(self._judge())  # those who are called after this one see it too
        scores = {
            name.replace("probability_iou", "iou"): float(value) for name, value in logs.items()
        }
        row = {"epoch": epoch + 1, **scores}
        best_by = self._settings.best_by
        if best_by == "dice":
            row["val_dice"] = 2 * row["val_iou"] / (1 + row["val_iou"])
        score = row["val_loss"] if best_by == "loss" else -row[f"val_{best_by}"]
        if score < self._progress.best_score:
            self._progress.best_score = score
            self._progress.best_epoch = epoch + 1
        self._progress.history.append(row)
        write_checkpoint(self._folder / "checkpoint", self.model, self._progress)
        write_table(self._folder / "history.csv", pd.DataFrame(self._progress.history))
        if self._progress.waited >= self._settings.patience:
            self.model.stop_training = True


class _Bar(keras.callbacks.Callback):
    """One progress bar over all steps, with losses and the time left at most."""

    def __init__(self, progress: Progress, epochs: int, steps: int) -> None:
        super().__init__()
        self._progress = progress
        self._epochs = epochs
        self._bar = tqdm(
            total=epochs * steps,
            initial=progress.epochs_done * steps,
            desc="train",
            unit="step",
            mininterval=1.0,
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._bar.update()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        self._bar.set_postfix_str(
            f"epoch {epoch + 1}/{self._epochs}, loss {logs['loss']:.4f}, "
            f"val {logs['val_loss']:.4f}, best in epoch {self._progress.best_epoch}",
            refresh=False,
        )

    def close(self) -> None:
        self._bar.close()
