"""Training of a classifier: stages, interruption, threshold, what it writes and refuses."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from cellid.config import ClassifierRecipe
from cellid.dataset import Dataset
from cellid.dataset.patches import open_patches
from cellid.errors import CellidError
from cellid.imaging.patches import patch_boxes
from cellid.models.classifier import Classifier, classify, load_classifier
from cellid.nn.losses import PixelLoss
from cellid.recipes import load_any_recipe
from cellid.runs import read_config, read_task
from cellid.training import loop
from cellid.training import train_classifier as story
from cellid.training.patches import PatchBatches
from cellid.training.train_classifier import (
    compile_classifier,
    plan_stages,
    train_classifier,
    weigh_classes,
)


def changed(recipe: ClassifierRecipe, group: str, **settings: object) -> ClassifierRecipe:
    values = getattr(recipe, group).model_copy(update=settings)
    return recipe.model_copy(update={group: values})


def test_a_run_is_read_again_and_predicts_the_same(
    tiny_classifier: Classifier, tiny_classifier_recipe: ClassifierRecipe, tiny_dataset: Dataset
) -> None:
    folder = tiny_classifier.folder
    assert {entry.name for entry in folder.iterdir()} == {
        *("config.json", "model.weights.h5", "recipe.toml", "history.csv")
    }
    history = pd.read_csv(folder / "history.csv")
    assert {"loss", "f1", "accuracy", "val_loss", "val_f1", "val_accuracy"} <= set(history)
    assert len(history) == 3
    assert load_any_recipe(file=folder / "recipe.toml") == tiny_classifier_recipe
    assert read_task(folder) == "classify"
    with pytest.raises(CellidError, match="one that classifies patches"):
        read_config(folder)

    loaded = load_classifier(folder)
    field = loaded.prepare(tiny_dataset.image("f8"))
    boxes = patch_boxes(field.shape, 16, 0.5)
    np.testing.assert_array_equal(
        classify(loaded, field, boxes, 16), classify(tiny_classifier, field, boxes, 16)
    )


def test_disks_are_learned(tiny_classifier: Classifier, tiny_dataset: Dataset) -> None:
    recipe = tiny_classifier.config.recipe
    test = open_patches(tiny_dataset.folder, recipe).patches("test", 0.0)
    said = np.concatenate(
        [
            classify(tiny_classifier, field, test.boxes[test.table["field"] == number], 16)
            for number, field in enumerate(test.fields)
        ]
    )
    right = (said >= tiny_classifier.config.threshold) == test.positive
    assert right.mean() > max(test.positive.mean(), 1 - test.positive.mean()) + 0.1


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(
    tiny_dataset: Dataset,
    tiny_classifier_recipe: ClassifierRecipe,
    tiny_backbone: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stopped after an epoch, before another stage is let go."""

    class Stop(Exception):
        pass

    def load(model: keras.Model, source: str) -> None:
        assert source == "some.pth"
        for number, variable in enumerate(model.get_layer("conv1").variables):
            variable.assign(np.random.default_rng(number).normal(size=variable.shape))

    def stop(*_: object) -> None:
        raise Stop

    monkeypatch.setattr(story, "load_backbone_weights", load)
    recipe = changed(tiny_classifier_recipe, "model", weights="some.pth")
    recipe = changed(recipe, "train", unfreeze_every=1, epochs=2)
    source = open_patches(tiny_dataset.folder, recipe)
    whole = train_classifier(source, recipe, tmp_path / "whole", print)
    with monkeypatch.context() as patch:
        patch.setattr(loop._Bar, "on_epoch_end", stop)
        with pytest.raises(Stop):
            train_classifier(source, recipe, tmp_path / "parts", print)
    parts = train_classifier(source, recipe, tmp_path / "parts", print)
    pd.testing.assert_frame_equal(
        *(
            pd.read_csv(run.folder / "history.csv").drop(columns=["epoch_s", "memory_mb"])
            for run in (whole, parts)
        ),
        rtol=1e-4,
    )
    for one, other in zip(whole.model.weights, parts.model.weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-3, atol=1e-5)
    assert whole.config.threshold == pytest.approx(parts.config.threshold, abs=1e-4)
    # Two epochs let go of two stages: the stem has never learned
    kernel = whole.model.get_layer("conv1").kernel
    began = np.random.default_rng(0).normal(size=kernel.shape)
    np.testing.assert_allclose(kernel.numpy(), began, rtol=1e-6)


@pytest.mark.parametrize(
    ("weights", "every", "epochs", "stages"),
    [
        (None, 2, 25, [(0, 25)]),
        ("some.pth", 0, 25, [(0, 25)]),
        ("some.pth", 2, 25, [(4, 2), (3, 4), (2, 6), (1, 8), (0, 25)]),
        ("some.pth", 2, 3, [(4, 2), (3, 3), (2, 3), (1, 3), (0, 3)]),
    ],
)
def test_stages_are_let_go_one_by_one_from_the_last(
    weights: str | None, every: int, epochs: int, stages: list[tuple[int, int]]
) -> None:
    recipe = changed(ClassifierRecipe(), "model", weights=weights)
    recipe = changed(recipe, "train", unfreeze_every=every, epochs=epochs)
    assert plan_stages(recipe) == stages


def test_classes_are_balanced_and_a_loss_is_chosen(
    tiny_dataset: Dataset, tiny_classifier_recipe: ClassifierRecipe, tiny_backbone: None
) -> None:
    recipe = tiny_classifier_recipe
    patches = open_patches(tiny_dataset.folder, recipe).patches("train", 0.0)
    assert weigh_classes(patches, recipe) == (1.0, 1.0)
    balanced = changed(recipe, "train", class_weights="balanced")
    negative, positive = weigh_classes(patches, balanced)
    n_positive = patches.positive.sum()
    assert positive * n_positive == pytest.approx(negative * (len(patches.table) - n_positive))
    _, truth, weights = PatchBatches(patches, balanced, (negative, positive), epoch=0)[0]
    np.testing.assert_allclose(weights, np.where(truth[:, 0], positive, negative), rtol=1e-6)

    focal = load_any_recipe("adhesion-classifier", overrides=["train.loss.name=focal"])
    model = story.build_classifier(recipe.model, 1)
    compile_classifier(model, focal, held=0)
    assert isinstance(model.loss, PixelLoss)
    loss = model.loss(np.ones((2, 1)), np.full((2, 1), 0.5), np.array([1.0, 3.0]))
    assert float(loss) == pytest.approx(2 * 0.5**2 * np.log(2))


def test_an_epoch_shows_every_patch_once_changed_and_validation_as_it_is(
    tiny_dataset: Dataset, tiny_classifier_recipe: ClassifierRecipe
) -> None:
    recipe = tiny_classifier_recipe
    patches = open_patches(tiny_dataset.folder, recipe).patches("validation", 0.0)
    plain = PatchBatches(patches, recipe, (1.0, 1.0), epoch=None)
    seen = np.concatenate([plain[index][0] for index in range(len(plain))])
    assert seen.shape == (len(patches.table), 32, 32, 1)
    assert seen.min() >= -1
    assert seen.max() <= 1
    sizes = {len(plain[index][0]) for index in range(len(plain))}
    assert max(sizes) - min(sizes) <= 1
    truth = np.concatenate([plain[index][1] for index in range(len(plain))])
    np.testing.assert_array_equal(truth[:, 0] > 0, patches.positive)

    changing = PatchBatches(patches, recipe, (1.0, 1.0), epoch=0)
    first = [changing[index] for index in range(len(changing))]
    assert sum(batch[1].sum() for batch in first) == patches.positive.sum()
    np.testing.assert_array_equal(first[1][0], changing[1][0])
    changing.on_epoch_end()
    assert not np.array_equal(first[1][0], changing[1][0])
    again = PatchBatches(patches, recipe, (1.0, 1.0), epoch=1)
    np.testing.assert_array_equal(again[1][0], changing[1][0])


def test_a_split_of_one_class_is_refused(
    tiny_dataset: Dataset, tiny_classifier_recipe: ClassifierRecipe, tmp_path: Path
) -> None:
    recipe = changed(tiny_classifier_recipe, "patches", size_px=64)
    source = open_patches(tiny_dataset.folder, recipe)
    with pytest.raises(CellidError, match="focal and non_focal patches in every split"):
        train_classifier(source, recipe, tmp_path, print)
