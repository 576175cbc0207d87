"""Training of a Mask R-CNN: stages, optimizer, interruption, what it writes and finds."""

from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from cellid.config import InstanceRecipe, InstanceTrainSettings, TileSettings
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.models.instance_run import InstanceRun, detect_in_tiles, load_instance_run
from cellid.recipes import load_any_recipe
from cellid.runs import read_detector_config, read_task
from cellid.training import loop
from cellid.training.train_instances import (
    load_pretrained,
    make_optimizer,
    plan_stages,
    train_instances,
)
from cellid.types import Detections

WRITTEN = {"config.json", "model.weights.h5", "recipe.toml", "history.csv"}


def test_a_run_is_read_again_and_finds_the_same(
    tiny_instances: InstanceRun, tiny_instance_recipe: InstanceRecipe, tiny_dataset: Dataset
) -> None:
    folder = tiny_instances.folder
    assert {entry.name for entry in folder.iterdir()} == WRITTEN
    history = pd.read_csv(folder / "history.csv")
    parts = {"objectness", "proposal_boxes", "classification", "boxes", "masks", "loss"}
    told = {"val_ap_50", "gradient_norm", "learning_rate", "epoch_s", "memory_mb"}
    assert parts | {f"val_{part}" for part in parts} | told <= set(history)
    # of the heads alone, then of all before a tenth of it; the rate is that of the step to come
    assert history["learning_rate"].tolist() == pytest.approx([0.01, 0.02, 0.002])
    assert np.isfinite(history.to_numpy(float)).all()
    assert load_any_recipe(file=folder / "recipe.toml") == tiny_instance_recipe
    assert read_task(folder) == "segment_instances"
    with pytest.raises(CellidError, match="one that outlines objects"):
        read_detector_config(folder)
    image = tiny_dataset.image("f8")
    again, found = load_instance_run(folder).detect(image), tiny_instances.detect(image)
    assert len(found) > 0
    assert (np.diff(found.scores) <= 0).all()
    np.testing.assert_array_equal(again.boxes, found.boxes)
    np.testing.assert_array_equal(again.masks, found.masks)


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(
    tiny_dataset: Dataset,
    tiny_instance_recipe: InstanceRecipe,
    tiny_instances: InstanceRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stop(Exception):
        pass

    def stop(*arguments: object) -> None:
        written(*arguments)
        raise Stop

    written = loop.write_checkpoint
    monkeypatch.setattr(loop, "write_checkpoint", stop)
    with pytest.raises(Stop):  # at the end of the first stage
        train_instances(tiny_dataset, tiny_instance_recipe, tmp_path, print)
    monkeypatch.undo()
    said: list[str] = []
    train_instances(tiny_dataset, tiny_instance_recipe, tmp_path, said.append)
    assert "going on after epoch 1" in said
    columns = ["loss", "val_loss", "val_ap_50", "gradient_norm", "learning_rate"]
    histories = [
        pd.read_csv(folder / "history.csv") for folder in (tmp_path, tiny_instances.folder)
    ]
    np.testing.assert_allclose(*(history[columns] for history in histories), rtol=1e-3, atol=1e-4)


class Network:
    """Keeps what is held."""

    def hold(self, parts: int, proposals: bool = False) -> None:
        self.held = parts, proposals


def test_heads_are_trained_first_and_then_all_at_the_papers_rates() -> None:
    recipe = load_any_recipe("cell-instances-transfer")
    network = Network()
    held, rates = [], []
    stages = plan_stages(network, recipe.train)  # type: ignore[arg-type]
    for stage in stages:
        stage.hold()
        held.append(network.held)
        rates.append(float(stage.optimizer(7).learning_rate))
    assert [stage.last_epoch for stage in stages] == [5, 10]
    assert held == [(5, True), (0, False)]
    assert rates == pytest.approx([0.005, 0.001])
    assert [stage.last_epoch for stage in plan_stages(network, InstanceTrainSettings())] == [10]  # type: ignore[arg-type]


def test_pretrained_weights_are_of_the_network_or_of_the_backbone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = []
    for name in ("load_mask_rcnn_weights", "load_backbone_weights"):
        loaded = partial(lambda name, _, source: told.append((name, source)), name)
        monkeypatch.setattr(f"cellid.training.train_instances.{name}", loaded)
    for preset, overrides in (
        ("cell-instances-transfer", []),
        ("cell-instances", ["model.weights=resnet18-imagenet", "model.attention=false"]),
        ("cell-instances", []),
    ):
        recipe = load_any_recipe(preset, overrides=overrides)
        load_pretrained(Network(), recipe.model)  # type: ignore[arg-type]
    assert told == [
        ("load_mask_rcnn_weights", "maskrcnn-resnet50-coco"),
        ("load_backbone_weights", "resnet18-imagenet"),
    ]


def test_a_batch_norm_that_is_never_trained_needs_weights(
    tiny_dataset: Dataset, tmp_path: Path
) -> None:
    recipe = load_any_recipe("cell-instances-transfer", overrides=["model.weights=none"])
    with pytest.raises(CellidError, match=r"^model\.weights"):
        train_instances(tiny_dataset, recipe, tmp_path / "run", print)
    assert not (tmp_path / "run").exists()


def test_decay_of_sgd_is_that_of_pytorch() -> None:
    """Its decay is added to the gradient: a weight without one falls as its momentum says."""
    settings = InstanceTrainSettings(optimizer="sgd", weight_decay=0.001, momentum=0.9)
    weight = keras.Variable(np.ones(1, np.float32))
    optimizer = make_optimizer(settings, 0.1)
    optimizer.build([weight])
    expected, velocity = 1.0, 0.0
    for _ in range(300):
        optimizer.apply([keras.ops.zeros(1)])
        velocity = 0.9 * velocity + 0.001 * expected
        expected -= 0.1 * velocity
    assert float(weight.numpy()[0]) == pytest.approx(expected, rel=0.02)
    assert expected < 0.8


def test_an_image_is_seen_in_tiles_and_an_object_on_a_seam_is_one() -> None:
    """A detector of bright pixels, which sees one tile, finds each object of the whole once."""
    image = np.zeros((64, 192), np.float32)
    places = [(8, 8), (30, 60), (30, 92), (20, 124), (44, 150)]
    for y, x in places:
        image[y : y + 12, x : x + 12] = 1
    seen = []

    def detect(tile: np.ndarray) -> Detections:
        seen.append(tile.shape)
        from skimage.measure import label, regionprops

        boxes = [region.bbox for region in regionprops(label(tile > 0))]
        n = len(boxes)
        masks = np.ones((n, 4, 4), np.float32)
        return Detections(np.reshape(boxes, (n, 4)), np.linspace(1, 0.5, n), np.zeros(n), masks)

    found = detect_in_tiles(detect, image, TileSettings(tile_px=72))
    assert len(seen) > 2
    assert max(width for _, width in seen) <= 72
    corners = sorted(map(tuple, found.boxes[:, :2].round().astype(int).tolist()))
    assert corners == sorted(places)
    assert (np.diff(found.scores) <= 0).all()
    seen.clear()
    empty = detect_in_tiles(detect, np.zeros((64, 192), np.float32), TileSettings(tile_px=72))
    assert empty.masks is not None
