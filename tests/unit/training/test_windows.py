"""Windows of training and validation."""

import numpy as np
import pytest

from cellid.config import AugmentSettings, Recipe
from cellid.dataset import Dataset
from cellid.dataset.subsets import train_on
from cellid.imaging.instances import separate_touching
from cellid.training.windows import Sample, TrainingWindows, ValidationWindows, prepare_samples

RANDOM = np.random.default_rng(0)


def sample(shape: tuple[int, int], value: float = 0) -> Sample:
    image = np.full(shape, value, np.float32) if value else RANDOM.random(shape).astype(np.float32)
    nuclei = image > 0.5
    return Sample(image, nuclei, nuclei.astype(np.int32), np.ones(shape, np.bool_), 1.0)


@pytest.fixture
def recipe(tiny_recipe: Recipe) -> Recipe:
    """Without changes of intensity, so that a window tells its crop."""
    return tiny_recipe.model_copy(update={"augment": AugmentSettings()})


def test_samples_are_at_the_network_s_scale(tiny_dataset: Dataset, tiny_recipe: Recipe) -> None:
    samples = prepare_samples(tiny_dataset, "train", tiny_recipe, 0.5, 6.0)
    assert len(samples) == len(tiny_dataset.crops("train"))
    for one in samples:
        assert one.image.shape == one.mask.shape == one.labels.shape == (32, 36)
        assert one.image.dtype == np.float32
        np.testing.assert_array_equal(one.mask, separate_touching(one.labels))
    # The first holds no nucleus; in the others nuclei are bright
    assert not samples[0].mask.any()
    for one in samples[1:]:
        assert one.image[one.mask].mean() > one.image[~one.mask].mean() + 0.5
    settings = tiny_recipe.train.model_copy(update={"split_touching": False})
    whole = tiny_recipe.model_copy(update={"train": settings})
    for one in prepare_samples(tiny_dataset, "train", whole, 0.5, 6.0):
        np.testing.assert_array_equal(one.mask, one.labels > 0)


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
    coloured = Sample(image, nuclei, nuclei.astype(np.int32), np.ones_like(nuclei), 1.0)
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
    known = image < 0.5
    doubtful = Sample(image, image > 0.5, (image > 0.5).astype(np.int32), known, 3.0)
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
