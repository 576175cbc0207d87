"""What passes between the parts of cellid, and the checks of it.

A *frame* is one image, ``(Y, X)`` or ``(Y, X, C)``, never batched. *Labels* are
int32 ``(Y, X)``: 0 is background and every object has a number of its own.
*Detections* are boxes with scores, which may overlap; *object pixels* are objects that
may overlap, to the pixel. *Tracks* are nuclei followed through a time-lapse.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.errors import CellidError

Frame: TypeAlias = NDArray[np.float32]
Labels: TypeAlias = NDArray[np.int32]
Mask: TypeAlias = NDArray[np.bool_]
Window: TypeAlias = tuple[slice, slice]

_INSIDE = 0.5  # probability from which a pixel is the object's (He et al., Mask R-CNN, ICCV 2017)


def count_channels(frame: NDArray[np.generic]) -> int:
    """Return the number of channels of a frame: 1 for (Y, X), C for (Y, X, C)."""
    return frame.shape[2] if frame.ndim == 3 else 1


def check_labels(labels: NDArray[np.generic], name: str = "labels") -> Labels:
    """Return ``labels`` as int32 after checking that they are a label image.

    Parameters
    ----------
    labels : (Y, X) array of integers or booleans
        0 is background, every other number an object.
    name : str
        What to call the array in an error.

    Returns
    -------
    (Y, X) int32

    Raises
    ------
    CellidError
        If the array is not two-dimensional, not integer, or holds negative numbers.
    """
    array = np.asarray(labels)
    if array.ndim != 2:
        raise CellidError(
            name,
            expected="a label image with axes YX",
            got=f"shape {array.shape}",
            remedy="pass one two-dimensional image at a time",
        )
    if array.dtype.kind not in "bui":
        raise CellidError(
            name,
            expected="whole numbers, 0 for background and one number an object",
            got=f"dtype {array.dtype}",
            remedy="threshold probabilities first, or convert with astype('int32')",
        )
    if array.dtype.kind == "i" and array.size and int(array.min()) < 0:
        raise CellidError(
            name,
            expected="numbers from 0 up",
            got=f"the number {int(array.min())}",
            remedy="set unlabelled pixels to 0",
        )
    if array.dtype.itemsize > 4 or array.dtype == np.uint32:
        highest = int(array.max(initial=0))
        if highest > np.iinfo(np.int32).max:
            raise CellidError(
                name,
                expected=f"numbers up to {np.iinfo(np.int32).max}",
                got=f"the number {highest}",
                remedy="number the objects from 1, as skimage.segmentation.relabel_sequential",
            )
    return array.astype(np.int32, copy=False)


@dataclass(frozen=True, eq=False)
class Detections:
    """Objects found in one frame, each with a box and a score; they may overlap.

    Attributes
    ----------
    boxes : (N, 4) float32
        y0, x0, y1, x1 in pixels, half-open: a pixel reaches from its index to the next.
    scores : (N,) float32
        Confidence, higher is surer.
    classes : (N,) int32
        Class of each object, from 0.
    masks : (N, m, m) float32 or None
        Probability of the object on an m×m grid that fills its box.

    Raises
    ------
    CellidError
        If the arrays are not of these shapes, are not finite, or a box ends before it begins.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int32]
    masks: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "boxes", np.asarray(self.boxes, np.float32))
        object.__setattr__(self, "scores", np.asarray(self.scores, np.float32))
        object.__setattr__(self, "classes", np.asarray(self.classes, np.int32))
        n = len(self.boxes)
        _check_shape("boxes", self.boxes, (n, 4))
        _check_shape("scores", self.scores, (n,))
        _check_shape("classes", self.classes, (n,))
        if self.masks is not None:
            object.__setattr__(self, "masks", np.asarray(self.masks, np.float32))
            side = self.masks.shape[-1] if self.masks.ndim else 0
            _check_shape("masks", self.masks, (n, side, side))
        if not (np.isfinite(self.boxes).all() and np.isfinite(self.scores).all()):
            raise CellidError(
                "detections",
                expected="finite boxes and scores",
                got="nan or infinity",
                remedy="leave out what the model could not decide",
            )
        if np.any(self.boxes[:, 2:] < self.boxes[:, :2]):
            raise CellidError(
                "boxes",
                expected="y0, x0, y1, x1 with y0 ≤ y1 and x0 ≤ x1",
                got="a box that ends before it begins",
                remedy="check the order of the four numbers; x comes first in COCO's boxes",
            )

    def __len__(self) -> int:
        return len(self.boxes)

    def chosen(self, which: NDArray[np.generic]) -> "Detections":
        """Return some of them, by numbers or by a mask (N,)."""
        return Detections(
            self.boxes[which],
            self.scores[which],
            self.classes[which],
            None if self.masks is None else self.masks[which],
        )

    def scaled(self, factor: float) -> "Detections":
        """Return the same objects in an image that is ``factor`` times as large."""
        return replace(self, boxes=self.boxes * np.float32(factor))

    def moved(self, down: float, right: float) -> "Detections":
        """Return the same objects in an image whose corner lies elsewhere, pixels."""
        return replace(self, boxes=self.boxes + np.array([down, right, down, right], np.float32))

    @classmethod
    def joined(cls, parts: Sequence["Detections"]) -> "Detections":
        """Return the objects of several parts of an image as one, the surest first."""
        if not parts:
            return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))
        masks = [part.masks for part in parts if part.masks is not None]
        whole = cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.classes for part in parts]),
            np.concatenate(masks) if masks else None,
        )
        return whole.chosen(np.argsort(-whole.scores, kind="stable"))

    def paste_masks(self, shape: tuple[int, int]) -> Iterator[tuple[Window, Mask]]:
        """Yield the pixels of each object in a frame of ``shape``.

        A mask is interpolated linearly at the centres of the pixels; what lies beyond
        the frame is left out. Without masks an object is its whole box.

        Yields
        ------
        (slice, slice)
            The rows and columns of the frame that the box holds.
        (rows, columns) bool
            Which of them are the object's.
        """
        cells = np.ones((len(self), 1, 1), np.float32) if self.masks is None else self.masks
        for window, values in self.paste_cells(cells, shape):
            yield window, values >= _INSIDE

    def paste_cells(
        self, cells: NDArray[np.floating], shape: tuple[int, int]
    ) -> Iterator[tuple[Window, NDArray[np.float64]]]:
        """Yield what grids that fill the boxes, (N, m, m), are in a frame, as `paste_masks`."""
        for values, (y0, x0, y1, x1) in zip(cells, self.boxes.tolist(), strict=True):
            rows, columns = _pixels_between(y0, y1, shape[0]), _pixels_between(x0, x1, shape[1])
            down = _interpolation(rows, y0, y1, len(values))
            across = _interpolation(columns, x0, x1, len(values))
            yield (rows, columns), down @ values @ across.T


@dataclass(frozen=True, eq=False)
class ObjectPixels:
    """The pixels of each object of one frame, exactly; objects may overlap.

    Attributes
    ----------
    shape : tuple of int
        Height and width of the frame.
    n_objects : int
        Objects; one may have no pixel.
    number : (P,) int32
        Which object a pixel is of, from 0, ascending. A pixel that objects share is there
        once for each.
    y, x : (P,) int32
        Its row and column.
    """

    shape: tuple[int, int]
    n_objects: int
    number: NDArray[np.int32]
    y: NDArray[np.int32]
    x: NDArray[np.int32]

    @classmethod
    def of_objects(
        cls,
        shape: tuple[int, int],
        objects: Iterable[tuple[NDArray[np.integer], NDArray[np.integer]]],
    ) -> Self:
        """Return objects given as the rows and columns of each."""
        none = np.zeros(0, np.int32)
        rows, columns = zip((none, none), *objects, strict=True)
        sizes = [len(each) for each in rows[1:]]
        y, x = (np.concatenate(axis).astype(np.int32) for axis in (rows, columns))
        return cls(
            shape, len(sizes), np.repeat(np.arange(len(sizes)), sizes).astype(np.int32), y, x
        )

    @classmethod
    def of_labels(cls, labels: Labels) -> Self:
        """Return the objects of a label image in ascending order of their numbers."""
        y, x = np.nonzero(labels)
        ids, number = np.unique(labels[y, x], return_inverse=True)
        order = np.argsort(number, kind="stable")
        columns = [each[order].astype(np.int32) for each in (number, y, x)]
        return cls((labels.shape[0], labels.shape[1]), ids.size, *columns)

    @classmethod
    def of_detections(cls, found: Detections, shape: tuple[int, int]) -> Self:
        """Return detections in a frame of ``shape``, as `Detections.paste_masks` draws them."""
        pasted = [(np.nonzero(inside), window) for window, inside in found.paste_masks(shape)]
        return cls.of_objects(
            shape, [(y + rows.start, x + columns.start) for (y, x), (rows, columns) in pasted]
        )

    @property
    def areas_px(self) -> NDArray[np.int64]:
        """Pixels of each object, ``(n_objects,)``."""
        return np.bincount(self.number, minlength=self.n_objects)

    def each(self) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
        """Yield the rows and columns of one object after another."""
        ends = np.cumsum(self.areas_px)[:-1]
        if self.n_objects:
            yield from zip(np.split(self.y, ends), np.split(self.x, ends), strict=True)

    def crop(
        self, y0: int, x0: int, y1: int, x1: int, least: float
    ) -> tuple[Self, NDArray[np.int64]]:
        """Return the objects of a part of the frame, and which of all they are.

        Parameters
        ----------
        y0, x0, y1, x1 : int
            The part, half-open pixels.
        least : float in [0, 1]
            Least share of its pixels that an object has there; one without any never is
            an object of the part.

        Returns
        -------
        ObjectPixels
            In pixels from the corner of the part.
        (N,) int64
        """
        inside = (self.y >= y0) & (self.y < y1) & (self.x >= x0) & (self.x < x1)
        seen_px = np.bincount(self.number[inside], minlength=self.n_objects)
        kept = (seen_px > 0) & (seen_px >= least * self.areas_px)
        inside &= kept[self.number]
        number = (np.cumsum(kept) - 1)[self.number[inside]].astype(np.int32)
        y, x = self.y[inside] - np.int32(y0), self.x[inside] - np.int32(x0)
        cropped = type(self)((y1 - y0, x1 - x0), int(kept.sum()), number, y, x)
        return cropped, np.flatnonzero(kept)

    def draw(self) -> Labels:
        """Return the objects as labels, (Y, X) int32, numbered from 1.

        Where some overlap, the smallest has the pixels.
        """
        labels = np.zeros(self.shape, np.int32)
        order = np.argsort(-self.areas_px[self.number], kind="stable")  # the smallest comes last
        labels[self.y[order], self.x[order]] = self.number[order] + 1
        return labels


@dataclass(frozen=True, eq=False)
class Tracks:
    """Nuclei followed through a time-lapse.

    Attributes
    ----------
    spots : DataFrame
        A row a nucleus in a frame, sorted by track and frame: ``track`` int64, from 1;
        ``frame`` int64, from 0; ``label``, its number in the label image of the frame;
        centre ``y``, ``x`` in pixels of the frame as it was taken, and ``y_stable``,
        ``x_stable`` with the drift of the stage taken out; ``confidence``, 0 to 1, of the
        link to the spot before, nan for the first of a track; and whatever was measured.
        A track may miss frames in between.
    lineage : DataFrame
        A row a track: ``track``, its first and last frame ``begin`` and ``end``, and
        ``parent``, the track that divided into it, or 0.
    """

    spots: pd.DataFrame
    lineage: pd.DataFrame


def _pixels_between(start: float, stop: float, size: int) -> slice:
    """Return the pixels of an axis of ``size`` whose centres lie in ``[start, stop)``."""
    first, end = (min(max(math.ceil(edge - 0.5), 0), size) for edge in (start, stop))
    return slice(first, end)


def _interpolation(pixels: slice, start: float, stop: float, n_cells: int) -> NDArray[np.float64]:
    """Return the weight of each of ``n_cells`` cells, filling start to stop, in each pixel."""
    centres = np.arange(pixels.start, pixels.stop) + 0.5
    position = (centres - start) / max(stop - start, np.finfo(float).tiny) * n_cells - 0.5
    position = position.clip(0, n_cells - 1)
    return np.asarray((1 - np.abs(position[:, None] - np.arange(n_cells))).clip(0))


def _check_shape(name: str, array: NDArray[np.generic], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise CellidError(
            name,
            expected=f"shape {shape}",
            got=f"shape {array.shape}",
            remedy="pass one row an object",
        )
