"""Batches of patches for the training and validation of a classifier."""

import keras
import numpy as np
from numpy.typing import NDArray

from cellid.augment import change_patch
from cellid.config import ClassifierRecipe
from cellid.dataset.patches import PatchSet
from cellid.imaging.patches import cut_patch
from cellid.models.classifier import standardise
from cellid.types import Frame

Batch = tuple[Frame, NDArray[np.float32], NDArray[np.float32]]
"""Patches (B, Y, X, C), 1 for a positive one (B, 1), and their weights in the loss (B,)."""


class PatchBatches(keras.utils.PyDataset):
    """All patches once an epoch, in batches whose sizes differ by one at most.

    What a batch holds depends only on seed, epoch and place in the epoch: a resumed training
    sees what an uninterrupted one would.

    Parameters
    ----------
    patches : PatchSet
    recipe : ClassifierRecipe
    weights : (float, float)
        Of a negative and of a positive patch in the loss.
    epoch : int or None
        The epoch that comes first, of shuffled and changed patches; None: they come as they are,
        for validation.
    """

    def __init__(
        self,
        patches: PatchSet,
        recipe: ClassifierRecipe,
        weights: tuple[float, float],
        epoch: int | None,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self._patches: PatchSet | None = patches
        self._recipe = recipe
        self._weights = np.array(weights, np.float32)
        self._epoch = epoch
        self._fields = patches.table["field"].to_numpy()
        self._boxes, self._positive = patches.boxes, patches.positive

    def __len__(self) -> int:
        """Number of batches an epoch."""
        return -(-len(self._fields) // self._recipe.train.batch_size)

    def __getitem__(self, index: int) -> Batch:
        """Return batch ``index`` of this epoch."""
        order = np.arange(len(self._fields))
        if self._epoch is not None:
            order = np.random.default_rng([self._recipe.seed, self._epoch]).permutation(order)
        chosen = np.array_split(order, len(self))[index]
        patches = standardise(np.stack([self._patch(number) for number in chosen]))
        positive = self._positive[chosen]
        return patches, positive[:, None].astype(np.float32), self._weights[positive.astype(int)]

    def on_epoch_end(self) -> None:
        """Move on to the changes of the next epoch."""
        if self._epoch is not None:
            self._epoch += 1

    def release(self) -> None:
        """Let go of the images; there are no more batches."""
        self._patches = None

    def _patch(self, number: int) -> Frame:
        field = self._patches.fields[self._fields[number]]
        size_px, network_px = self._patches.size_px, self._recipe.patches.network_px
        patch = cut_patch(field, self._boxes[number], size_px, network_px)
        if self._epoch is None:
            return patch
        rng = np.random.default_rng([self._recipe.seed, self._epoch, number])
        return change_patch(patch, self._recipe.augment, rng)
