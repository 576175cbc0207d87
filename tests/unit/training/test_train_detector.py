"""Training of a detector: anchors, interruption, threshold, what it writes and refuses."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellid.config import DetectorRecipe
from cellid.dataset import Dataset
from cellid.dataset.instances import pair_instances
from cellid.errors import CellidError
from cellid.evaluation.score_sweep import sweep_scores
from cellid.models.detector import DetectorRun, load_detector
from cellid.recipes import load_any_recipe
from cellid.runs import read_classifier_config, read_task
from cellid.training import loop
from cellid.training.train_detector import train_detector
from cellid.types import Detections

WRITTEN = {"config.json", "model.weights.h5", "recipe.toml", "history.csv"}


def changed(recipe: DetectorRecipe, group: str, **settings: object) -> DetectorRecipe:
    values = getattr(recipe, group).model_copy(update=settings)
    return recipe.model_copy(update={group: values})


def test_a_run_is_read_again_and_detects_the_same(
    tiny_detector: DetectorRun, tiny_detector_recipe: DetectorRecipe, tiny_dataset: Dataset
) -> None:
    folder = tiny_detector.folder
    assert {entry.name for entry in folder.iterdir()} == WRITTEN
    history = pd.read_csv(folder / "history.csv")
    parts = {"classification", "boxes", "loss"}
    assert parts | {f"val_{part}" for part in parts} | {"val_ap_50"} <= set(history)
    assert load_any_recipe(file=folder / "recipe.toml") == tiny_detector_recipe
    assert read_task(folder) == "detect"
    with pytest.raises(CellidError, match="one that detects objects by boxes"):
        read_classifier_config(folder)
    image = tiny_dataset.image("f8")
    again, found = load_detector(folder).detect(image), tiny_detector.detect(image)
    np.testing.assert_array_equal(again.boxes, found.boxes)
    np.testing.assert_array_equal(again.scores, found.scores)
    assert len(found) > 0


def test_disks_are_found_better_than_by_chance(
    tiny_detector: DetectorRun, tiny_dataset: Dataset
) -> None:
    """Boxes of the right size, but anywhere, find fewer."""
    random = np.random.default_rng(0)

    def best(find) -> float:
        pairs = [
            pair_instances(labels, labels >= 0, find(tiny_dataset.image(name)), 5)
            for name in ("f8", "f9")
            for labels in [tiny_dataset.labels(name)]
        ]
        table = sweep_scores(pairs, by="box", iou_threshold=0.3, lowest=0.02)
        return float(table["f1"].max())

    def anywhere(_) -> Detections:
        corners = random.uniform(0, [52, 60], (20, 2))
        return Detections(np.hstack([corners, corners + 13]), random.random(20), np.zeros(20))

    assert best(tiny_detector.detect) > best(anywhere)


def test_anchors_are_those_of_the_objects(tiny_detector: DetectorRun) -> None:
    sizes, ratios = tiny_detector.config.anchors.sizes, tiny_detector.config.anchors.ratios
    assert sizes[0] == pytest.approx([13, 13, 13])  # disks with a diameter of 13 px
    assert ratios == pytest.approx([1, 1, 1])


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(
    tiny_dataset: Dataset,
    tiny_detector_recipe: DetectorRecipe,
    tiny_detector: DetectorRun,
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
    with pytest.raises(Stop):
        train_detector(tiny_dataset, tiny_detector_recipe, tmp_path, print)
    monkeypatch.undo()
    said: list[str] = []
    other = changed(tiny_detector_recipe, "train", learning_rate=0.02)
    with pytest.raises(CellidError, match="another recipe or data set"):
        train_detector(tiny_dataset, other, tmp_path, said.append)
    train_detector(tiny_dataset, tiny_detector_recipe, tmp_path, said.append)
    assert "going on after epoch 1" in said
    assert {entry.name for entry in tmp_path.iterdir()} == WRITTEN
    columns = ["loss", "val_loss", "val_ap_50"]
    histories = [pd.read_csv(folder / "history.csv") for folder in (tmp_path, tiny_detector.folder)]
    np.testing.assert_allclose(*(history[columns] for history in histories), rtol=1e-3, atol=1e-4)


def test_nothing_to_learn_from_is_told(
    tiny_dataset: Dataset, tiny_detector_recipe: DetectorRecipe, tiny_backbone: None, tmp_path: Path
) -> None:
    giants = changed(tiny_detector_recipe, "objects", min_area_px=5000)
    with pytest.raises(CellidError, match="objects of at least 5000 pixels"):
        train_detector(tiny_dataset, giants, tmp_path, print)
    loss = tiny_detector_recipe.train.loss.model_copy(update={"context_weight": 1.0})
    masks = changed(tiny_detector_recipe, "train", loss=loss)
    masks = changed(masks, "context", cells=str(tmp_path))
    with pytest.raises(CellidError, match="a mask named f0, as the image"):
        train_detector(tiny_dataset, masks, tmp_path, print)
