"""Scores of tracks, as the Cell Tracking Challenge defines them: SEG, DET, TRA and LNK."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.evaluation.contingency import Contingency, Counts, tabulate_overlap
from cellid.evaluation.counts import BinaryCounts, Summable, divide
from cellid.evaluation.divisions import match_divisions
from cellid.evaluation.tracks import TrackGraph, read_tracks

# What it costs to mend an error by hand (Matula et al. 2015): the weights of the Challenge
_SPLIT, _ADD_VERTEX, _DELETE_VERTEX = 5.0, 10.0, 1.0
_DELETE_EDGE, _ADD_EDGE, _CHANGE_EDGE = 1.0, 1.5, 1.0


@dataclass(frozen=True)
class TrackingScores(Summable):
    """Errors of tracks, as the operations that turn them into the true ones.

    A vertex is an object in a frame, an edge the link to what it was before, within its
    track or in its parent's. ``+`` pools sequences, every object weighing the same; the
    Challenge gives the mean over sequences. Scores of 0/0 are nan.

    Attributes
    ----------
    n_vertices, n_edges : int
        Of the true tracks.
    splits : int
        How many more true objects than one each predicted object holds, summed up.
    false_negatives : int
        True objects of which no predicted one holds more than half.
    false_positives : int
        Predicted objects that hold no true one.
    edges_to_delete, edges_to_add, edges_to_change : int
        Edges imagined between objects that are each one true object; true edges missed;
        edges within a track that should lead to a parent, or the other way round.
    divisions_found, divisions_imagined, divisions_missed : int
        True positives, false positives and false negatives of `match_divisions`.

    References
    ----------
    Matula et al., Cell tracking accuracy measurement based on comparison of acyclic
    oriented graphs, PLoS ONE 10:e0144959, 2015.
    """

    n_vertices: int
    n_edges: int
    splits: int
    false_negatives: int
    false_positives: int
    edges_to_delete: int
    edges_to_add: int
    edges_to_change: int
    divisions_found: int
    divisions_imagined: int
    divisions_missed: int

    _summed: ClassVar[tuple[str, ...]] = (
        *("n_vertices", "n_edges", "splits", "false_negatives", "false_positives"),
        *("edges_to_delete", "edges_to_add", "edges_to_change"),
        *("divisions_found", "divisions_imagined", "divisions_missed"),
    )

    @property
    def aogm_d(self) -> float:
        """Weighted sum of the errors of vertices."""
        return (
            _SPLIT * self.splits
            + _ADD_VERTEX * self.false_negatives
            + _DELETE_VERTEX * self.false_positives
        )

    @property
    def aogm_a(self) -> float:
        """Weighted sum of the errors of edges."""
        return (
            _DELETE_EDGE * self.edges_to_delete
            + _ADD_EDGE * self.edges_to_add
            + _CHANGE_EDGE * self.edges_to_change
        )

    @property
    def aogm(self) -> float:
        """Weighted sum of all errors."""
        return self.aogm_d + self.aogm_a

    @property
    def det(self) -> float:
        """Detection: what is saved of the cost of adding all vertices by hand."""
        return _share_saved(self.aogm_d, _ADD_VERTEX * self.n_vertices)

    @property
    def lnk(self) -> float:
        """Linking: what is saved of the cost of adding all edges by hand."""
        return _share_saved(self.aogm_a, _ADD_EDGE * self.n_edges)

    @property
    def tra(self) -> float:
        """Tracking: what is saved of the cost of adding all vertices and edges by hand."""
        return _share_saved(self.aogm, _ADD_VERTEX * self.n_vertices + _ADD_EDGE * self.n_edges)

    @property
    def divisions(self) -> BinaryCounts:
        """Divisions, with precision, recall and ``dice``, which is F1."""
        return BinaryCounts(self.divisions_found, self.divisions_imagined, self.divisions_missed)

    def as_dict(self) -> dict[str, float]:
        """Return every score by name, then the counts."""
        return {
            "det": self.det,
            "tra": self.tra,
            "lnk": self.lnk,
            "division_precision": self.divisions.precision,
            "division_recall": self.divisions.recall,
            "division_f1": self.divisions.dice,
            **dict(zip(self._summed, self.values(), strict=True)),
        }


@dataclass(frozen=True)
class SegScores(Summable):
    """The Challenge's segmentation accuracy; ``+`` pools images.

    Attributes
    ----------
    n_true : int
        True objects.
    iou_sum : float
        Sum of the IoU of each with the predicted object that holds more than half of it.
    """

    n_true: int
    iou_sum: float

    _summed: ClassVar[tuple[str, ...]] = ("n_true", "iou_sum")

    @property
    def seg(self) -> float:
        """Mean IoU of the true objects, 0 for one that is not held."""
        return divide(self.iou_sum, self.n_true)

    def as_dict(self) -> dict[str, float]:
        """Return the score and the number of objects by name."""
        return {"seg": self.seg, "n_true": self.n_true}


def measure_seg(table: Contingency) -> SegScores:
    """Measure the segmentation accuracy SEG of an image.

    Parameters
    ----------
    table : Contingency
        Overlaps of true and predicted labels. False objects cost nothing here.

    Returns
    -------
    SegScores

    References
    ----------
    Maška et al., A benchmark for comparison of cell tracking algorithms,
    Bioinformatics 30:1609, 2014.
    """
    return SegScores(n_true=table.n_true, iou_sum=float(table.iou[table.holds_true].sum()))


def score_tracking(
    frames: Iterable[tuple[NDArray[np.generic], NDArray[np.generic]]],
    true_tracks: pd.DataFrame,
    predicted_tracks: pd.DataFrame,
    *,
    division_tolerance_frames: int,
) -> TrackingScores:
    """Score the tracks of one sequence.

    One pair of frames is held at a time, beside a few numbers an object.

    Parameters
    ----------
    frames : iterable of (true, predicted), (Y, X) integers each
        Label images in order of time, 0 for background. A track has its label in every
        frame from its first to its last.
    true_tracks, predicted_tracks : pandas.DataFrame
        Columns L, B, E, P as in `read_tracks`; frames are counted from the first of
        ``frames``.
    division_tolerance_frames : int
        How far apart a true and a predicted division may be (`match_divisions`).

    Returns
    -------
    TrackingScores

    Raises
    ------
    CellidError
        If tables and images do not agree, or images cannot be compared.

    Notes
    -----
    LNK is the part of TRA that edges have, as in the Challenge's linking benchmark.
    """
    if division_tolerance_frames < 0:
        raise CellidError(
            "division_tolerance_frames",
            expected="a number of frames from 0 up",
            got=f"{division_tolerance_frames}",
            remedy="0 asks for the very frame",
        )
    true = read_tracks(true_tracks, "true tracks")
    predicted = read_tracks(predicted_tracks, "predicted tracks")
    n_held, partners = _match_vertices(frames, true, predicted)
    true_previous, previous = true.previous, predicted.previous
    n_edges = int(np.count_nonzero(true_previous >= 0))
    joined = np.flatnonzero((previous >= 0) & (partners >= 0) & (partners[previous] >= 0))
    right = joined[true_previous[partners[joined]] == partners[previous[joined]]]
    changed = true.begins_track[partners[right]] != predicted.begins_track[right]
    divisions = match_divisions(
        true, predicted, partners, tolerance_frames=division_tolerance_frames
    )
    return TrackingScores(
        n_vertices=true.n_vertices,
        n_edges=n_edges,
        splits=int(np.sum(n_held[n_held > 1] - 1)),
        false_negatives=true.n_vertices - int(n_held.sum()),
        false_positives=int(np.count_nonzero(n_held == 0)),
        edges_to_delete=joined.size - right.size,
        edges_to_add=n_edges - right.size,
        edges_to_change=int(np.count_nonzero(changed)),
        divisions_found=divisions.true_positives,
        divisions_imagined=divisions.false_positives,
        divisions_missed=divisions.false_negatives,
    )


def _match_vertices(
    frames: Iterable[tuple[NDArray[np.generic], NDArray[np.generic]]],
    true: TrackGraph,
    predicted: TrackGraph,
) -> tuple[Counts, Counts]:
    """Return how many true vertices each predicted one holds, and which if it is one, else -1."""
    n_held = np.zeros(predicted.n_vertices, dtype=np.int64)
    partners = np.full(predicted.n_vertices, -1)
    n_frames = 0
    for n_frames, (true_labels, predicted_labels) in enumerate(frames, start=1):
        table = tabulate_overlap(true_labels, predicted_labels)
        true_vertices = true.vertices_in(n_frames - 1, table.true_ids, "true tracks")
        vertices = predicted.vertices_in(n_frames - 1, table.predicted_ids, "predicted tracks")
        held = table.holds_true
        holders = table.predicted_index[held]
        n_held[vertices] = np.bincount(holders, minlength=table.n_predicted)
        partners[vertices[holders]] = true_vertices[table.true_index[held]]
    for graph, name in ((true, "true tracks"), (predicted, "predicted tracks")):
        if graph.ends.max(initial=-1) >= n_frames:
            raise CellidError(
                name,
                expected=f"last frames E below {n_frames}, the number of frames",
                got=f"{graph.ends.max()}",
                remedy="pass all frames, or cut the tracks where the frames end",
            )
    partners[n_held != 1] = -1
    return n_held, partners


def _share_saved(cost: float, cost_of_all: float) -> float:
    return 1 - divide(min(cost, cost_of_all), cost_of_all)
