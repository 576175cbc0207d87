"""The story of a detector's training: read, fit anchors, fit, tune, write the run folder."""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from cellid.config import AnchorSettings, DetectorRecipe
from cellid.dataset import Dataset
from cellid.dataset.instances import InstancePair, pair_instances
from cellid.errors import CellidError
from cellid.evaluation.coco import score_coco
from cellid.evaluation.score_sweep import sweep_scores
from cellid.imaging.instances import drop_small
from cellid.io.writers import remove_leftovers, write_text
from cellid.models.classifier import standardise
from cellid.models.detector import Detector, DetectorRun, load_detector
from cellid.models.pretrained import load_backbone_weights
from cellid.models.retinanet import build_retinanet
from cellid.nn.anchors import fit_anchors
from cellid.recipes import write_recipe
from cellid.runs import DetectorConfig
from cellid.training.backend import choose_precision, compile_with_xla, make_deterministic
from cellid.training.checkpoint import best_weights_file, read_checkpoint, read_epochs_done
from cellid.training.finish import finish_run, trace_origin
from cellid.training.loop import fingerprint, fit
from cellid.training.scene_windows import SceneWindows, box_objects
from cellid.training.scenes import Scene, read_scenes
from cellid.training.schedules import make_schedule
from cellid.training.trackers import TellEpochs, open_tracker
from cellid.types import count_channels


def train_detector(
    dataset: Dataset, recipe: DetectorRecipe, folder: Path, say: Callable[[str], None]
) -> DetectorRun:
    """Train a detector of the objects of a data set, or go on where it was interrupted.

    Parameters
    ----------
    dataset : Dataset
    recipe : DetectorRecipe
    folder : Path
        The run folder: new, or of an interrupted training of the same recipe and data set.
    say : callable
        Told in a line what was understood.

    Returns
    -------
    DetectorRun
        With the best weights and the threshold chosen on validation.

    Raises
    ------
    CellidError
        If there is no object to learn from, ``folder`` holds another training, or the loss is
        no longer a number.
    """
    dataset.check_trainable()
    if recipe.train.deterministic:
        make_deterministic()
    keras.utils.set_random_seed(recipe.seed)
    keras.config.set_dtype_policy(choose_precision(recipe.train.precision))

    training, validation = (
        read_scenes(dataset, split, recipe, say) for split in ("train", "validation")
    )
    anchors = _fit_anchors(training, recipe, dataset.folder)
    n_channels = count_channels(training[0].image)
    model = build_retinanet(recipe.model, anchors, recipe.train.loss, n_channels, n_classes=1)
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    if recipe.model.weights and not read_epochs_done(checkpoint):
        load_backbone_weights(model, recipe.model.weights)
    steps = len(SceneWindows(training, recipe, epoch=0))
    rate = make_schedule(recipe.train, recipe.train.learning_rate, steps)
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=recipe.train.max_gradient)
    model.compile(optimizer=optimizer, jit_compile=compile_with_xla())
    model.optimizer.build(model.trainable_variables)
    progress = read_checkpoint(
        checkpoint, model, fingerprint(recipe, dataset.crops("all"), dataset.hash)
    )
    write_text(folder / "recipe.toml", write_recipe(recipe))
    say(
        f"{steps} steps an epoch; {model.count_params() / 1e6:.2f} million weights on "
        f"{keras.backend.backend()}"
    )
    if progress.epochs_done:
        say(f"going on after epoch {progress.epochs_done}")
    tracker = open_tracker(recipe, folder)
    batches = SceneWindows(training, recipe, progress.epochs_done)
    unchanged = SceneWindows(validation, recipe, epoch=None)
    detector = Detector(model, recipe.predict)

    def judge() -> dict[str, float]:
        pairs = find_in_scenes(detector, validation, recipe)
        return {"val_ap_50": _average_precision(pairs, recipe)}

    callbacks = [TellEpochs(tracker, progress)]
    fit(model, batches, unchanged, recipe.train, progress, folder, callbacks, judge)
    batches.release()
    unchanged.release()

    model.load_weights(best_weights_file(checkpoint, progress.best_epoch))
    threshold, f1 = best_score(find_in_scenes(detector, validation, recipe), recipe)
    say(
        f"best epoch {progress.best_epoch} of {progress.epochs_done}; F1 {f1:.3f} on validation "
        f"from a score of {threshold:.2f}"
    )
    tracker.finish({"f1": f1, "best_epoch": progress.best_epoch})
    config = DetectorConfig(
        recipe=recipe,
        n_channels=n_channels,
        anchors=anchors,
        pixel_size_um=dataset.info.pixel_size_um,
        threshold=recipe.predict.threshold or threshold,
        provenance=trace_origin(folder, dataset.folder, dataset.hash),
    )
    finish_run(folder, config, progress.best_epoch)
    return load_detector(folder)


def find_in_scenes(
    detector: Detector, scenes: Sequence[Scene], recipe: DetectorRecipe
) -> list[InstancePair]:
    """Return the true and the found objects of each image."""
    return [
        pair_instances(
            scene.labels,
            scene.known,
            detector.detect(standardise(scene.image)),
            recipe.objects.network_min_area_px,
        )
        for scene in scenes
    ]


def best_score(pairs: Sequence[InstancePair], recipe: DetectorRecipe) -> tuple[float, float]:
    """Return the least score of an object that gives the best F1 over images, and that F1.

    Parameters
    ----------
    pairs : sequence of (true, found)
    recipe : DetectorRecipe
        Its ``min_score`` is the lowest tried, its ``iou_threshold`` makes a match.
    """
    tried = sweep_scores(
        pairs,
        by="box",
        iou_threshold=recipe.evaluate.iou_threshold,
        lowest=recipe.predict.min_score,
    ).fillna(0.0)
    best = tried.loc[tried["f1"].idxmax()]
    return float(best["score"]), float(best["f1"])


def _average_precision(pairs: Sequence[InstancePair], recipe: DetectorRecipe) -> float:
    """Return COCO's AP at IoU 0.5; 0 where there is nothing to find."""
    scores = score_coco(pairs, by="box", max_detections=recipe.predict.max_detections)
    return float(np.nan_to_num(scores.ap_50))


def _fit_anchors(scenes: Sequence[Scene], recipe: DetectorRecipe, folder: Path) -> AnchorSettings:
    """Return anchors for the boxes of all objects."""
    boxes = []
    for scene in scenes:
        labels = drop_small(scene.labels, recipe.objects.network_min_area_px)
        boxes.append(box_objects(labels, np.ones(labels.max() + 1), min_visible=0.0)[0])
    if not sum(map(len, boxes)):
        raise CellidError(
            folder,
            expected=f"objects of at least {recipe.objects.min_area_px} pixels to learn from",
            got=f"none in {len(scenes)} images",
            remedy="give masks with the objects drawn, or lower objects.min_area_px",
        )
    levels = range(recipe.model.finest_level, recipe.model.coarsest_level + 1)
    return fit_anchors(recipe.anchors, levels, np.concatenate(boxes))
