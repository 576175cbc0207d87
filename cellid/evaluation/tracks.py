"""Tracks as a graph: an object in a frame is a vertex, linked to what it was before."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.evaluation.contingency import Counts

_COLUMNS = ["L", "B", "E", "P"]  # of the Cell Tracking Challenge


@dataclass(frozen=True, eq=False)
class TrackGraph:
    """Tracks in ascending order of their labels, and their vertices.

    Vertices are numbered track by track, those of a track by frame.

    Attributes
    ----------
    labels : (T,) int64
        Label of each track.
    begins, ends : (T,) int64
        Its first and last frame, counted from 0.
    parents : (T,) int64
        Position of the track it comes from, -1 for none.
    firsts : (T,) int64
        Number of its first vertex.
    """

    labels: Counts
    begins: Counts
    ends: Counts
    parents: Counts
    firsts: Counts

    @property
    def n_vertices(self) -> int:
        """Objects in all frames."""
        return int(np.sum(self.ends - self.begins + 1))

    @property
    def previous(self) -> Counts:
        """Vertex before each vertex, ``(V,)`` int64: in its track or its parent's; -1 for none."""
        before = np.arange(self.n_vertices) - 1
        before[self.firsts] = self.vertices(self.parents, self.ends[self.parents])
        return before

    @property
    def begins_track(self) -> NDArray[np.bool_]:
        """Whether a vertex is the first of its track, ``(V,)``."""
        first = np.zeros(self.n_vertices, dtype=bool)
        first[self.firsts] = True
        return first

    @property
    def divides(self) -> NDArray[np.bool_]:
        """Whether a track ends in a division, ``(T,)``; one daughter is a gap, not a division."""
        children = self.parents[self.parents >= 0]
        return np.bincount(children, minlength=self.labels.size) >= 2

    def daughters(self, track: int) -> Counts:
        """Return the tracks that come from a track."""
        return np.flatnonzero(self.parents == track)

    def vertices(self, tracks: Counts, frames: Counts) -> Counts:
        """Return the vertices of tracks in frames; -1 for track -1, and where it has none."""
        present = (tracks >= 0) & (self.begins[tracks] <= frames) & (frames <= self.ends[tracks])
        return np.where(present, self.firsts[tracks] + frames - self.begins[tracks], -1)

    def tracks_of(self, vertices: Counts) -> Counts:
        """Return the track of each vertex; -1 for vertex -1."""
        return np.searchsorted(self.firsts, vertices, side="right") - 1

    def vertices_in(self, frame: int, labels: Counts, name: str) -> Counts:
        """Return the vertices of a frame, after checking that it holds these labels, ascending."""
        alive = np.flatnonzero((self.begins <= frame) & (frame <= self.ends))
        if not np.array_equal(self.labels[alive], labels):
            odd = np.setxor1d(self.labels[alive], labels)[0]
            where = "image" if odd in labels else "table"
            raise CellidError(
                name,
                expected=f"the labels of frame {frame}, no more and no fewer",
                got=f"label {odd} in the {where} alone",
                remedy="give a track its label in every frame from B to E; what returns "
                "after a gap is a new track whose P is the old one",
            )
        return self.firsts[alive] + frame - self.begins[alive]


def read_tracks(table: pd.DataFrame, name: str = "tracks") -> TrackGraph:
    """Return the graph of a table of tracks.

    Parameters
    ----------
    table : pandas.DataFrame
        The columns of the Cell Tracking Challenge: label L, from 1 up, first and last
        frame B and E, from 0 up, and label P of the track it comes from, or 0.
    name : str
        What to call the table in an error.

    Returns
    -------
    TrackGraph

    Raises
    ------
    CellidError
        If a column is missing, labels repeat, a track ends before it begins, or its
        parent is unknown or does not end before it begins.
    """
    missing = [column for column in _COLUMNS if column not in table]
    if missing:
        raise _bad_table(name, "columns L, B, E and P", f"no {', '.join(missing)}")
    ordered = table.sort_values("L")
    labels, begins, ends, parents = ordered[_COLUMNS].to_numpy(np.int64).T.copy()
    if labels.size and (labels[0] < 1 or np.any(np.diff(labels) == 0)):
        raise _bad_table(name, "one row a label, from 1 up", "a label below 1 or twice")
    wrong = (begins < 0) | (ends < begins)
    if wrong.any():
        label = labels[wrong][0]
        raise _bad_table(name, "0 ≤ B ≤ E", f"a track {label} that ends before it begins")
    position = np.searchsorted(labels, parents).clip(max=max(labels.size - 1, 0))
    has_parent = parents != 0
    wrong = has_parent & ((labels[position] != parents) | (ends[position] >= begins))
    if wrong.any():
        label = labels[wrong][0]
        raise _bad_table(name, "parents that end before", f"a track {label} without such a parent")
    return TrackGraph(
        labels=labels,
        begins=begins,
        ends=ends,
        parents=np.where(has_parent, position, -1),
        firsts=np.cumsum(ends - begins + 1) - (ends - begins + 1),
    )


def _bad_table(name: str, expected: str, got: str) -> CellidError:
    return CellidError(
        name,
        expected=expected,
        got=got,
        remedy="pass the tracks of one field, numbered as in its label images",
    )
