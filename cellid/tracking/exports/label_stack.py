"""A label stack whose numbers are those of the tracks, as Fiji, napari and others open it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cellid.io.tiff_writers import LabelStackWriter
from cellid.tracking.exports.track_numbers import TrackNumbers
from cellid.types import Labels, Tracks


class TrackStackWriter:
    """Takes the labels of a time-lapse; made by `writing_label_stack`."""

    def __init__(self, stack: LabelStackWriter, numbers: TrackNumbers) -> None:
        self._stack = stack
        self._numbers = numbers

    def write(self, frame: int, labels: Labels) -> None:
        """Append the (Y, X) int32 labels of the next frame."""
        self._stack.write(self._numbers.renumber(frame, labels))


@contextmanager
def writing_label_stack(
    path: str | Path, tracks: Tracks, n_frames: int, pixel_size_um: float | None = None
) -> Iterator[TrackStackWriter]:
    """Write a TIFF with axes TYX: uint16, or uint32 past track 65,535.

    Parameters
    ----------
    path : str or Path
    tracks : Tracks
    n_frames : int
        How many frames will come, in order.
    pixel_size_um : float or None

    Yields
    ------
    TrackStackWriter

    Raises
    ------
    CellidError
        If another number of frames came, or no space is left; nothing is written then.
    """
    with LabelStackWriter(path, n_frames, pixel_size_um) as stack:
        yield TrackStackWriter(stack, TrackNumbers(tracks.spots))
