"""Tracks without gaps, as file formats want them that know no missing frame."""

import numpy as np
import pandas as pd

from cellid.types import Tracks


def split_at_gaps(tracks: Tracks) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut every track where it misses a frame; the later piece descends from the earlier.

    Parameters
    ----------
    tracks : Tracks

    Returns
    -------
    spots : DataFrame
        The rows of ``tracks.spots`` in their order, ``track`` being the number of the
        piece. The first piece keeps the number of its track, the others get new ones.
    table : DataFrame
        A row a piece, ascending: number ``L``, first and last frame ``B`` and ``E``, and
        ``P``, the piece that it continues or that divided into it, or 0; int64. A piece
        with a single descendant broke off; one with two divided.
    """
    spots = tracks.spots.sort_values(["track", "frame"], kind="stable")
    track, frame = spots["track"].to_numpy(), spots["frame"].to_numpy()
    begins_track = np.diff(track, prepend=0) != 0
    breaks_off = ~begins_track & (np.diff(frame, prepend=0) > 1)
    first = np.flatnonzero(begins_track | breaks_off)
    last = np.append(first[1:], len(spots))[: first.size] - 1
    resumes = breaks_off[first]

    number = track[first]
    number[resumes] = tracks.lineage["track"].max() + 1 + np.arange(np.count_nonzero(resumes))
    ends_track = np.append(begins_track[first[1:]], True)[: first.size]
    last_piece = pd.Series(number[ends_track], index=track[first][ends_track])
    parent = tracks.lineage.set_index("track")["parent"].reindex(track[first])
    descends_from = parent.map(last_piece).fillna(0).to_numpy(np.int64)
    descends_from[resumes] = np.roll(number, 1)[resumes]

    table = pd.DataFrame({"L": number, "B": frame[first], "E": frame[last], "P": descends_from})
    spots = spots.assign(track=np.repeat(number, last - first + 1)).loc[tracks.spots.index]
    return spots, table.sort_values("L", ignore_index=True)
