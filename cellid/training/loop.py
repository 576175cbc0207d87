"""Train a U-Net from a dataset folder into a run folder."""

import hashlib
import math
from pathlib import Path

import keras
import pandas as pd
from tqdm import tqdm

from cellid.config import Recipe, TrainSettings
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.io.writers import write_table
from cellid.nn.losses import build_loss
from cellid.training.backend import compile_with_xla
from cellid.training.checkpoint import Progress, write_checkpoint
from cellid.training.schedules import Rate
from cellid.training.windows import TrainingWindows, ValidationWindows


def compile_model(model: keras.Model, settings: TrainSettings, rate: Rate) -> None:
    """Give a network its loss, optimizer and score, ready to train or to go on.

    Parameters
    ----------
    model : keras.Model
        As from `build_network`.
    settings : TrainSettings
    rate : float or LearningRateSchedule
        From `make_schedule`.
    """
    loss = build_loss(settings.loss)
    iou = keras.metrics.BinaryIoU(target_class_ids=[1], name="iou")
    two_heads = isinstance(model.output, dict)
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss={"probability": loss, "distance": "mean_squared_error"} if two_heads else loss,
        loss_weights={"probability": 1.0, "distance": settings.distance_weight}
        if two_heads
        else None,
        metrics={"probability": [iou]} if two_heads else [iou],
        jit_compile=compile_with_xla(),
    )
    model.optimizer.build(model.trainable_variables)


def fit(
    model: keras.Model,
    training: TrainingWindows,
    validation: ValidationWindows,
    recipe: Recipe,
    progress: Progress,
    folder: Path,
    extra_callbacks: list[keras.callbacks.Callback],
) -> None:
    """Train until the most epochs or until patience is out, a checkpoint an epoch.

    Parameters
    ----------
    model : keras.Model
        Compiled; at the state after ``progress.epochs_done`` epochs.
    training, validation : PyDataset
    recipe : Recipe
    progress : Progress
        Is brought forward.
    folder : Path
        The run folder.
    extra_callbacks : list of keras.callbacks.Callback
        Such as a tracker's.

    Raises
    ------
    CellidError
        If the loss is no longer a number.
    """
    if progress.epochs_done >= recipe.train.epochs or progress.waited >= recipe.train.patience:
        return
    bar = _Bar(progress, recipe.train, len(training))
    try:
        model.fit(
            training,
            validation_data=validation,
            initial_epoch=progress.epochs_done,
            epochs=recipe.train.epochs,
            shuffle=False,  # the windows shuffle themselves
            verbose=0,
            callbacks=[_Keeper(progress, recipe.train, folder), bar, *extra_callbacks],
        )
    finally:
        bar.close()


def fingerprint(recipe: Recipe, dataset: Dataset) -> str:
    """Return a hash that two trainings share if one may go on where the other stopped."""
    # The data set may be a part of its folder, or shared out otherwise than the folder says
    crops = dataset.manifest[["id", "split"]].to_csv(index=False)
    text = recipe.model_dump_json(exclude={"predict", "evaluate", "log_to"})
    text += dataset.info.manifest_hash + crops
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class _Keeper(keras.callbacks.Callback):
    """Keeps history, best weights and checkpoint; stops when patience is out or on NaN."""

    def __init__(self, progress: Progress, settings: TrainSettings, folder: Path) -> None:
        super().__init__()
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
        scores = {
            name.replace("probability_iou", "iou"): float(value)
            for name, value in (logs or {}).items()
        }
        row = {"epoch": epoch + 1, **scores}
        score = row["val_loss"]
        if self._settings.best_by == "dice":
            row["val_dice"] = 2 * row["val_iou"] / (1 + row["val_iou"])
            score = -row["val_dice"]
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

    def __init__(self, progress: Progress, settings: TrainSettings, steps: int) -> None:
        super().__init__()
        self._progress = progress
        self._epochs = settings.epochs
        self._bar = tqdm(
            total=settings.epochs * steps,
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
