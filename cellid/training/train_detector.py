"""The story of the training of a detector of boxes."""

from collections.abc import Callable
from pathlib import Path

import keras

from cellid.config import DetectorRecipe
from cellid.dataset import Dataset
from cellid.models.detector import Detector, DetectorRun, load_detector
from cellid.models.pretrained import load_backbone_weights
from cellid.models.retinanet import build_retinanet
from cellid.runs import DetectorConfig
from cellid.training.dynamics import Adam
from cellid.training.finish import finish_run, trace_origin
from cellid.training.schedules import make_schedule
from cellid.training.train_objects import Learner, Stage, open_training, train_learner


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
    train, network = recipe.train, recipe.model
    scenes = open_training(dataset, recipe, say)
    levels = range(network.finest_level, network.coarsest_level + 1)
    anchors = scenes.fit_anchors(recipe.anchors, levels, recipe.objects)
    model = build_retinanet(network, anchors, train.loss, scenes.n_channels, n_classes=1)

    def begin() -> None:
        if network.weights:
            load_backbone_weights(model, network.weights)

    def optimizer(steps: int) -> keras.optimizers.Optimizer:
        rate = make_schedule(train, train.learning_rate, steps)
        return Adam(rate, global_clipnorm=train.max_gradient)

    stages = [Stage(train.epochs, hold=lambda: None, optimizer=optimizer)]
    learner = Learner(model, begin, stages, Detector(model, recipe.predict).detect)
    threshold, best_epoch = train_learner(learner, scenes, recipe, folder, say)
    config = DetectorConfig(
        recipe=recipe,
        n_channels=scenes.n_channels,
        anchors=anchors,
        pixel_size_um=dataset.info.pixel_size_um,
        threshold=threshold,
        provenance=trace_origin(folder, dataset.folder, dataset.hash),
    )
    finish_run(folder, config, best_epoch)
    return load_detector(folder)
