"""Thresholds chosen on validation, progress kept, and what differs between backends."""

import math
from pathlib import Path

import keras
import numpy as np
import pytest

from cellid.config import BinaryFocalSettings, Recipe, TrainSettings
from cellid.errors import CellidError
from cellid.imaging.instances import inner_distance
from cellid.models.network import build_network
from cellid.runs import InstanceRule
from cellid.training.backend import choose_precision, has_gpu, make_deterministic
from cellid.training.checkpoint import (
    Progress,
    best_weights_file,
    read_checkpoint,
    write_checkpoint,
)
from cellid.training.schedules import make_schedule
from cellid.training.train import compile_model
from cellid.training.tuning import tune_instances
from cellid.training.windows import Sample


def pass_on(batch: np.ndarray, training: bool) -> np.ndarray:
    """Stand for a network: the image is the probability."""
    return batch


def touching_disks() -> Sample:
    y, x = np.mgrid[:96, :96]
    left, right = np.hypot(y - 30, x - 30), np.hypot(y - 30, x - 48.3)
    labels = np.where(left < 10, 1, np.where(right < 10, 2, 0)).astype(np.int32)
    probability = 0.65 / (1 + np.exp(20 * np.clip(np.minimum(left, right) - 10, -4, 4)))
    probability[60:80, 60:80] = 0.55  # of no nucleus
    return sample(probability.astype(np.float32), labels)


def sample(image: np.ndarray, labels: np.ndarray) -> Sample:
    ones = np.ones(labels.shape, np.float32)
    return Sample(image, np.float32(labels > 0)[..., None], ones, labels, ones > 0)


def predicting(recipe: Recipe, **values: float) -> Recipe:
    return recipe.model_copy(update={"predict": recipe.predict.model_copy(update=values)})


def test_the_thresholds_with_the_best_f1_are_chosen(tiny_recipe: Recipe) -> None:
    rule, f1 = tune_instances(pass_on, tiny_recipe, [touching_disks()], 20.0, 50.0)  # type: ignore[arg-type]
    assert rule.threshold == 0.6
    assert rule.seed_distance_px > 0
    assert rule.min_area_px == pytest.approx(5)
    assert f1 == 1


def test_what_the_recipe_fixes_is_not_searched(tiny_recipe: Recipe) -> None:
    fixed = {"plateau": 0.1, "max_hole": 0.2, "smoothing": 0.05, "min_area": 0.3}
    recipe = predicting(tiny_recipe, threshold=0.35, seed_distance=0.0, **fixed)
    rule, f1 = tune_instances(pass_on, recipe, [touching_disks()], 20.0, 100.0)  # type: ignore[arg-type]
    assert rule == InstanceRule(
        threshold=0.35,
        seed_distance_px=0,
        plateau_px=2,
        max_hole_px=20,
        smoothing_px=1,
        min_area_px=30,
    )
    assert f1 < 1


def test_what_is_found_where_nobody_knows_counts_neither_way(tiny_recipe: Recipe) -> None:
    recipe = predicting(tiny_recipe, threshold=0.5, seed_distance=0.25)
    crop = touching_disks()
    assert tune_instances(pass_on, recipe, [crop], 20.0, 50.0)[1] < 1  # type: ignore[arg-type]
    crop.known[60:80, 60:80] = False
    assert tune_instances(pass_on, recipe, [crop], 20.0, 50.0)[1] == 1  # type: ignore[arg-type]


def test_nothing_to_find_scores_nothing(tiny_recipe: Recipe) -> None:
    empty = np.zeros((40, 40), np.float32)
    crop = sample(empty, empty.astype(np.int32))
    assert tune_instances(pass_on, tiny_recipe, [crop], 20.0, 50.0)[1] == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("better", ["shape", "distance"])
def test_nuclei_are_parted_by_what_scores_better(better: str, tiny_recipe: Recipe) -> None:
    y, x = np.mgrid[:60, :100]
    bar = (np.abs(y - 30) < 9) & (np.abs(x - 50) < 30)  # nothing in its shape says that it is two
    two = np.where(x < 50, 1, 2) * bar
    one = (bar > 0) * 1
    truth, said = ((two, two), (one, two))[better == "shape"]
    maps = {
        "probability": np.float32(0.9 * bar)[None, ..., None],
        "distance": inner_distance(said.astype(np.int32))[None, ..., None],
    }

    def network(batch: np.ndarray, training: bool) -> dict[str, np.ndarray]:
        height, width = batch.shape[1:3]
        return {head: np.resize(one[:, :height, :width], batch.shape) for head, one in maps.items()}

    model = tiny_recipe.model.model_copy(update={"distance_head": True, "depth": 1})
    recipe = predicting(tiny_recipe.model_copy(update={"model": model}), seed_distance=0.55)
    crop = sample(np.float32(bar), truth.astype(np.int32))
    rule, f1 = tune_instances(network, recipe, [crop], 20.0, 300.0)  # type: ignore[arg-type]
    assert (rule.seeds, f1) == (better, 1)
    for source in ("shape", "distance"):
        asked, f1 = tune_instances(network, predicting(recipe, seeds=source), [crop], 20.0, 300.0)  # type: ignore[arg-type]
        assert asked.seeds == source
        assert (f1 == 1) == (source == better)


def test_a_network_of_two_heads_learns_both(tiny_recipe: Recipe) -> None:
    model = tiny_recipe.model.model_copy(update={"distance_head": True})
    network = build_network(model, n_channels=1)
    compile_model(network, TrainSettings(), rate=0.01)
    labels = np.zeros((32, 32), np.int32)
    labels[4:16, 4:16], labels[18:30, 18:30] = 1, 2
    targets = {"probability": np.float32(labels > 0), "distance": inner_distance(labels)}
    targets = {head: one[None, ..., None] for head, one in targets.items()}
    ones = dict.fromkeys(targets, np.ones((1, 32, 32), np.float32))
    image = np.random.default_rng(0).normal(labels > 0, 0.1)[None, ..., None]
    logs = [
        network.train_on_batch(image, targets, sample_weight=ones, return_dict=True)
        for _ in range(25)
    ]
    for loss in ("loss", "probability_loss", "distance_loss"):
        assert logs[-1][loss] < 0.8 * logs[0][loss]


def compiled(recipe: Recipe, seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    model = build_network(recipe.model, n_channels=1)
    compile_model(model, recipe.train, make_schedule(recipe.train, 2e-3, 3))
    return model


def test_a_checkpoint_brings_back_every_variable(tiny_recipe: Recipe, tmp_path: Path) -> None:
    model, other = compiled(tiny_recipe, 1), compiled(tiny_recipe, 2)
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 32, 32, 1)), random.random((2, 32, 32, 1)) > 0.5
    for _ in range(2):
        model.train_on_batch(x.astype(np.float32), y.astype(np.float32))
    rows = [{"epoch": 1, "val_loss": 0.1 + 0.2}, {"epoch": 2, "val_loss": 0.25}]
    progress = Progress("this", rows, best_epoch=2, best_score=0.25)
    write_checkpoint(tmp_path, model, progress)
    assert read_checkpoint(tmp_path, other, "this") == progress
    for before, after in zip(
        [*model.weights, *model.optimizer.variables],
        [*other.weights, *other.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(np.asarray(before), np.asarray(after))
    batch = x.astype(np.float32), y.astype(np.float32)
    for network in (model, other):
        network.reset_metrics()
    first, second = (network.train_on_batch(*batch) for network in (model, other))
    assert first[0] == pytest.approx(second[0], rel=1e-6)  # dropout too goes on alike


def test_only_the_best_weights_are_kept(tiny_recipe: Recipe, tmp_path: Path) -> None:
    model = compiled(tiny_recipe, 1)
    progress = Progress("this")
    assert (progress.epochs_done, progress.best_score) == (0, math.inf)
    for epoch, best in ((1, 1), (2, 1), (3, 3)):
        progress.history.append({"epoch": epoch})
        progress.best_epoch = best
        write_checkpoint(tmp_path, model, progress)
        assert progress.waited == epoch - best
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            best_weights_file(tmp_path, best).name,
            "state.npz",
        ]


def test_without_a_checkpoint_training_begins(tiny_recipe: Recipe, tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path, compiled(tiny_recipe, 1), "this") == Progress("this")


def test_a_checkpoint_of_another_training_is_refused(tiny_recipe: Recipe, tmp_path: Path) -> None:
    model = compiled(tiny_recipe, 1)
    write_checkpoint(tmp_path, model, Progress("this", [{"epoch": 1}], best_epoch=1))
    before = model.get_weights()
    with pytest.raises(CellidError, match="another recipe"):
        read_checkpoint(tmp_path, model, "that")
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_adam_and_the_focal_loss_are_those_of_the_settings(tiny_recipe: Recipe) -> None:
    model = build_network(tiny_recipe.model, n_channels=1)
    loss = BinaryFocalSettings(gamma=1.5, alpha=0.3)
    compile_model(model, TrainSettings(loss=loss), 3e-4)
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert float(model.optimizer.learning_rate) == pytest.approx(3e-4)
    assert (model.loss.gamma, model.loss.nucleus_weight) == (1.5, 0.3)
    assert model.jit_compile == has_gpu()


def test_precision_is_as_asked_or_by_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_precision("mixed_bfloat16") == "mixed_bfloat16"
    for gpus, policy in ((["gpu:0"], "mixed_float16"), ([], "float32")):
        monkeypatch.setattr(keras.distribution, "list_devices", lambda kind, gpus=gpus: gpus)
        assert choose_precision("auto") == policy
        assert choose_precision("float32") == "float32"


def test_determinism_asked_too_late_is_told() -> None:
    keras.ops.add(1.0, 2.0)
    with pytest.raises(CellidError, match=r"train\.deterministic"):
        make_deterministic()
