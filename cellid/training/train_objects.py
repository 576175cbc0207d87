"""What the trainings of all detectors share: read, fit anchors, fit stage by stage, tune."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from cellid.config import AnchorSettings, ObjectRecipe, ObjectSettings
from cellid.dataset import Dataset
from cellid.dataset.instances import InstancePair, pair_instances
from cellid.errors import CellidError
from cellid.evaluation.coco import score_coco
from cellid.evaluation.score_sweep import sweep_scores
from cellid.imaging.instances import drop_small
from cellid.io.writers import remove_leftovers, write_text
from cellid.models.classifier import standardise
from cellid.nn.anchors import fit_anchors
from cellid.recipes import write_recipe
from cellid.training.backend import choose_precision, compile_with_xla, make_deterministic
from cellid.training.checkpoint import best_weights_file, read_checkpoint, read_epochs_done
from cellid.training.loop import fingerprint, fit
from cellid.training.scene_windows import SceneWindows, box_objects
from cellid.training.scenes import Scene, read_scenes
from cellid.training.trackers import TellEpochs, open_tracker
from cellid.types import Detections, Frame, count_channels


class Stage(NamedTuple):
    """Epochs that are trained alike.

    Attributes
    ----------
    last_epoch : int
    hold : callable
        Called before: holds the parts of the network that are not trained.
    optimizer : callable
        Makes a new one, told how many steps an epoch has.
    """

    last_epoch: int
    hold: Callable[[], None]
    optimizer: Callable[[int], keras.optimizers.Optimizer]


@dataclass(frozen=True)
class Learner:
    """A network that is to find objects, and how it is trained.

    Attributes
    ----------
    model : keras.Model
        Its loss is its own.
    begin : callable
        Called before the first epoch: gives it pretrained weights, if there are any.
    stages : sequence of Stage
    detect : callable
        Finds the objects of an image from -1 to 1 with the model as it is.
    """

    model: keras.Model
    begin: Callable[[], None]
    stages: Sequence[Stage]
    detect: Callable[[Frame], Detections]


@dataclass(frozen=True)
class TrainingScenes:
    """The images that a detector is trained on and judged by."""

    dataset: Dataset
    training: list[Scene]
    validation: list[Scene]

    @property
    def n_channels(self) -> int:
        """Of every image."""
        return count_channels(self.training[0].image)

    def fit_anchors(
        self, settings: AnchorSettings, levels: Sequence[int], objects: ObjectSettings
    ) -> AnchorSettings:
        """Return anchors for the boxes of all objects.

        Raises
        ------
        CellidError
            If there are none to learn from.
        """
        boxes = []
        for scene in self.training:
            labels = drop_small(scene.labels, objects.network_min_area_px)
            boxes.append(box_objects(labels, np.ones(labels.max() + 1), min_visible=0.0).boxes)
        if not sum(map(len, boxes)):
            raise CellidError(
                self.dataset.folder,
                expected=f"objects of at least {objects.min_area_px} pixels to learn from",
                got=f"none in {len(self.training)} images",
                remedy="give masks with the objects drawn, or lower objects.min_area_px",
            )
        return fit_anchors(settings, levels, np.concatenate(boxes))


def open_training(
    dataset: Dataset, recipe: ObjectRecipe, say: Callable[[str], None]
) -> TrainingScenes:
    """Set seed and precision, and read what is trained on.

    Raises
    ------
    CellidError
        If there is too little, or as `read_scenes`.
    """
    dataset.check_trainable()
    if recipe.train.deterministic:
        make_deterministic()
    keras.utils.set_random_seed(recipe.seed)
    keras.config.set_dtype_policy(choose_precision(recipe.train.precision))
    training, validation = (
        read_scenes(dataset, split, recipe, say) for split in ("train", "validation")
    )
    return TrainingScenes(dataset, training, validation)


def train_learner(
    learner: Learner,
    scenes: TrainingScenes,
    recipe: ObjectRecipe,
    folder: Path,
    say: Callable[[str], None],
) -> tuple[float, int]:
    """Train a detector, or go on where it was interrupted.

    Parameters
    ----------
    learner : Learner
        Has the best weights afterwards.
    scenes : TrainingScenes
    recipe : ObjectRecipe
    folder : Path
        The run folder: new, or of an interrupted training of the same recipe and data set.
    say : callable
        Told in a line what was understood.

    Returns
    -------
    threshold : float
        The recipe's, or the one chosen on validation.
    best_epoch : int

    Raises
    ------
    CellidError
        If ``folder`` holds another training, or the loss is no longer a number.
    """
    model, dataset = learner.model, scenes.dataset
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    done = read_epochs_done(checkpoint)
    if not done:
        learner.begin()
    steps = len(SceneWindows(scenes.training, recipe, epoch=0))
    stages = [stage for stage in learner.stages if stage.last_epoch >= done]
    _compile(model, stages[0], steps)
    progress = read_checkpoint(
        checkpoint, model, fingerprint(recipe, dataset.crops("all"), dataset.hash)
    )
    write_text(folder / "recipe.toml", write_recipe(recipe))
    say(
        f"{steps} steps an epoch; {model.count_params() / 1e6:.2f} million weights on "
        f"{keras.backend.backend()}"
    )
    if done:
        say(f"going on after epoch {done}")
    tracker = open_tracker(recipe, folder)
    unchanged = SceneWindows(scenes.validation, recipe, epoch=None)

    def judge() -> dict[str, float]:
        pairs = find_in_scenes(learner, scenes.validation, recipe)
        return {"val_ap_50": _average_precision(pairs, recipe)}

    for number, stage in enumerate(stages):
        if number:
            _compile(model, stage, steps)
        batches = SceneWindows(scenes.training, recipe, progress.epochs_done)
        settings = recipe.train.model_copy(update={"epochs": stage.last_epoch})
        callbacks: list[keras.callbacks.Callback] = [TellEpochs(tracker, progress)]
        fit(model, batches, unchanged, settings, progress, folder, callbacks, judge)
        # TensorFlow keeps what it has read from for as long as the process lives
        batches.release()
    unchanged.release()

    model.load_weights(best_weights_file(checkpoint, progress.best_epoch))
    threshold, f1 = best_score(find_in_scenes(learner, scenes.validation, recipe), recipe)
    say(
        f"best epoch {progress.best_epoch} of {progress.epochs_done}; F1 {f1:.3f} on validation "
        f"from a score of {threshold:.2f}"
    )
    tracker.finish({"f1": f1, "best_epoch": progress.best_epoch})
    return recipe.predict.threshold or threshold, progress.best_epoch


def find_in_scenes(
    learner: Learner, scenes: Sequence[Scene], recipe: ObjectRecipe
) -> list[InstancePair]:
    """Return the true and the found objects of each image."""
    return [
        pair_instances(
            scene.labels,
            scene.known,
            learner.detect(standardise(scene.image)),
            recipe.objects.network_min_area_px,
        )
        for scene in scenes
    ]


def best_score(pairs: Sequence[InstancePair], recipe: ObjectRecipe) -> tuple[float, float]:
    """Return the least score of an object that gives the best F1 over images, and that F1.

    Parameters
    ----------
    pairs : sequence of (true, found)
    recipe : ObjectRecipe
        Its ``min_score`` is the lowest tried, its ``iou_threshold`` makes a match.
    """
    tried = sweep_scores(
        pairs,
        by=recipe.by,
        iou_threshold=recipe.evaluate.iou_threshold,
        lowest=recipe.predict.min_score,
    ).fillna(0.0)
    best = tried.loc[tried["f1"].idxmax()]
    return float(best["score"]), float(best["f1"])


def _average_precision(pairs: Sequence[InstancePair], recipe: ObjectRecipe) -> float:
    """Return COCO's AP at IoU 0.5; 0 where there is nothing to find."""
    scores = score_coco(pairs, by=recipe.by, max_detections=recipe.evaluate.max_detections)
    return float(np.nan_to_num(scores.ap_50))


def _compile(model: keras.Model, stage: Stage, steps: int) -> None:
    stage.hold()
    model.compile(optimizer=stage.optimizer(steps), jit_compile=compile_with_xla())
    model.optimizer.build(model.trainable_variables)
