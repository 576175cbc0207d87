"""Tidy tables of spots, tracks and divisions."""

from pathlib import Path

import pandas as pd

from cellid.io.writers import write_table
from cellid.types import Tracks

_FIRST = ["track", "frame", "label"]
_POSITIONS = ("y", "x", "y_stable", "x_stable")
_LENGTHS = (*_POSITIONS, "axis_major_length", "axis_minor_length")


def write_tables(
    folder: str | Path,
    tracks: Tracks,
    pixel_size_um: float | None = None,
    interval_h: float | None = None,
) -> None:
    """Write ``tracks.csv``, ``lineage.csv`` and ``divisions.csv`` to a folder.

    Parameters
    ----------
    folder : str or Path
    tracks : Tracks
    pixel_size_um : float or None
        Lengths are in µm and areas in µm², and their columns end in ``_um`` and
        ``_um2``; without it they are in pixels, ``_px``.
    interval_h : float or None
        Hours between frames; with it every frame has its ``time_h`` beside it.

    Notes
    -----
    ``tracks.csv`` has a row a spot, ``lineage.csv`` a row a track. ``divisions.csv`` has
    a row a division: the ``mother``, her ``daughters`` apart by a space, the last
    ``frame`` that she was seen in, and where.
    """
    folder = Path(folder)
    tables = {
        "tracks": tracks.spots[[*_FIRST, *tracks.spots.columns.drop(_FIRST)]],
        "lineage": tracks.lineage,
        "divisions": find_divisions(tracks),
    }
    for name, table in tables.items():
        write_table(folder / f"{name}.csv", _with_units(table, pixel_size_um, interval_h))


def find_divisions(tracks: Tracks) -> pd.DataFrame:
    """Return a row a division, ascending by mother.

    Parameters
    ----------
    tracks : Tracks

    Returns
    -------
    DataFrame
        ``mother`` and ``daughters``, numbers of tracks, those of the daughters as text
        with a space between; ``frame``, the last in which the mother was seen; and her
        position in it, ``y``, ``x``, ``y_stable`` and ``x_stable`` in pixels.
    """
    born = tracks.lineage[tracks.lineage["parent"] > 0]
    daughters = born["track"].astype(str).groupby(born["parent"]).agg(" ".join)
    last = tracks.spots.drop_duplicates("track", keep="last").set_index("track")
    table = last.loc[daughters.index, ["frame", *_POSITIONS]]
    table.insert(0, "daughters", daughters)
    return table.rename_axis("mother").reset_index()


def _with_units(
    table: pd.DataFrame, pixel_size_um: float | None, interval_h: float | None
) -> pd.DataFrame:
    """Return a table with lengths and times in their units, named in the header."""
    length, area = ("px", "px") if pixel_size_um is None else ("um", "um2")
    names = {name: f"{name}_{length}" for name in _LENGTHS} | {"area": f"area_{area}"}
    table = table.copy()
    if pixel_size_um is not None:
        for name in table.columns.intersection(list(names)):
            table[name] *= pixel_size_um**2 if name == "area" else pixel_size_um
    if interval_h is not None:
        for name in table.columns.intersection(("frame", "begin", "end")):
            hours = "time_h" if name == "frame" else f"{name}_h"
            table.insert(int(table.columns.get_loc(name)) + 1, hours, table[name] * interval_h)
    return table.rename(columns=names)
