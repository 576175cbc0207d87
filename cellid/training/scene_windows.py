"""Windows of images with their objects' boxes, to train a detector on."""

from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label as label_components

from cellid.augment import sample_window
from cellid.config import AugmentSettings, ObjectRecipe
from cellid.imaging.patches import patch_boxes
from cellid.models.classifier import standardise
from cellid.training.scenes import Scene
from cellid.types import Frame, Labels, Mask

Boxes = NDArray[np.float32]
Batch = tuple[Frame, dict[str, NDArray[Any]]]
"""Windows (B, Y, X, C), and their truth as `RetinaNet` or `MaskRcnn` wants it."""

_UNCHANGED = AugmentSettings(rotation_deg=0.0, shift=0.0, shear_deg=0.0, flips=False)

# Room for boxes, in the most objects that a window shows unturned: reflection adds some
_ROOM = 2


class SceneWindows(keras.utils.PyDataset):
    """Windows at random places, some about an object, in batches of one shape.

    An epoch shows each image as often as windows cover its area, at least once. What a window
    holds depends only on seed, epoch and place in the epoch: a resumed training sees what an
    uninterrupted one would.

    Parameters
    ----------
    scenes : list of Scene
    recipe : ObjectRecipe
        Whether there are masks in the truth, too, follows from what it compares objects by.
    epoch : int or None
        The epoch that comes first, of windows that are changed at random; None: always the same
        windows, as they are, for validation.
    """

    def __init__(self, scenes: list[Scene], recipe: ObjectRecipe, epoch: int | None) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self._scenes = scenes
        self._recipe = recipe
        self._epoch = epoch
        self._augment = _UNCHANGED if epoch is None else recipe.augment
        least = recipe.objects.network_min_area_px
        self._areas = [_full_areas(scene.labels, least) for scene in scenes]
        self._objects = [
            box_objects(scene.labels, areas, recipe.objects.min_visible)[0]
            for scene, areas in zip(scenes, self._areas, strict=True)
        ]
        side = recipe.train.window_px
        visits = [max(1, round(scene.labels.size / side**2)) for scene in scenes]
        self._visits = np.repeat(np.arange(len(scenes)), visits)
        self._n_boxes = _ROOM * max(_most_objects(scene.labels, side) for scene in scenes)

    def __len__(self) -> int:
        """Number of batches an epoch; what is left over waits for another epoch's order."""
        return max(1, len(self._visits) // self._recipe.train.batch_size)

    def __getitem__(self, index: int) -> Batch:
        """Return batch ``index`` of this epoch."""
        size, begin = self._recipe.train.batch_size, [self._recipe.seed, self._epoch or 0]
        order = np.random.default_rng(begin).permutation(self._visits)
        first = index * size
        windows = [
            self._window(which, np.random.default_rng([*begin, place]))
            for place, which in enumerate(order[first : first + size], start=first)
        ]
        images, truths = zip(*windows, strict=True)
        truth = {name: np.stack([each[name] for each in truths]) for name in truths[0]}
        return standardise(np.stack(images)), truth

    def on_epoch_end(self) -> None:
        """Move on to the windows of the next epoch."""
        if self._epoch is not None:
            self._epoch += 1

    def release(self) -> None:
        """Let go of the images; there are no more batches."""
        self._scenes = []

    def _window(
        self, which: int, rng: np.random.Generator
    ) -> tuple[Frame, dict[str, NDArray[Any]]]:
        scene, side = self._scenes[which], self._recipe.train.window_px
        centre = self._place(self._objects[which], rng)
        image, moved = sample_window(scene.image, scene.maps, side, self._augment, rng, centre)
        labels = moved[..., 0].astype(np.int32)
        seen = box_objects(labels, self._areas[which], self._recipe.objects.min_visible)
        truth = pad_boxes(seen.boxes, self._n_boxes)
        truth["unknown"] = (seen.hidden | (moved[..., 1] == 0)).astype(np.float32)
        if self._recipe.by == "mask":
            numbers = seen.numbers[: self._n_boxes]
            truth["numbers"] = np.pad(numbers, (0, self._n_boxes - len(numbers)))
            truth["labels"] = seen.parts
        if scene.implausibility is not None:
            truth["implausibility"] = moved[..., 2]
        return image.reshape(side, side, -1), truth

    def _place(self, objects: Boxes, rng: np.random.Generator) -> tuple[float, float] | None:
        """Return a place somewhere about an object, or None for anywhere."""
        settings = self._recipe.train
        if self._epoch is None or not len(objects) or rng.random() >= settings.object_share:
            return None
        y0, x0, y1, x1 = objects[rng.integers(len(objects))]
        y, x = rng.uniform(-0.4, 0.4, size=2) * settings.window_px
        return (y0 + y1) / 2 + y, (x0 + x1) / 2 + x


class SeenObjects(NamedTuple):
    """The objects of a window.

    Attributes
    ----------
    boxes : (M, 4) float32
        The largest object's first.
    numbers : (M,) int32
        That of each in ``parts``.
    parts : (Y, X) int32
        Connected parts of objects, numbered.
    hidden : (Y, X) bool
        The pixels of those that have no box.
    """

    boxes: Boxes
    numbers: NDArray[np.int32]
    parts: Labels
    hidden: Mask


def box_objects(labels: Labels, full_areas: NDArray[np.float64], min_visible: float) -> SeenObjects:
    """Return the objects in a window, with boxes where enough of them is seen.

    Each connected part is an object, for reflection at the border shows some twice.

    Parameters
    ----------
    labels : (Y, X) int32
    full_areas : (N,) float64
        Area by label of each whole object; infinite: never an object.
    min_visible : float
        Share of that area below which a part has no box.

    Returns
    -------
    SeenObjects
    """
    parts = label_components(labels, connectivity=2).astype(np.int32)
    numbers, first = np.unique(parts, return_index=True)
    whole = full_areas[labels.flat[first[numbers > 0]]]
    areas = np.bincount(parts.ravel())[1:]
    shown = areas >= min_visible * whole
    corners = [
        (rows.start, columns.start, rows.stop, columns.stop)
        for rows, columns in ndimage.find_objects(parts)
    ]
    order = np.argsort(-areas, kind="stable")
    order = order[shown[order]]
    return SeenObjects(
        boxes=np.array(corners, np.float32).reshape(-1, 4)[order],
        numbers=(order + 1).astype(np.int32),
        parts=parts,
        hidden=np.append(False, ~shown)[parts],
    )


def pad_boxes(boxes: Boxes, n: int) -> dict[str, NDArray[Any]]:
    """Return the truth of one image with room for ``n`` boxes; more are left out."""
    padded = np.zeros((n, 4), np.float32)
    boxes = boxes[:n]
    padded[: len(boxes)] = boxes
    return {
        "boxes": padded,
        "valid": np.arange(n) < len(boxes),
        "classes": np.zeros(n, np.int32),
    }


def _full_areas(labels: Labels, min_area_px: float) -> NDArray[np.float64]:
    areas = np.bincount(labels.ravel()).astype(float)
    areas[areas < min_area_px] = np.inf
    return areas


def _most_objects(labels: Labels, side: int) -> int:
    """Return the most objects in a window of an image, at least 1."""
    return max(
        np.unique(labels[y0:y1, x0:x1]).size
        for y0, x0, y1, x1 in patch_boxes(labels.shape, side, 0.5)
    )
