"""Cell divisions found and missed, with a tolerance in time."""

import numpy as np
from numpy.typing import NDArray

from cellid.evaluation.assignment import choose_pairs
from cellid.evaluation.contingency import Counts
from cellid.evaluation.counts import BinaryCounts
from cellid.evaluation.tracks import TrackGraph


def match_divisions(
    true: TrackGraph, predicted: TrackGraph, partners: Counts, *, tolerance_frames: int
) -> BinaryCounts:
    """Match predicted divisions to true ones, one to one.

    Two divisions may match if the mothers end at most ``tolerance_frames`` apart and
    are the same cell in the last frame that both have, and if the daughters are as many
    and, one to one, begin at most ``tolerance_frames`` apart and are the same cells in
    the first frame that both have.

    Parameters
    ----------
    true, predicted : TrackGraph
    partners : (V,) int64
        The true vertex that is the same cell as each predicted one, -1 for none.
    tolerance_frames : int
        0 for the very frame.

    Returns
    -------
    BinaryCounts
        Its ``dice`` is the F1 of divisions.

    Notes
    -----
    This is the branching correctness BC(i) of the Cell Tracking Challenge (Ulman et al.,
    Nature Methods 14:1141, 2017) with daughters compared as in py-ctcmetrics 1.3, which
    does not forbid a division to match twice. Of several candidates the nearest in time
    are taken.
    """
    true_mothers, mothers = _find_candidates(true, predicted, partners, tolerance_frames)
    same = np.array(
        [
            _have_same_daughters(true, predicted, partners, *pair, tolerance_frames)
            for pair in zip(true_mothers, mothers, strict=True)
        ],
        dtype=bool,
    )
    true_mothers, mothers = true_mothers[same], mothers[same]
    apart = np.abs(true.ends[true_mothers] - predicted.ends[mothers])
    chosen = choose_pairs(true_mothers, mothers, 1 - apart / (tolerance_frames + 1))
    found = int(np.count_nonzero(chosen))
    return BinaryCounts(
        true_positives=found,
        false_positives=int(np.count_nonzero(predicted.divides)) - found,
        false_negatives=int(np.count_nonzero(true.divides)) - found,
    )


def _find_candidates(
    true: TrackGraph, predicted: TrackGraph, partners: Counts, tolerance_frames: int
) -> tuple[Counts, Counts]:
    """Return the pairs of true and predicted tracks that are one cell and divide, near in time."""
    mothers = np.flatnonzero(predicted.divides)[:, None]
    true_ends = predicted.ends[mothers] + np.arange(-tolerance_frames, tolerance_frames + 1)
    last_common = np.minimum(predicted.ends[mothers], true_ends)
    true_mothers = true.tracks_of(_partners_at(predicted, partners, mothers, last_common))
    candidate = true_mothers >= 0
    candidate[candidate] = true.divides[true_mothers[candidate]] & (
        true.ends[true_mothers[candidate]] == true_ends[candidate]
    )
    return true_mothers[candidate], np.broadcast_to(mothers, candidate.shape)[candidate]


def _have_same_daughters(
    true: TrackGraph,
    predicted: TrackGraph,
    partners: Counts,
    true_mother: int,
    mother: int,
    tolerance_frames: int,
) -> bool:
    true_daughters, daughters = true.daughters(true_mother)[:, None], predicted.daughters(mother)
    true_begins, begins = true.begins[true_daughters], predicted.begins[daughters]
    first_common = np.maximum(true_begins, begins)
    vertices = true.vertices(true_daughters, first_common)
    same = (
        (vertices >= 0)
        & (vertices == _partners_at(predicted, partners, daughters, first_common))
        & (np.abs(true_begins - begins) <= tolerance_frames)
    )
    rows, columns = np.nonzero(same)
    n_same = np.count_nonzero(choose_pairs(rows, columns, np.ones(rows.size)))
    return bool(true_daughters.size == daughters.size == n_same)


def _partners_at(
    predicted: TrackGraph, partners: Counts, tracks: Counts, frames: Counts
) -> NDArray[np.int64]:
    """Return the true vertices that are the same cells as predicted tracks in frames, or -1."""
    vertices = predicted.vertices(tracks, frames)
    return np.where(vertices >= 0, partners[vertices], -1)
