"""Objects with boxes, scores and classes, which may overlap, and their one-to-one matching."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from cellid.errors import CellidError
from cellid.evaluation.assignment import choose_pairs
from cellid.evaluation.contingency import Counts
from cellid.evaluation.matching import Matching, Pairs, check_threshold
from cellid.types import Detections, Labels, Mask, ObjectPixels, Window, check_labels

Outline: TypeAlias = Literal["box", "mask"]
Overlaps: TypeAlias = tuple[Counts, Counts, NDArray[np.float64]]

_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Instances:
    """Objects of one image with class and score, true or predicted; they may overlap.

    Attributes
    ----------
    frame : tuple of int
        Y and X of the image.
    boxes : (N, 4) float64
        y0, x0, y1, x1 in pixels, half-open.
    scores : (N,) float64
        Confidence; 1 for true objects.
    classes : (N,) int64
        Class of each, from 0.
    masks : (N, Y*X) sparse array of int32 or None
        1 at the pixels of each object, column by column as in COCO's run lengths.
    """

    frame: tuple[int, int]
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    classes: Counts
    masks: csr_array | None

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def box_areas_px(self) -> NDArray[np.float64]:
        """Area of each box, ``(N,)``."""
        return np.asarray((self.boxes[:, 2:] - self.boxes[:, :2]).prod(axis=1))

    @property
    def areas_px(self) -> NDArray[np.float64]:
        """Pixels of each object, ``(N,)``; the area of its box where there are no masks."""
        return self.box_areas_px if self.masks is None else np.diff(self.masks.indptr).astype(float)

    def above(self, score: float) -> "Instances":
        """Return the objects whose score exceeds ``score``."""
        return self.chosen(self.scores > score)

    def chosen(self, kept: NDArray[np.bool_]) -> "Instances":
        """Return some of them, by a mask (N,)."""
        kept = np.asarray(kept, bool)
        return Instances(
            self.frame,
            self.boxes[kept],
            self.scores[kept],
            self.classes[kept],
            None if self.masks is None else self.masks[np.flatnonzero(kept)],
        )


def draw_instances(instances: Instances) -> Labels:
    """Return objects with masks as labels, (Y, X) int32, numbered from 1; later ones on top."""
    masks, (height, width) = cast(csr_array, instances.masks), instances.frame
    labels = np.zeros(width * height, np.int32)
    for number, (first, last) in enumerate(pairwise(masks.indptr), start=1):
        labels[masks.indices[first:last]] = number
    return labels.reshape(width, height).T


def label_instances(
    labels: NDArray[np.generic],
    *,
    scores: NDArray[np.floating] | None = None,
    classes: NDArray[np.integer] | None = None,
) -> Instances:
    """Return the objects of a label image.

    Parameters
    ----------
    labels : (Y, X) integers
        0 for background. Objects are numbered in the order of their labels.
    scores : (N,) float, optional
        Confidence of each; 1 where none is given, as for true labels.
    classes : (N,) integers, optional
        Class of each from 0; all 0 where none is given.

    Returns
    -------
    Instances

    Raises
    ------
    CellidError
        If it is not a label image, or there are not as many scores or classes as objects.
    """
    objects = ObjectPixels.of_labels(check_labels(labels))
    return pixel_instances(objects, scores=scores, classes=classes)


def pixel_instances(
    objects: ObjectPixels,
    *,
    scores: NDArray[np.floating] | None = None,
    classes: NDArray[np.integer] | None = None,
) -> Instances:
    """Return objects that may overlap, known to the pixel.

    Parameters
    ----------
    objects : ObjectPixels
        One without a pixel has an empty box at 0, 0.
    scores, classes : (N,) arrays, optional
        As of `label_instances`.

    Returns
    -------
    Instances

    Raises
    ------
    CellidError
        If there are not as many scores or classes as objects.
    """
    n, areas_px = objects.n_objects, objects.areas_px
    by_column = objects.x.astype(np.int64) * objects.shape[0] + objects.y
    order = np.lexsort((by_column, objects.number))
    masks = _stack_masks(by_column[order], areas_px, objects.shape)
    boxes = np.zeros((n, 4))
    boxes[areas_px > 0] = _bound(masks[np.flatnonzero(areas_px)], objects.shape[0])
    return Instances(
        frame=objects.shape,
        boxes=boxes,
        scores=np.ones(n) if scores is None else _one_each("scores", scores, n),
        classes=(
            np.zeros(n, np.int64)
            if classes is None
            else _one_each("classes", classes, n).astype(np.int64)
        ),
        masks=masks,
    )


def detected_instances(detections: Detections, frame: tuple[int, int]) -> Instances:
    """Return the objects of a detector, or true boxes, their masks pasted into the frame.

    Parameters
    ----------
    detections : Detections
    frame : tuple of int
        Y and X of the image.

    Returns
    -------
    Instances
        Without masks if the detections have none.
    """
    masks = None
    if detections.masks is not None:
        pixels = [
            _flat_pixels(inside, window, frame[0])
            for window, inside in detections.paste_masks(frame)
        ]
        sizes = np.array([each.size for each in pixels], np.int64)
        masks = _stack_masks(np.concatenate([_NONE, *pixels]), sizes, frame)
    return Instances(
        frame=frame,
        boxes=detections.boxes.astype(np.float64),
        scores=detections.scores.astype(np.float64),
        classes=detections.classes.astype(np.int64),
        masks=masks,
    )


def match_instances(
    true: Instances, predicted: Instances, *, by: Outline, iou_threshold: float
) -> Matching:
    """Match objects that may overlap one to one, whatever their classes and scores.

    At a threshold of 0.5 these are the scores that reports of Mask R-CNN on LIVECell
    give: mean IoU of the matches, precision, recall, F1, and the totals of true,
    predicted and matched instances; ``predicted.above(0.5)`` leaves out unsure ones.

    Parameters
    ----------
    true, predicted : Instances
        Of one image.
    by : "box" or "mask"
        What overlaps.
    iou_threshold : float in (0, 1]
        Least intersection over union of a matched pair.

    Returns
    -------
    Matching
        ``+`` pools images. For label images it is that of `match_objects`.

    Raises
    ------
    CellidError
        If masks are asked for and missing, or the frames differ.
    """
    pairs = pair_up(true, predicted, by=by, iou_threshold=iou_threshold)
    matched = pairs.iou.size
    return Matching(
        true_positives=matched,
        false_positives=len(predicted) - matched,
        false_negatives=len(true) - matched,
        iou_sum=float(pairs.iou.sum()),
        iou_threshold=float(iou_threshold),
    )


def pair_up(true: Instances, predicted: Instances, *, by: Outline, iou_threshold: float) -> Pairs:
    """Return which object was matched with which, as `match_instances` counts them."""
    check_threshold(iou_threshold)
    check_comparable(true, predicted, by)
    overlap = overlap_masks if by == "mask" else _overlap_boxes
    row, column, iou = overlap(true, predicted)
    candidate = iou >= iou_threshold
    row, column, iou = row[candidate], column[candidate], iou[candidate]
    chosen = choose_pairs(row, column, iou)
    return Pairs(row[chosen], column[chosen], iou[chosen])


def check_comparable(true: Instances, predicted: Instances, by: Outline) -> None:
    """Raise CellidError if the frames differ, or masks are asked for and missing."""
    if true.frame != predicted.frame:
        raise CellidError(
            "predicted instances",
            expected=f"the frame of the true ones, {true.frame}",
            got=f"{predicted.frame}",
            remedy="compare objects of the same image at the same scale",
        )
    if by == "mask" and (true.masks is None or predicted.masks is None):
        raise CellidError(
            "instances",
            expected="masks of both the true and the predicted objects",
            got="boxes only",
            remedy='compare boxes with by="box"',
        )


def overlap_masks(true: Instances, predicted: Instances) -> Overlaps:
    """Return the pairs of objects that share a pixel, by number, and their IoU: (P,) each."""
    true_masks, predicted_masks = cast(csr_array, true.masks), cast(csr_array, predicted.masks)
    shared = (true_masks @ predicted_masks.T).tocoo()
    row, column = (ends.astype(np.int64) for ends in shared.coords)
    unions = true.areas_px[row] + predicted.areas_px[column] - shared.data
    return row, column, shared.data / unions


def _overlap_boxes(true: Instances, predicted: Instances) -> Overlaps:
    """Return the pairs of objects whose boxes share an area, and their IoU."""
    y0, x0, y1, x1 = np.ascontiguousarray(predicted.boxes.T)

    def share(box: NDArray[np.float64]) -> tuple[Counts, NDArray[np.float64]]:
        height = np.minimum(y1, box[2]) - np.maximum(y0, box[0])
        width = np.minimum(x1, box[3]) - np.maximum(x0, box[1])
        overlapped = np.flatnonzero((height > 0) & (width > 0))
        return overlapped, (height * width)[overlapped]

    # Row by row: all pairs at once would fill the memory on crowded images
    rows = [(_NONE, np.zeros(0)), *map(share, true.boxes)]
    column, shared = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    row = np.repeat(np.arange(len(true)), [overlapped.size for overlapped, _ in rows[1:]])
    unions = true.box_areas_px[row] + predicted.box_areas_px[column] - shared
    return row, column, shared / unions


def _flat_pixels(inside: Mask, window: Window, n_rows: int) -> Counts:
    """Return the places of a mask's pixels in its frame, column by column."""
    column, row = np.nonzero(inside.T)
    return np.asarray((column + window[1].start) * n_rows + row + window[0].start)


def _stack_masks(pixels: Counts, sizes: Counts, frame: tuple[int, ...]) -> csr_array:
    """Return a row an object from the ascending pixels of one after another."""
    ends = np.append(0, np.cumsum(sizes))
    ones = np.ones(pixels.size, np.int32)
    return csr_array((ones, pixels, ends), shape=(sizes.size, frame[0] * frame[1]))


def _bound(masks: csr_array, n_rows: int) -> NDArray[np.float64]:
    """Return the box of each mask, none of them empty."""
    x, y = np.divmod(masks.indices, n_rows)
    starts = masks.indptr[:-1]
    least = [np.minimum.reduceat(each, starts) for each in (y, x)]
    most = [np.maximum.reduceat(each, starts) + 1 for each in (y, x)]
    return np.stack([*least, *most], axis=1).astype(np.float64)


def _one_each(name: str, values: NDArray[np.generic], n_objects: int) -> NDArray[np.float64]:
    if values.shape != (n_objects,):
        raise CellidError(
            name,
            expected=f"one for each of the {n_objects} objects",
            got=f"shape {values.shape}",
            remedy="give them in ascending order of the labels",
        )
    return np.asarray(values, np.float64)
