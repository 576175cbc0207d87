"""The story of a training: read, fit, tune, write the run folder."""

from collections.abc import Callable
from pathlib import Path

import keras
import pandas as pd

from cellid.config import Recipe, TrainSettings
from cellid.dataset import Dataset
from cellid.evaluation.counting import mean_nucleus_area
from cellid.imaging.appearance import summarise_appearance
from cellid.io.writers import remove_leftovers, write_table, write_text
from cellid.models.network import build_network
from cellid.models.run import Run, load_run, network_scale
from cellid.nn.losses import build_loss
from cellid.recipes import write_recipe
from cellid.runs import RATES, RunConfig
from cellid.training.backend import choose_precision, compile_with_xla, make_deterministic
from cellid.training.checkpoint import best_weights_file, read_checkpoint
from cellid.training.dynamics import Adam
from cellid.training.finish import finish_run, trace_origin
from cellid.training.loop import fingerprint, fit
from cellid.training.schedules import Rate, find_valley, make_schedule, try_learning_rates
from cellid.training.trackers import TellEpochs, open_tracker
from cellid.training.tuning import tune_instances
from cellid.training.windows import (
    TrainingWindows,
    ValidationWindows,
    common_channels,
    prepare_samples,
)


def train_model(dataset: Dataset, recipe: Recipe, folder: Path, say: Callable[[str], None]) -> Run:
    """Train on a dataset folder, or go on with a training that was interrupted.

    Parameters
    ----------
    dataset : Dataset
    recipe : Recipe
    folder : Path
        The run folder: new, or of an interrupted training of the same recipe and data set.
    say : callable
        Told in a line what was understood.

    Returns
    -------
    Run
        With the best weights and the tuned thresholds.

    Raises
    ------
    CellidError
        If ``folder`` holds another training, or the loss is no longer a number.
    """
    dataset.check_trainable()
    if recipe.train.deterministic:
        make_deterministic()
    keras.utils.set_random_seed(recipe.seed)
    keras.config.set_dtype_policy(choose_precision(recipe.train.precision))

    scale = network_scale(recipe, dataset.info.nucleus_diameter_px)
    diameter_px = dataset.info.nucleus_diameter_px * scale
    training, validation = (
        prepare_samples(dataset, split, recipe, scale, diameter_px)
        for split in ("train", "validation")
    )
    n_channels = common_channels([*training, *validation], dataset.folder)
    model = build_network(recipe.model, n_channels)
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)

    windows = TrainingWindows(training, recipe, epoch=0)
    rate = recipe.train.learning_rate
    if recipe.train.find_learning_rate:
        rate = _find_rate(model, recipe, windows, checkpoint, say)
    compile_model(model, recipe.train, make_schedule(recipe.train, rate, len(windows)))
    progress = read_checkpoint(
        checkpoint, model, fingerprint(recipe, dataset.manifest, dataset.hash)
    )
    write_text(folder / "recipe.toml", write_recipe(recipe))
    windows = TrainingWindows(training, recipe, epoch=progress.epochs_done)
    say(
        f"training: {len(training)} crops, validation: {len(validation)}; "
        f"{len(windows)} steps an epoch; nuclei {diameter_px:.1f} px wide at scale {scale:.3f}; "
        f"{model.count_params() / 1e6:.2f} million weights on {keras.backend.backend()}"
    )
    if progress.epochs_done:
        say(f"going on after epoch {progress.epochs_done}")
    validation_windows = ValidationWindows(validation, recipe)
    tracker = open_tracker(recipe, folder)
    callbacks = [TellEpochs(tracker, progress)]
    fit(model, windows, validation_windows, recipe.train, progress, folder, callbacks)
    # TensorFlow keeps what it has read from for as long as the process lives
    windows.release()
    validation_windows.release()

    model.load_weights(best_weights_file(checkpoint, progress.best_epoch))
    area_px = mean_nucleus_area(sample.labels for sample in training)
    rule, f1 = tune_instances(model, recipe, validation, diameter_px, area_px)
    parted = f"seeds from {rule.seeds} {rule.seed_distance_px / diameter_px:g} diameters apart"
    say(
        f"best epoch {progress.best_epoch} of {progress.epochs_done}; threshold "
        f"{rule.threshold:g}, {parted if rule.seed_distance_px else 'touching nuclei not parted'}: "
        f"object F1 {f1:.3f} on validation"
    )
    tracker.finish({"object_f1": f1, "best_epoch": progress.best_epoch})
    config = RunConfig(
        recipe=recipe,
        n_channels=n_channels,
        lines=tuple(sorted(set(dataset.crops("train")["line"]))),
        scale=scale,
        nucleus_diameter_px=diameter_px,
        pixel_size_um=dataset.info.pixel_size_um,
        nucleus_area_px=area_px,
        instances=rule,
        appearance=summarise_appearance(sample.image for sample in training),
        provenance=trace_origin(folder, dataset.folder, dataset.hash),
    )
    finish_run(folder, config, progress.best_epoch)
    return load_run(folder)


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
        optimizer=Adam(rate),
        loss={"probability": loss, "distance": "mean_squared_error"} if two_heads else loss,
        loss_weights={"probability": 1.0, "distance": settings.distance_weight}
        if two_heads
        else None,
        metrics={"probability": [iou]} if two_heads else [iou],
        jit_compile=compile_with_xla(),
    )
    model.optimizer.build(model.trainable_variables)


def _find_rate(
    model: keras.Model,
    recipe: Recipe,
    windows: TrainingWindows,
    checkpoint: Path,
    say: Callable[[str], None],
) -> float:
    """Return the rate that was found when the training began, or find it now."""
    if not (checkpoint / RATES).exists():
        compile_model(model, recipe.train, rate=1.0)  # another one at every step
        tried = try_learning_rates(model, windows)
        chosen = tried["learning_rate"] == find_valley(tried)
        write_table(checkpoint / RATES, tried.assign(chosen=chosen))
    tried = pd.read_csv(checkpoint / RATES)
    rate = float(tried.loc[tried["chosen"], "learning_rate"].item())
    say(f"learning rate {rate:.2g}, halfway along the longest fall of the loss")
    return rate
