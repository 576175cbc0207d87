"""The story of a classifier's training: read, fit stage by stage, tune, write the run folder."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from cellid.config import BceSettings, ClassifierRecipe
from cellid.dataset import SPLITS
from cellid.dataset.patches import PatchSet, PatchSource, check_trainable
from cellid.errors import CellidError
from cellid.evaluation.classification import best_threshold
from cellid.io.writers import remove_leftovers, write_text
from cellid.models.classifier import Classifier, build_classifier, load_classifier
from cellid.models.pretrained import load_backbone_weights
from cellid.nn.losses import build_loss
from cellid.nn.resnet import STAGES, freeze
from cellid.recipes import write_recipe
from cellid.runs import ClassifierConfig
from cellid.training.backend import choose_precision, compile_with_xla, make_deterministic
from cellid.training.checkpoint import best_weights_file, read_checkpoint, read_epochs_done
from cellid.training.dynamics import Adam
from cellid.training.finish import finish_run, trace_origin
from cellid.training.loop import fingerprint, fit
from cellid.training.patches import PatchBatches
from cellid.training.trackers import TellEpochs, open_tracker
from cellid.types import count_channels


def train_classifier(
    source: PatchSource, recipe: ClassifierRecipe, folder: Path, say: Callable[[str], None]
) -> Classifier:
    """Train a classifier of patches, or go on with a training that was interrupted.

    Parameters
    ----------
    source : PatchSource
    recipe : ClassifierRecipe
    folder : Path
        The run folder: new, or of an interrupted training of the same recipe and images.
    say : callable
        Told in a line what was understood.

    Returns
    -------
    Classifier
        With the best weights and the threshold chosen on validation.

    Raises
    ------
    CellidError
        If there are not both classes to train on, ``folder`` holds another training, or the
        loss is no longer a number.
    """
    check_trainable(source)
    if recipe.train.deterministic:
        make_deterministic()
    keras.utils.set_random_seed(recipe.seed)
    keras.config.set_dtype_policy(choose_precision(recipe.train.precision))

    training, validation = (_read_patches(source, split, recipe, say) for split in SPLITS[:2])
    n_channels = count_channels(training.fields[0])
    model = build_classifier(recipe.model, n_channels)
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)

    done = read_epochs_done(checkpoint)
    if recipe.model.weights and not done:
        load_backbone_weights(model, recipe.model.weights)
    stages = [(held, end) for held, end in plan_stages(recipe) if end >= done]
    compile_classifier(model, recipe, stages[0][0])
    progress = read_checkpoint(checkpoint, model, fingerprint(recipe, source.images, source.hash))
    write_text(folder / "recipe.toml", write_recipe(recipe))
    weights = weigh_classes(training, recipe)
    n_steps = len(PatchBatches(training, recipe, weights, epoch=done))
    validation_batches = PatchBatches(validation, recipe, weights, epoch=None)
    say(
        f"{n_steps} steps an epoch; {model.count_params() / 1e6:.2f} million weights on "
        f"{keras.backend.backend()}"
    )
    if done:
        say(f"going on after epoch {done}")
    tracker = open_tracker(recipe, folder)
    callbacks = [TellEpochs(tracker, progress)]
    for number, (held, end) in enumerate(stages):
        if number:
            compile_classifier(model, recipe, held)
        batches = PatchBatches(training, recipe, weights, progress.epochs_done)
        settings = recipe.train.model_copy(update={"epochs": end})
        fit(model, batches, validation_batches, settings, progress, folder, callbacks)
        # TensorFlow keeps what it has read from for as long as the process lives
        batches.release()

    model = build_classifier(recipe.model, n_channels)
    model.load_weights(best_weights_file(checkpoint, progress.best_epoch))
    probabilities = model.predict(validation_batches, verbose=0)[:, 0].astype(np.float64)
    threshold, f1 = best_threshold(validation.positive, probabilities)
    validation_batches.release()
    say(
        f"best epoch {progress.best_epoch} of {progress.epochs_done}; F1 {f1:.3f} on validation "
        f"with the threshold {threshold:.3g}"
    )
    tracker.finish({"f1": f1, "best_epoch": progress.best_epoch})
    config = ClassifierConfig(
        recipe=recipe,
        n_channels=n_channels,
        pixel_size_um=source.pixel_size_um,
        threshold=recipe.predict.threshold or threshold,
        provenance=trace_origin(folder, source.folder, source.hash)
        | {
            "trained on": training.describe(recipe.patches),
            "validated on": validation.describe(recipe.patches),
        },
    )
    finish_run(folder, config, progress.best_epoch)
    return load_classifier(folder)


def plan_stages(recipe: ClassifierRecipe) -> list[tuple[int, int]]:
    """Return how many parts of the network are held, and until which epoch.

    From random weights all are trained from the start. Else only the last stage and the head
    are at first; then one stage more at a time, and at last the stem.

    Returns
    -------
    list of (int, int)
        Parts as of `cellid.nn.resnet.freeze`; the last lasts to the end.
    """
    every, epochs = recipe.train.unfreeze_every, recipe.train.epochs
    if recipe.model.weights is None or not every:
        return [(0, epochs)]
    n = len(STAGES)
    ends = [min(every * number, epochs) for number in range(1, n + 1)]
    return [*zip(range(n, 0, -1), ends, strict=True), (0, epochs)]


def compile_classifier(model: keras.Model, recipe: ClassifierRecipe, held: int) -> None:
    """Hold some parts of a network, and give it loss, a new optimizer and scores.

    Parameters
    ----------
    model : keras.Model
        As from `build_classifier`.
    recipe : ClassifierRecipe
    held : int
        Parts that are not trained, as of `cellid.nn.resnet.freeze`.
    """
    freeze(model, held)
    loss = recipe.train.loss
    model.compile(
        optimizer=Adam(recipe.train.learning_rate),
        loss=keras.losses.BinaryCrossentropy()
        if isinstance(loss, BceSettings)
        else build_loss(loss),
        metrics=[
            keras.metrics.F1Score(average="micro", threshold=0.5, name="f1"),
            keras.metrics.BinaryAccuracy(name="accuracy"),
        ],
        jit_compile=compile_with_xla(),
    )
    model.optimizer.build(model.trainable_variables)


def weigh_classes(patches: PatchSet, recipe: ClassifierRecipe) -> tuple[float, float]:
    """Return the weights of a negative and of a positive patch in the loss, 1 on average."""
    if recipe.train.class_weights == "equal":
        return 1.0, 1.0
    share = float(patches.positive.mean())
    return 0.5 / (1 - share), 0.5 / share


def _read_patches(
    source: PatchSource, split: str, recipe: ClassifierRecipe, say: Callable[[str], None]
) -> PatchSet:
    """Read the patches of a split and say what there is; both classes must be."""
    patches, settings = source.patches(split, recipe.patches.overlap), recipe.patches
    described = f"{split}: {patches.describe(settings)}"
    if len(np.unique(patches.positive)) < 2:
        raise CellidError(
            source.folder,
            expected=f"{settings.positive} and {settings.negative} patches in every split",
            got=described,
            remedy="give more images, or choose another patches.size_px",
        )
    say(described)
    return patches
