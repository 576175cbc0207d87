"""Tracks as the Tracks layer of napari takes them."""

from pathlib import Path

from cellid.io.writers import write_json, write_table
from cellid.types import Tracks

_COLUMNS = {"track": "track", "frame": "t", "y": "y", "x": "x"}


def write_napari(table: str | Path, graph: str | Path, tracks: Tracks) -> None:
    """Write the vertices of the tracks as CSV and their mothers as JSON.

    Parameters
    ----------
    table : str or Path
        CSV, a row a spot: ``track``, ``t`` in frames, ``y`` and ``x`` in pixels of the
        frame as it was taken, then what else is known of it: the layer's features.
    graph : str or Path
        JSON: the number of each daughter, and a list with that of its mother.
    tracks : Tracks

    Notes
    -----
    In napari's console, with ``scale=[1, s, s]`` where pixels are s µm wide::

        spots, graph = pandas.read_csv(table), json.load(open(graph))
        viewer.add_tracks(spots.iloc[:, :4], graph={int(k): v for k, v in graph.items()})
    """
    spots = tracks.spots.rename(columns=_COLUMNS)
    first = list(_COLUMNS.values())
    write_table(table, spots[[*first, *spots.columns.difference(first, sort=False)]])
    daughters = tracks.lineage[tracks.lineage["parent"] > 0]
    pairs = zip(daughters["track"], daughters["parent"], strict=True)
    write_json(graph, {daughter: [mother] for daughter, mother in pairs})
