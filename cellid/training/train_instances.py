"""The story of the training of a Mask R-CNN, from scratch or from weights of COCO."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras

from cellid.config import (
    InstanceRecipe,
    InstanceTrainSettings,
    MaskRcnnSettings,
    TransferMaskRcnnSettings,
)
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.models.instance_run import (
    InstanceRun,
    build_network,
    detect_in_tiles,
    load_instance_run,
)
from cellid.models.mask_detector import MaskDetector
from cellid.models.mask_rcnn import MaskRcnn
from cellid.models.pretrained import load_backbone_weights
from cellid.models.pretrained_mask_rcnn import load_mask_rcnn_weights
from cellid.nn.resnet import STAGES
from cellid.runs import InstanceConfig
from cellid.training.dynamics import SGD, AdamW
from cellid.training.finish import finish_run, trace_origin
from cellid.training.schedules import Rate, make_schedule, step_down
from cellid.training.train_objects import Learner, Stage, open_training, train_learner


def train_instances(
    dataset: Dataset, recipe: InstanceRecipe, folder: Path, say: Callable[[str], None]
) -> InstanceRun:
    """Train a network that outlines the objects of a data set, or go on where it was interrupted.

    Parameters, Returns and Raises as of `cellid.training.train_detector.train_detector`.
    """
    network = recipe.model
    if network.frozen_norm and not network.weights:
        raise CellidError(
            "model.weights",
            expected="weights to begin with, for batch norm is never trained (model.frozen_norm)",
            got="none",
            remedy="name weights or a file of them (see `cellid weights list`), or train "
            "--preset cell-instances, which begins with none",
        )
    scenes = open_training(dataset, recipe, say)
    anchors = scenes.fit_anchors(network.anchors, network.levels, recipe.objects)
    model = build_network(network, anchors, scenes.n_channels, recipe.seed)
    detect = partial(
        detect_in_tiles,
        MaskDetector(model, recipe.predict).detect,
        settings=recipe.predict.tiles,
    )
    begin = partial(load_pretrained, model, network)
    learner = Learner(model, begin, plan_stages(model, recipe.train), detect)
    threshold, best_epoch = train_learner(learner, scenes, recipe, folder, say)
    config = InstanceConfig(
        recipe=recipe,
        n_channels=scenes.n_channels,
        anchors=anchors,
        pixel_size_um=dataset.info.pixel_size_um,
        threshold=threshold,
        provenance=trace_origin(folder, dataset.folder, dataset.hash),
    )
    finish_run(folder, config, best_epoch)
    return load_instance_run(folder)


def load_pretrained(model: MaskRcnn, settings: MaskRcnnSettings) -> None:
    """Give a network the weights that its settings name: of all of it, or of its backbone."""
    if settings.weights:
        whole = isinstance(settings, TransferMaskRcnnSettings)
        load = load_mask_rcnn_weights if whole else load_backbone_weights
        load(model, settings.weights)


def plan_stages(model: MaskRcnn, settings: InstanceTrainSettings) -> list[Stage]:
    """Return the stages of a training: of the heads alone, if there is such a one, and of all."""
    heads = min(settings.head_epochs, settings.epochs)
    rest = settings.model_copy(update={"epochs": settings.epochs - heads})

    def of_heads(steps: int) -> keras.optimizers.Optimizer:
        return make_optimizer(settings, settings.head_learning_rate)

    def of_all(steps: int) -> keras.optimizers.Optimizer:
        return make_optimizer(settings, _rates(rest, steps))

    stages = []
    if heads:
        held = partial(model.hold, 1 + len(STAGES), proposals=True)
        stages.append(Stage(heads, held, of_heads))
    if rest.epochs:
        stages.append(Stage(settings.epochs, partial(model.hold, 0), of_all))
    return stages


def make_optimizer(settings: InstanceTrainSettings, rate: Rate) -> keras.optimizers.Optimizer:
    """Return the optimizer that settings name."""
    if settings.optimizer == "adamw":
        return AdamW(
            rate, weight_decay=settings.weight_decay, global_clipnorm=settings.max_gradient
        )
    # PyTorch's decay, which the paper's number is of, is a part of the gradient and so goes on
    # by momentum; Keras's is not and does not
    return SGD(
        rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay / (1 - settings.momentum),
        global_clipnorm=settings.max_gradient,
    )


def _rates(settings: InstanceTrainSettings, steps: int) -> Rate:
    """Return the learning rate of every step, of which an epoch has so many."""
    if settings.schedule == "step":
        every = settings.step_epochs * steps
        return step_down(settings.learning_rate, every, settings.step_factor)
    return make_schedule(settings, settings.learning_rate, steps)
