"""Batches of windows for training and validation, from a dataset folder."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from cellid.augment import sample_window
from cellid.config import Recipe
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.imaging.geometry import rescale_labels, scaled_shape
from cellid.imaging.instances import inner_distance, separate_touching
from cellid.imaging.object_weights import weigh_objects
from cellid.models.network import heads
from cellid.models.run import preprocess
from cellid.types import Frame, Labels, Mask, count_channels

PerHead = NDArray[np.float32] | dict[str, NDArray[np.float32]]
"""What a network of one head is compared with; of several heads, by their names."""

Batch = tuple[NDArray[np.float32], PerHead, PerHead]
"""Image (B, Y, X, C), target (B, Y, X, 1) and the weight of every pixel in the loss (B, Y, X)."""


@dataclass(frozen=True)
class Sample:
    """One crop at the network's scale: what goes in, and what should come out.

    Attributes
    ----------
    image : (Y, X) or (Y, X, C) float32
    targets : (Y, X, H) float32 in [0, 1]
        What each head should answer: where nuclei are; then, if wanted, `inner_distance`.
    weights : (Y, X) float32
        Of every pixel in the loss; 0 where ``targets`` are not to be believed.
    labels : (Y, X) int32
        What the nuclei found are scored against.
    known : (Y, X) bool
        Where ``labels`` are to be believed.
    """

    image: Frame
    targets: Frame
    weights: Frame
    labels: Labels
    known: Mask


def prepare_samples(
    dataset: Dataset, split: str, recipe: Recipe, scale: float, nucleus_diameter_px: float
) -> list[Sample]:
    """Read, rescale and normalise the kept crops of a split.

    They stay in memory, 17 bytes a pixel at the network's scale (21 with a second head):
    4.5 GB for a thousand crops of 512×512.

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
    for crop in dataset.crops(split).itertuples():
        image = dataset.image(crop.id)
        shape = scaled_shape(image.shape, scale)
        labels = rescale_labels(dataset.labels(crop.id), shape)
        known = rescale_labels(dataset.uncertain(crop.id), shape) == 0
        small = preprocess(image, scale, nucleus_diameter_px)
        weights = np.float32(crop.weight) * known
        if recipe.train.object_balance or recipe.train.gap_weight:
            weights *= weigh_objects(
                labels, nucleus_diameter_px, recipe.train.object_balance, recipe.train.gap_weight
            )
        samples.append(Sample(small, make_targets(labels, recipe), weights, labels, known))
    return samples


def common_channels(samples: list[Sample], folder: Path) -> int:
    """Return the number of channels that all images have.

    Parameters
    ----------
    samples : list of Sample
    folder : Path
        Of the data set, for the error.

    Raises
    ------
    CellidError
        If some are grey and others in colour.
    """
    found = sorted({count_channels(sample.image) for sample in samples})
    if len(found) > 1:
        raise CellidError(
            folder,
            expected="images that all have as many channels",
            got=f"images of {' and of '.join(map(str, found))} channels",
            remedy="label the grey and the colour images apart, or choose one channel of the "
            "colour images (input.phase_channel)",
        )
    return found[0]


def make_targets(labels: Labels, recipe: Recipe) -> Frame:
    """Return what the heads of a network should answer, (Y, X, H) float32."""
    mask = separate_touching(labels) if recipe.train.split_touching else labels > 0
    targets = [mask.astype(np.float32)]
    if recipe.model.distance_head:
        targets.append(inner_distance(labels))
    return np.dstack(targets)


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
        visits = [max(1, round(sample.labels.size / area)) for sample in samples]
        self._visits = np.repeat(np.arange(len(samples)), visits)

    def __len__(self) -> int:
        """Number of batches an epoch; the last may be smaller."""
        return -(-len(self._visits) // self._recipe.train.batch_size)

    def __getitem__(self, index: int) -> Batch:
        """Return batch ``index`` of this epoch."""
        settings, seed = self._recipe.train, self._recipe.seed
        order = np.random.default_rng([seed, self._epoch]).permutation(self._visits)
        first = index * settings.batch_size
        windows = []
        for place, which in enumerate(order[first : first + settings.batch_size], start=first):
            sample = self._samples[which]
            rng = np.random.default_rng([seed, self._epoch, place])
            image, maps = sample_window(
                sample.image,
                np.dstack([sample.targets, sample.weights]),
                settings.window_px,
                self._recipe.augment,
                rng,
            )
            windows.append((image, maps[..., :-1], maps[..., -1]))
        return _stack(windows, self._recipe)

    def on_epoch_end(self) -> None:
        """Move on to the windows of the next epoch."""
        self._epoch += 1

    def release(self) -> None:
        """Let go of the samples; there are no more batches."""
        self._samples = []


class ValidationWindows(keras.utils.PyDataset):
    """Windows that cover the crops once, side by side, the same every epoch.

    Parameters
    ----------
    samples : list of Sample
    recipe : Recipe
    """

    def __init__(self, samples: list[Sample], recipe: Recipe) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._recipe = recipe
        size = recipe.train.window_px
        self._windows = [
            (
                _pad(sample.image, size)[part],
                _pad(sample.targets, size)[part],
                _pad(sample.weights, size)[part],
            )
            for sample in samples
            for part in _cover(sample.labels.shape, size)
        ]

    def __len__(self) -> int:
        """Number of batches."""
        return -(-len(self._windows) // self._recipe.train.batch_size)

    def __getitem__(self, index: int) -> Batch:
        """Return batch ``index``."""
        first, size = index * self._recipe.train.batch_size, self._recipe.train.batch_size
        return _stack(self._windows[first : first + size], self._recipe)

    def release(self) -> None:
        """Let go of the samples; there are no more batches."""
        self._windows = []


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


def _stack(windows: list[tuple[Frame, Frame, Frame]], recipe: Recipe) -> Batch:
    images, targets, weights = (np.stack(part) for part in zip(*windows, strict=True))
    if images.ndim == 3:
        images = images[..., None]
    names = heads(recipe.model)
    if len(names) == 1:
        return images, targets, weights
    by_head = {head: targets[..., i : i + 1] for i, head in enumerate(names)}
    return images, by_head, dict.fromkeys(names, weights)
