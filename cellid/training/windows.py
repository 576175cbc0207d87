"""Batches of windows for training and validation, from a dataset folder."""

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from cellid.augment import sample_window
from cellid.config import Recipe
from cellid.dataset import Dataset
from cellid.imaging.geometry import rescale_labels, scaled_shape
from cellid.imaging.instances import separate_touching
from cellid.models.run import preprocess
from cellid.types import Frame, Labels, Mask


@dataclass(frozen=True)
class Sample:
    """One crop at the network's scale: what goes in, and what should come out."""

    image: Frame
    mask: Mask
    labels: Labels


def prepare_samples(
    dataset: Dataset, split: str, recipe: Recipe, scale: float, nucleus_diameter_px: float
) -> list[Sample]:
    """Read, rescale and normalise the kept crops of a split.

    They stay in memory, 9 bytes a pixel at the network's scale: 2.4 GB for a thousand crops
    of 512×512.

    Parameters
    ----------
    dataset : Dataset
    split : str
        ``"train"``, ``"validation"`` or ``"test"``.
    recipe : Recipe
    scale : float
        Network pixels an image pixel.
    nucleus_diameter_px : float
        Typical diameter at the network's scale.
    """
    samples = []
    for crop_id in dataset.crops(split)["id"]:
        image = dataset.image(crop_id)
        labels = rescale_labels(dataset.labels(crop_id), scaled_shape(image.shape, scale))
        mask = separate_touching(labels) if recipe.train.split_touching else labels > 0
        samples.append(Sample(preprocess(image, scale, nucleus_diameter_px), mask, labels))
    return samples


class TrainingWindows(keras.utils.PyDataset):
    """Augmented windows, new ones every epoch.

    An epoch shows each crop as often as windows cover its area, at least once. What a
    window holds depends only on seed, epoch and place in the epoch: a resumed training
    sees what an uninterrupted one would.

    Parameters
    ----------
    samples : list of Sample
    recipe : Recipe
    epoch : int
        The epoch that comes first.
    """

    def __init__(self, samples: list[Sample], recipe: Recipe, epoch: int) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self._samples = samples
        self._recipe = recipe
        self._epoch = epoch
        area = recipe.train.window_px**2
        visits = [max(1, round(sample.mask.size / area)) for sample in samples]
        self._visits = np.repeat(np.arange(len(samples)), visits)

    def __len__(self) -> int:
        """Number of batches an epoch; the last may be smaller."""
        return -(-len(self._visits) // self._recipe.train.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return batch ``index`` of this epoch: image and mask, (B, Y, X, C) and (B, Y, X, 1)."""
        settings, seed = self._recipe.train, self._recipe.seed
        order = np.random.default_rng([seed, self._epoch]).permutation(self._visits)
        first = index * settings.batch_size
        pairs = []
        for place, which in enumerate(order[first : first + settings.batch_size], start=first):
            sample = self._samples[which]
            rng = np.random.default_rng([seed, self._epoch, place])
            pairs.append(
                sample_window(
                    sample.image, sample.mask, settings.window_px, self._recipe.augment, rng
                )
            )
        return _stack(pairs)

    def on_epoch_end(self) -> None:
        """Move on to the windows of the next epoch."""
        self._epoch += 1


class ValidationWindows(keras.utils.PyDataset):
    """Windows that cover the crops once, side by side, the same every epoch.

    Parameters
    ----------
    samples : list of Sample
    recipe : Recipe
    """

    def __init__(self, samples: list[Sample], recipe: Recipe) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._batch_size = recipe.train.batch_size
        size = recipe.train.window_px
        self._windows = [
            (_pad(sample.image, size)[part], _pad(sample.mask, size)[part])
            for sample in samples
            for part in _cover(sample.mask.shape, size)
        ]

    def __len__(self) -> int:
        """Number of batches."""
        return -(-len(self._windows) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return batch ``index``: image and mask, (B, Y, X, C) and (B, Y, X, 1)."""
        return _stack(self._windows[index * self._batch_size : (index + 1) * self._batch_size])


def _cover(shape: tuple[int, ...], size: int) -> list[tuple[slice, slice]]:
    starts = [
        np.linspace(0, max(0, length - size), -(-length // size)).round().astype(int)
        for length in shape
    ]
    return [np.s_[y : y + size, x : x + size] for y in starts[0] for x in starts[1]]


def _pad(image: NDArray[np.generic], size: int) -> NDArray[np.generic]:
    """Reflect an image smaller than ``size`` up to it."""
    missing = [max(0, size - length) for length in image.shape[:2]]
    widths = [(0, n) for n in missing] + [(0, 0)] * (image.ndim - 2)
    return np.pad(image, widths, mode="reflect")


def _stack(
    pairs: list[tuple[Frame, Mask]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    images = np.stack([image for image, _ in pairs])
    if images.ndim == 3:
        images = images[..., None]
    masks = np.stack([mask for _, mask in pairs])[..., None].astype(np.float32)
    return images, masks
