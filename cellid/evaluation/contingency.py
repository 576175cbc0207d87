"""The sparse contingency table of two label images, from which every score derives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.types import check_labels

Counts = NDArray[np.int64]

_BITS = 32  # labels are int32 and not negative
_LOW = (1 << _BITS) - 1


@dataclass(frozen=True, eq=False)
class Contingency:
    """Areas of the objects of two label images, and how far they overlap.

    Background is left out of every array. Objects are numbered by position in
    `true_ids` and `predicted_ids`, so that gaps in the labels cost nothing.

    Attributes
    ----------
    true_ids, predicted_ids : (N,) and (M,) int64
        Labels that occur, ascending.
    true_areas_px, predicted_areas_px : (N,) and (M,) int64
        Pixels of each object.
    true_index, predicted_index : (K,) int64
        The overlapping pairs, as positions in `true_ids` and `predicted_ids`, in
        order of the first, then the second.
    intersections_px : (K,) int64
        Pixels that the two objects of a pair share, at least 1.
    n_pixels : int
        Pixels of the image, background included.
    """

    true_ids: Counts
    predicted_ids: Counts
    true_areas_px: Counts
    predicted_areas_px: Counts
    true_index: Counts
    predicted_index: Counts
    intersections_px: Counts
    n_pixels: int

    @property
    def n_true(self) -> int:
        """Number of true objects."""
        return self.true_ids.size

    @property
    def n_predicted(self) -> int:
        """Number of predicted objects."""
        return self.predicted_ids.size

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each overlapping pair, ``(K,)`` float64 in (0, 1]."""
        unions = (
            self.true_areas_px[self.true_index]
            + self.predicted_areas_px[self.predicted_index]
            - self.intersections_px
        )
        return np.asarray(self.intersections_px / unions, dtype=np.float64)

    @property
    def holds_true(self) -> NDArray[np.bool_]:
        """Whether more than half of the true object lies in the predicted one, ``(K,)``.

        The detection test of Matula et al. 2015 (PLoS ONE 10:e0144959): an object lies in
        one holder at most, while a holder may hold several.
        """
        return np.asarray(2 * self.intersections_px > self.true_areas_px[self.true_index])

    @property
    def holds_predicted(self) -> NDArray[np.bool_]:
        """Whether more than half of the predicted object lies in the true one, ``(K,)``."""
        return np.asarray(2 * self.intersections_px > self.predicted_areas_px[self.predicted_index])


def tabulate_overlap(true: NDArray[np.generic], predicted: NDArray[np.generic]) -> Contingency:
    """Count the pixels that each true object shares with each predicted one.

    Parameters
    ----------
    true, predicted : (Y, X) integers or booleans
        Label images of one shape, 0 for background. Labels need not be
        consecutive; a boolean mask is one object.

    Returns
    -------
    Contingency

    Raises
    ------
    CellidError
        If either is not a label image, or their shapes differ.
    """
    true_labels = check_labels(true, "true labels")
    predicted_labels = check_labels(predicted, "predicted labels")
    if true_labels.shape != predicted_labels.shape:
        raise CellidError(
            "predicted labels",
            expected=f"the shape of the true labels, {true_labels.shape}",
            got=f"shape {predicted_labels.shape}",
            remedy="compare images of the same field at the same scale",
        )
    pair_of_run, lengths = _find_runs(true_labels.ravel(), predicted_labels.ravel())
    pairs, position = np.unique(pair_of_run, return_inverse=True)
    shared_px = _sum_by(position, lengths, pairs.size)
    true_ids, true_index, true_areas = _compact(pairs >> _BITS, shared_px)
    predicted_ids, predicted_index, predicted_areas = _compact(pairs & _LOW, shared_px)
    overlapping = (true_index >= 0) & (predicted_index >= 0)
    return Contingency(
        true_ids=true_ids,
        predicted_ids=predicted_ids,
        true_areas_px=true_areas,
        predicted_areas_px=predicted_areas,
        true_index=true_index[overlapping],
        predicted_index=predicted_index[overlapping],
        intersections_px=shared_px[overlapping],
        n_pixels=true_labels.size,
    )


def _find_runs(true: NDArray[np.int32], predicted: NDArray[np.int32]) -> tuple[Counts, Counts]:
    """Return pair of labels and length of each run of pixels along which both stay the same.

    Objects are compact, so there are some twenty times fewer runs than pixels and
    everything after this is cheap. Runs that are background in both are dropped. A
    pair is one number, the true label in its upper half: one sort then does for all.
    """
    begins = np.empty(true.size, dtype=bool)
    begins[:1] = True
    np.not_equal(true[1:], true[:-1], out=begins[1:])
    begins[1:] |= predicted[1:] != predicted[:-1]
    starts = np.flatnonzero(begins)
    pair = (true[starts].astype(np.int64) << _BITS) | predicted[starts]
    foreground = pair > 0
    return pair[foreground], np.diff(starts, append=true.size)[foreground]


def _compact(labels: Counts, areas: Counts) -> tuple[Counts, Counts, Counts]:
    """Return the labels above 0, the position of each pair among them (-1: background), areas."""
    ids, position = np.unique(labels, return_inverse=True)
    totals = _sum_by(position, areas, ids.size)
    background = int(ids.size > 0 and ids[0] == 0)
    return ids[background:], position - background, totals[background:]


def _sum_by(group: Counts, values: Counts, n_groups: int) -> Counts:
    """Sum ``values`` a group; exact, as float64 holds whole numbers up to 2**53."""
    return np.bincount(group, weights=values, minlength=n_groups).astype(np.int64)
