"""From the labels of a frame to the numbers of the tracks."""

import numpy as np
import pandas as pd

from cellid.errors import CellidError
from cellid.types import Labels


class TrackNumbers:
    """The track of each object of a time-lapse, frame by frame.

    Parameters
    ----------
    spots : DataFrame
        Columns ``frame``, ``label`` and ``track`` of `cellid.types.Tracks`.
    """

    def __init__(self, spots: pd.DataFrame) -> None:
        self._of_frame = {
            frame: (rows["label"].to_numpy(), rows["track"].to_numpy())
            for frame, rows in spots[["frame", "label", "track"]].groupby("frame")
        }

    def renumber(self, frame: int, labels: Labels) -> Labels:
        """Return labels whose numbers are those of the tracks; 0 for objects of no track.

        Parameters
        ----------
        frame : int
            Position in the time-lapse, from 0.
        labels : (Y, X) int32
            The labels that were tracked.

        Raises
        ------
        CellidError
            If a tracked label is beyond those of the image.
        """
        lookup = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
        if frame in self._of_frame:
            label, track = self._of_frame[frame]
            if label.max() >= lookup.size:
                raise CellidError(
                    f"labels of frame {frame}",
                    expected=f"the label {label.max()} that was tracked",
                    got=f"labels up to {lookup.size - 1}",
                    remedy="export with the label images that the tracks were made from",
                )
            lookup[label] = track
        return np.asarray(lookup[labels])
