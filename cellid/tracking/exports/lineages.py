"""Which spot follows which, and which tracks have a founder in common."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.types import Tracks


def previous_spots(tracks: Tracks) -> NDArray[np.int64]:
    """Return the row of the spot before each spot, ``(N,)``; -1 for none.

    Before the first spot of a track comes the last of its mother; a gap is bridged.
    """
    track = tracks.spots["track"].to_numpy()
    first = np.flatnonzero(np.diff(track, prepend=0))
    last = pd.Series(np.append(first[1:], track.size)[: first.size] - 1, index=track[first])
    mother = tracks.lineage.set_index("track")["parent"].reindex(track[first])
    previous = np.arange(track.size) - 1
    previous[first] = mother.map(last).fillna(-1)
    return previous


def founders(tracks: Tracks) -> pd.Series:
    """Return the first ancestor of each track, itself if it has no mother; indexed by track."""
    parent = tracks.lineage.set_index("track")["parent"]
    ancestor = parent.where(parent > 0, parent.index)
    while True:
        older = ancestor.map(ancestor)
        if older.equals(ancestor):
            return ancestor
        ancestor = older
