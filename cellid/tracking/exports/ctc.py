"""The result folder of the Cell Tracking Challenge: ``maskTTT.tif`` and ``res_track.txt``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from cellid.errors import CellidError
from cellid.io.folder_writers import replacing_folder
from cellid.io.tiff_writers import LARGEST_UINT16, write_image
from cellid.tracking.exports.track_numbers import TrackNumbers
from cellid.tracking.gaps import split_at_gaps
from cellid.types import Labels, Tracks

_FEWEST_DIGITS = 3  # of a frame number; sequences of more than 1,000 frames have four


class CtcWriter:
    """Takes the labels of a time-lapse; made by `writing_ctc`."""

    def __init__(
        self,
        folder: Path,
        tracks: Tracks,
        n_frames: int,
        pixel_size_um: float | None,
    ) -> None:
        spots, table = split_at_gaps(tracks)
        # A row a line and nothing else: the Challenge's programs know no header
        table.to_csv(
            folder / "res_track.txt", sep=" ", header=False, index=False, lineterminator="\n"
        )
        self._folder = folder
        self._numbers = TrackNumbers(spots)
        self._dtype = np.uint32 if (table["L"] > LARGEST_UINT16).any() else np.uint16
        self._digits = max(_FEWEST_DIGITS, len(str(n_frames - 1)))
        self._pixel_size_um = pixel_size_um

    def write(self, frame: int, labels: Labels) -> None:
        """Write the mask of a frame from its (Y, X) int32 labels."""
        numbers = self._numbers.renumber(frame, labels).astype(self._dtype)
        path = self._folder / f"mask{frame:0{self._digits}}.tif"
        write_image(path, numbers, pixel_size_um=self._pixel_size_um)


@contextmanager
def writing_ctc(
    folder: str | Path,
    tracks: Tracks,
    n_frames: int,
    pixel_size_um: float | None = None,
    overwrite: bool = False,
) -> Iterator[CtcWriter]:
    """Write the results of one sequence as the Cell Tracking Challenge wants them.

    A mask a frame, numbered by track, and in ``res_track.txt`` a line a track: its
    number, first and last frame, and parent or 0. The format knows no missing frame: a
    track is cut at its gaps, and a piece has the piece before it as its parent.

    Parameters
    ----------
    folder : str or Path
        The Challenge's own programs want the name ``01_RES`` or ``02_RES``.
    tracks : Tracks
    n_frames : int
        How many frames will come.
    pixel_size_um : float or None
    overwrite : bool
        Whether a folder that is there is replaced.

    Yields
    ------
    CtcWriter

    Raises
    ------
    CellidError
        If the folder exists and ``overwrite`` is off, another number of frames came, or
        no space is left; nothing is written then.

    Notes
    -----
    Masks are uint16, as the Challenge wants; past track 65,535 they are uint32, which
    its programs do not take, but many others do.
    """
    folder = Path(folder)
    with replacing_folder(folder, overwrite) as temporary:
        yield CtcWriter(temporary, tracks, n_frames, pixel_size_um)
        n_written = len(list(temporary.glob("mask*.tif")))
        if n_written != n_frames:
            raise CellidError(
                folder,
                expected=f"{n_frames} frames",
                got=f"{n_written} frames; nothing was written",
                remedy="look for missing or damaged frames in the input",
            )
