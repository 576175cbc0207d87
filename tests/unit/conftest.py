"""A data set and a training small enough to be made for the tests."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial, partialmethod
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd
import pytest

from cellid.config import ClassifierRecipe, DetectorRecipe, InstanceRecipe, Recipe
from cellid.dataset import COLUMNS, Dataset, read_dataset, writing_dataset
from cellid.recipes import load_any_recipe, load_recipe

if TYPE_CHECKING:  # tests without a network do not wait for Keras
    from cellid.models.classifier import Classifier
    from cellid.models.detector import DetectorRun
    from cellid.models.instance_run import InstanceRun
    from cellid.models.run import Run

DIAMETER_PX = 12.0
NOT_MEASURED = {name: np.nan for name, dtype in COLUMNS.items() if dtype == "float64"}


def phase_and_labels(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a noisy image of ``n`` bright disks and their labels, (64, 72)."""
    random = np.random.default_rng(seed)
    labels = np.zeros((64, 72), np.int32)
    places = random.permutation([(x, y) for x in range(10, 66, 14) for y in range(10, 56, 14)])
    for number, centre in enumerate(places[:n], start=1):
        cv2.circle(labels, centre.tolist(), int(DIAMETER_PX / 2), number, thickness=-1)
    image = 100 + 60 * cv2.GaussianBlur((labels > 0).astype(np.float32), (0, 0), 1)
    return (image + random.normal(0, 8, image.shape)).astype(np.uint8), labels


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Ten fields of a crop each; one of the training crops holds no nucleus."""
    folder = tmp_path_factory.mktemp("tiny") / "dataset"
    splits = ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
    with writing_dataset(folder, overwrite=False) as writer:
        rows = []
        for i, split in enumerate(splits):
            name = f"f{i}"
            image, labels = phase_and_labels(i, n=6 if i else 0)
            rows.append(
                {
                    **NOT_MEASURED,
                    **writer.add_crop(name, image, image.astype(np.float32), labels, 1.0),
                    **dict.fromkeys(("field", "id", "group", "file", "stain_file"), name),
                    **{"line": "HeLa" if i % 2 else "CHO", "well": "", "site": "", "reason": ""},
                    **{"y0": 0, "x0": 0, "y1": 64, "x1": 72, "split": split, "kept": True},
                    **{"labelled_by": "auto", "weight": 1.0},
                }
            )
        writer.finish(
            pd.DataFrame(rows),
            cellid_version="0",
            pixel_size_um=1.0,
            nucleus_diameter_px=DIAMETER_PX,
            recipe={"labels": {"method": "auto"}, "split": {"by": "field"}},
            sources=(),
            problems={},
        )
    return read_dataset(folder)


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    """Three epochs of a network of two poolings on windows of 32 pixels."""
    return load_recipe(
        "fast",
        overrides=[
            *("model.filters=2", "model.depth=2", "model.nucleus_px=8"),
            *("train.epochs=3", "train.batch_size=4", "train.window_px=32"),
        ],
    )


@pytest.fixture(scope="session")
def tiny_run(
    tiny_dataset: Dataset, tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory
) -> "Run":
    """The run of the tiny recipe, trained without interruption."""
    from cellid.training import train_model

    return train_model(tiny_dataset, tiny_recipe, tmp_path_factory.mktemp("tiny") / "run", print)


@pytest.fixture(scope="session")
def tiny_classifier_recipe() -> ClassifierRecipe:
    """Three epochs on patches of 16 pixels, each of which the network sees enlarged twice."""
    recipe = load_any_recipe(
        "adhesion-classifier",
        overrides=[
            *("patches.size_px=16", "patches.input_px=32", "train.epochs=3"),
            *("train.learning_rate=0.01", "evaluate.bootstrap_samples=100"),
        ],
    )
    assert isinstance(recipe, ClassifierRecipe)
    return recipe


@contextmanager
def small_backbone() -> Iterator[None]:
    """Put a network with the names of a ResNet's layers in place of a ResNet."""
    import keras
    from keras import layers

    def stages(inputs, variant, strides=(1, 1, 1, 1)):
        x = layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False, name="conv1")(inputs)
        x = layers.BatchNormalization(momentum=0.5, name="bn1")(x)
        features = []
        for name, stride in zip(("layer1", "layer2", "layer3", "layer4"), strides, strict=True):
            options = {"strides": stride, "padding": "same", "use_bias": False}
            x = layers.Conv2D(8, 3, **options, name=f"{name}_0_conv1")(x)
            x = layers.BatchNormalization(momentum=0.5, name=f"{name}_0_bn1")(x)
            x = layers.Activation("relu", name=name)(x)
            features.append(x)
        return features

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cellid.models.classifier.resnet_stages", stages)
        of_pyramid = partial(stages, strides=(2, 2, 2, 2))
        patch.setattr("cellid.models.retinanet.resnet_stages", of_pyramid)
        patch.setattr("cellid.models.mask_rcnn.resnet_stages", of_pyramid)
        # A few steps take less time than what it takes to compile them
        patch.setattr(keras.Model, "compile", partialmethod(keras.Model.compile, run_eagerly=True))
        yield


@pytest.fixture(scope="module")
def tiny_backbone() -> Iterator[None]:
    """`small_backbone`."""
    with small_backbone():
        yield


@pytest.fixture(scope="session")
def tiny_classifier_folder(
    tiny_dataset: Dataset,
    tiny_classifier_recipe: ClassifierRecipe,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The run of the tiny recipe, trained without interruption; do not write to it."""
    from cellid.dataset.patches import open_patches
    from cellid.training.train_classifier import train_classifier

    with small_backbone():
        source = open_patches(tiny_dataset.folder, tiny_classifier_recipe)
        folder = tmp_path_factory.mktemp("classifier") / "run"
        return train_classifier(source, tiny_classifier_recipe, folder, print).folder


@pytest.fixture(scope="module")
def tiny_classifier(
    tiny_classifier_folder: Path, tiny_backbone: None, tmp_path_factory: pytest.TempPathFactory
) -> "Classifier":
    """A copy of that run, loaded; reports may be written to it."""
    from cellid.models.classifier import load_classifier

    copy = tmp_path_factory.mktemp("classifier") / "run"
    return load_classifier(Path(shutil.copytree(tiny_classifier_folder, copy)))


@pytest.fixture(scope="session")
def tiny_detector_recipe() -> DetectorRecipe:
    """Four epochs on windows of 32 pixels, with a pyramid of two levels."""
    recipe = load_any_recipe(
        "adhesion-detector",
        overrides=[
            *("model.filters=8", "model.coarsest_level=3", "train.window_px=32"),
            *("objects.scale=1.0", "model.norm_momentum=0.9"),
            *("train.epochs=4", "train.learning_rate=0.01", "train.batch_size=4"),
            *("predict.candidates=50", "predict.max_detections=20", "predict.min_score=0.02"),
            "evaluate.bootstrap_samples=100",
        ],
    )
    assert isinstance(recipe, DetectorRecipe)
    return recipe


@pytest.fixture(scope="session")
def tiny_detector_folder(
    tiny_dataset: Dataset,
    tiny_detector_recipe: DetectorRecipe,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The run of the tiny recipe, trained without interruption; do not write to it."""
    from cellid.training.train_detector import train_detector

    with small_backbone():
        folder = tmp_path_factory.mktemp("detector") / "run"
        return train_detector(tiny_dataset, tiny_detector_recipe, folder, print).folder


@pytest.fixture(scope="module")
def tiny_detector(
    tiny_detector_folder: Path, tiny_backbone: None, tmp_path_factory: pytest.TempPathFactory
) -> "DetectorRun":
    """A copy of that run, loaded; reports may be written to it."""
    from cellid.models.detector import load_detector

    copy = tmp_path_factory.mktemp("detector") / "run"
    return load_detector(Path(shutil.copytree(tiny_detector_folder, copy)))


@pytest.fixture(scope="session")
def tiny_instance_recipe() -> InstanceRecipe:
    """Three epochs on windows of 32 pixels, the first of the heads alone; tiles of 64 pixels."""
    recipe = load_any_recipe(
        "cell-instances",
        overrides=[
            *("model.filters=8", "model.hidden=16", "model.mask_filters=8", "model.mask_output=14"),
            *("model.attention=false", "model.anchors.sizes=none", "model.anchors.n_sizes=1"),
            *("model.proposals.train_candidates=16", "model.proposals.train_proposals=8"),
            *("model.proposals.proposals=12", "model.box_samples.samples=16"),
            *("train.window_px=32", "train.epochs=3", "train.head_epochs=1"),
            *("train.head_learning_rate=0.01", "train.learning_rate=0.02", "train.batch_size=8"),
            *("predict.candidates=40", "predict.max_detections=20", "predict.min_score=0.02"),
            *("predict.threshold=none", "predict.tiles.tile_px=64"),
            *("evaluate.bootstrap_samples=100", "objects.scaling=range"),
        ],
    )
    assert isinstance(recipe, InstanceRecipe)
    return recipe


@pytest.fixture(scope="session")
def tiny_instances_folder(
    tiny_dataset: Dataset,
    tiny_instance_recipe: InstanceRecipe,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The run of the tiny recipe, trained without interruption; do not write to it."""
    from cellid.training.train_instances import train_instances

    with small_backbone():
        folder = tmp_path_factory.mktemp("instances") / "run"
        return train_instances(tiny_dataset, tiny_instance_recipe, folder, print).folder


@pytest.fixture(scope="module")
def tiny_instances(
    tiny_instances_folder: Path, tiny_backbone: None, tmp_path_factory: pytest.TempPathFactory
) -> "InstanceRun":
    """A copy of that run, loaded; reports may be written to it."""
    from cellid.models.instance_run import load_instance_run

    copy = tmp_path_factory.mktemp("instances") / "run"
    return load_instance_run(Path(shutil.copytree(tiny_instances_folder, copy)))
