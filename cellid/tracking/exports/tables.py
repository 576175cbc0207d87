"""Tidy tables of spots, tracks and divisions."""

from pathlib import Path

import pandas as pd

from cellid.io.readers import read_table
from cellid.io.writers import write_table
from cellid.types import Tracks

_FIRST = ["track", "frame", "label"]
_POSITIONS = ("y", "x", "y_stable", "x_stable")
_LINEAGE = ["track", "begin", "end", "parent"]
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


def read_tables(
    folder: str | Path,
    pixel_size_um: float | None = None,
    remedy: str = "have the tables written again",
) -> Tracks:
    """Read what `write_tables` wrote, back in pixels.

    Parameters
    ----------
    folder : str or Path
    pixel_size_um : float or None
        As it was given there.
    remedy : str
        What to do where one is damaged.

    Raises
    ------
    CellidError
        If one is missing, damaged or cut short.
    """
    folder = Path(folder)
    spots, lineage = (read_table(folder / f"{name}.csv", remedy) for name in ("tracks", "lineage"))
    for name, (named, scale) in _units(pixel_size_um).items():
        if named in spots:
            spots[name] = spots.pop(named) / scale
    return Tracks(spots.drop(columns="time_h", errors="ignore"), lineage[_LINEAGE])


def _units(pixel_size_um: float | None) -> dict[str, tuple[str, float]]:
    """Return the name with its unit, and the size of a pixel in it, of lengths and areas."""
    if pixel_size_um is None:
        return {name: (f"{name}_px", 1.0) for name in (*_LENGTHS, "area")}
    lengths = {name: (f"{name}_um", pixel_size_um) for name in _LENGTHS}
    return lengths | {"area": ("area_um2", pixel_size_um**2)}


def _with_units(
    table: pd.DataFrame, pixel_size_um: float | None, interval_h: float | None
) -> pd.DataFrame:
    """Return a table with lengths and times in their units, named in the header."""
    units = _units(pixel_size_um)
    known = table.columns.intersection(list(units))
    table = table.assign(**{name: table[name] * units[name][1] for name in known})
    if interval_h is not None:
        for name in table.columns.intersection(("frame", "begin", "end")):
            hours = "time_h" if name == "frame" else f"{name}_h"
            table.insert(int(table.columns.get_loc(name)) + 1, hours, table[name] * interval_h)
    return table.rename(columns={name: units[name][0] for name in known})
