"""Windows of training and validation."""

import numpy as np
import pytest

from cellid.config import AugmentSettings, Recipe
from cellid.dataset import Dataset
from cellid.dataset.subsets import train_on
from cellid.imaging.instances import inner_distance, separate_touching
from cellid.training.windows import Sample, TrainingWindows, ValidationWindows, prepare_samples

RANDOM = np.random.default_rng(0)


def sample(shape: tuple[int, int], value: float = 0) -> Sample:
    image = np.full(shape, value, np.float32) if value else RANDOM.random(shape).astype(np.float32)
    return target(image, image > 0.5)


def target(image: np.ndarray, nuclei: np.ndarray, weight: float = 1) -> Sample:
    weights = np.full(nuclei.shape, weight, np.float32)
    mask = nuclei[..., None].astype(np.float32)
    return Sample(image, mask, weights, nuclei.astype(np.int32), weights > 0)


@pytest.fixture
def recipe(tiny_recipe: Recipe) -> Recipe:
    """Without changes of intensity, so that a window tells its crop."""
    return tiny_recipe.model_copy(update={"augment": AugmentSettings()})


def test_samples_are_at_the_network_s_scale(tiny_dataset: Dataset, tiny_recipe: Recipe) -> None:
    samples = prepare_samples(tiny_dataset, "train", tiny_recipe, 0.5, 6.0)
    assert len(samples) == len(tiny_dataset.crops("train"))
    for one in samples:
        assert one.image.shape == one.weights.shape == one.labels.shape == (32, 36)
        assert one.targets.shape == (32, 36, 1)
        assert one.image.dtype == one.targets.dtype == one.weights.dtype == np.float32
        np.testing.assert_array_equal(one.targets[..., 0], separate_touching(one.labels))
    # The first holds no nucleus; in the others nuclei are bright
    assert not samples[0].targets.any()
    for one in samples[1:]:
        inside = one.labels > 0
        assert one.image[inside].mean() > one.image[~inside].mean() + 0.5
    settings = tiny_recipe.train.model_copy(update={"split_touching": False})
    whole = tiny_recipe.model_copy(update={"train": settings})
    for one in prepare_samples(tiny_dataset, "train", whole, 0.5, 6.0):
        np.testing.assert_array_equal(one.targets[..., 0], one.labels > 0)


def test_an_epoch_shows_each_crop_as_often_as_windows_cover_it(recipe: Recipe) -> None:
    samples = [sample((64, 64), 1), sample((10, 10), 2), sample((64, 96), 3)]
    windows = TrainingWindows(samples, recipe, epoch=0)
    assert len(windows) == 3  # 4 + 1 + 6 windows, 4 a batch
    batches = [windows[i] for i in range(len(windows))]
    assert [images.shape for images, _, _ in batches] == [(4, 32, 32, 1)] * 2 + [(3, 32, 32, 1)]
    assert {masks.shape[1:] for _, masks, _ in batches} == {(32, 32, 1)}
    seen = np.concatenate([images for images, _, _ in batches]).mean(axis=(1, 2, 3)).round()
    assert np.bincount(seen.astype(int)).tolist() == [0, 4, 1, 6]


def test_windows_depend_on_seed_epoch_and_place_only(recipe: Recipe) -> None:
    samples = [sample((64, 128))]  # one crop, so that its windows alone can differ
    windows = TrainingWindows(samples, recipe, epoch=0)
    first = windows[0][0], windows[1][0]
    np.testing.assert_array_equal(windows[0][0], first[0])  # in any order, again and again
    assert np.abs(first[0] - first[1]).mean() > 0.05
    windows.on_epoch_end()
    second = windows[1][0]
    assert np.abs(second - first[1]).mean() > 0.05
    np.testing.assert_array_equal(TrainingWindows(samples, recipe, epoch=1)[1][0], second)
    other = TrainingWindows(samples, recipe.model_copy(update={"seed": 2}), epoch=1)
    assert np.abs(other[1][0] - second).mean() > 0.05


def test_validation_covers_every_pixel_and_never_changes(recipe: Recipe) -> None:
    samples = [sample((64, 50)), sample((20, 33))]
    windows = ValidationWindows(samples, recipe)
    assert len(windows) == 2  # 2 × 2 and 1 × 2 windows, 4 a batch
    images = np.concatenate([windows[i][0] for i in range(2)])[..., 0]
    masks = np.concatenate([windows[i][1] for i in range(2)])[..., 0]
    assert images.shape == masks.shape == (6, 32, 32)
    np.testing.assert_array_equal(masks, images > 0.5)
    np.testing.assert_array_equal(images[0], samples[0].image[:32, :32])
    np.testing.assert_array_equal(images[3], samples[0].image[32:, 18:])
    reflected = np.pad(samples[1].image, ((0, 12), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(images[5], reflected[:, 1:])
    windows.on_epoch_end()
    np.testing.assert_array_equal(windows[0][0][..., 0], images[:4])


def test_channels_are_kept(recipe: Recipe) -> None:
    image = RANDOM.random((64, 64, 3)).astype(np.float32)
    nuclei = image[..., 0] > 0.5
    coloured = target(image, nuclei)
    for windows in (
        TrainingWindows([coloured], recipe, epoch=0),
        ValidationWindows([coloured], recipe),
    ):
        images, masks, weights = windows[0]
        assert images.shape == (4, 32, 32, 3)
        assert masks.shape == (4, 32, 32, 1)
        assert weights.shape == (4, 32, 32)


def test_what_is_not_known_has_no_weight_and_moves_with_the_image(recipe: Recipe) -> None:
    image = np.zeros((64, 64), np.float32)
    image[20:44, 12:40] = 1
    doubtful = target(image, image > 0.5)
    doubtful.weights[...] = 3 * (image < 0.5)
    for windows in (
        TrainingWindows([doubtful], recipe, epoch=0),
        ValidationWindows([doubtful], recipe),
    ):
        images, masks, weights = windows[0]
        inside = images[..., 0] > 0.99
        assert inside.any()
        assert not weights[inside].any()
        assert (weights[images[..., 0] < 0.01] == 3).all()
        np.testing.assert_array_equal(weights == 0, masks[..., 0] > 0)


def with_settings(recipe: Recipe, part: str, **values: float) -> Recipe:
    return recipe.model_copy(update={part: getattr(recipe, part).model_copy(update=values)})


def test_a_second_head_is_shown_how_deep_pixels_lie(tiny_dataset: Dataset, recipe: Recipe) -> None:
    two = with_settings(recipe, "model", distance_head=True)
    two = with_settings(two, "train", object_balance=1.0)
    samples = prepare_samples(tiny_dataset, "train", two, 1.0, 20.0)[1:2]
    np.testing.assert_array_equal(samples[0].targets[..., 1], inner_distance(samples[0].labels))
    for windows in (TrainingWindows(samples, two, epoch=0), ValidationWindows(samples, two)):
        images, targets, weights = windows[0]
        assert list(targets) == list(weights) == ["probability", "distance"]
        assert targets["distance"].shape == targets["probability"].shape == (*images.shape[:3], 1)
        assert not targets["distance"][targets["probability"] == 0].any()
        assert targets["distance"].max() == 1
        for each in weights.values():  # nuclei are smaller than typical
            assert (each[targets["probability"][..., 0] > 0] > 2).all()


def test_small_nuclei_and_gaps_can_weigh_more(tiny_dataset: Dataset, recipe: Recipe) -> None:
    plain, balanced, gaps = (
        prepare_samples(tiny_dataset, "train", changed, 1.0, 20.0)[1]
        for changed in (
            recipe,
            with_settings(recipe, "train", object_balance=1.0),
            with_settings(recipe, "train", gap_weight=10.0),
        )
    )
    inside = plain.labels > 0
    assert (plain.weights == 1).all()
    assert (balanced.weights[inside] > 2).all()  # 12 px wide, where 20 are typical
    assert (balanced.weights[~inside] == 1).all()
    assert gaps.weights[~inside].max() > 4


@pytest.mark.parametrize("chosen", [["f1"], ["f1", "f2", "f3", "f4"]])
def test_fewer_fields_make_epochs_of_as_many_steps(
    chosen: list[str], tiny_dataset: Dataset, recipe: Recipe
) -> None:
    part = train_on(tiny_dataset, chosen, seed=1)
    every, fewer = (
        TrainingWindows(prepare_samples(data, "train", recipe, 1.0, 12.0), recipe, epoch=0)
        for data in (tiny_dataset, part)
    )
    shown = [np.concatenate([w[i][0] for i in range(len(w))]) for w in (every, fewer)]
    assert shown[0].shape == shown[1].shape
    assert len(np.unique(shown[1], axis=0)) == len(shown[1])  # a crop is never shown alike
