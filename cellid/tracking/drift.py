"""Camera shifts of a field: measured, and taken out of coordinates and frames (thesis 8.1)."""

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.imaging.phase_correlation import RunningReference
from cellid.imaging.registration import Shift, move_back

# Two or three bad frames in a row may look alike, such as a lamp out or another plate
_CHANGED_FOR_GOOD = 5


class DriftMeter:
    """Measures how far the frames of one field lie from its first, one frame at a time.

    A frame that shows nothing (black, blurred) or something else is told from good ones;
    its shift is interpolated between those of its neighbours. Where frame after frame
    shows something else and all the same, the view has changed for good: its shifts go
    on from the last that was known. Memory does not grow with the frames.

    Examples
    --------
    >>> import numpy as np
    >>> frame = np.random.default_rng(0).random((96, 128))
    >>> meter = DriftMeter()
    >>> for each in (frame, np.zeros_like(frame), np.roll(frame, (2, -4), (0, 1))):
    ...     meter.add(each)
    >>> meter.table().round(1)
       frame  shift_y_px  shift_x_px   good
    0      0         0.0         0.0   True
    1      1         1.0        -2.0  False
    2      2         2.0        -4.0   True
    """

    def __init__(self) -> None:
        self._shifts: list[NDArray[np.float64] | None] = []
        self._reference: RunningReference | None = None
        self._changed: RunningReference | None = None
        self._origin = self._last = np.zeros(2)

    def add(self, frame: NDArray[np.generic] | None) -> None:
        """Measure the next frame.

        Parameters
        ----------
        frame : (Y, X) array of any real dtype, or None
            None where it is missing or cannot be read.

        Raises
        ------
        CellidError
            If the frame is not two-dimensional, or of another size than those before.
        """
        self._shifts.append(None if frame is None else self._measure(frame))

    def table(self) -> pd.DataFrame:
        """Return a row a frame: ``frame``, ``shift_y_px``, ``shift_x_px`` and ``good``.

        What is at (y, x) in the first good frame is at (y, x) plus the shift in this one.
        Where a frame is not good the shift is interpolated; 0 where no frame is.
        """
        frames = np.arange(len(self._shifts))
        good = np.array([shift is not None for shift in self._shifts], bool)
        known = np.array([shift for shift in self._shifts if shift is not None]).reshape(-1, 2)
        down, across = (
            np.interp(frames, frames[good], each) if good.any() else np.zeros(len(frames))
            for each in known.T
        )
        return pd.DataFrame(
            {"frame": frames, "shift_y_px": down, "shift_x_px": across, "good": good}
        )

    def _measure(self, frame: NDArray[np.generic]) -> NDArray[np.float64] | None:
        if self._reference is None:
            self._reference = RunningReference(_check_frame(frame, frame.shape))
        _check_frame(frame, self._reference.shape)
        place = self._reference.place(frame)
        if place is None:
            self._follow_change(frame)
            return None
        self._changed = None
        self._last = self._origin + place
        return self._last

    def _follow_change(self, frame: NDArray[np.generic]) -> None:
        """Take on a new view once several frames in a row have shown it."""
        if self._changed is None or self._changed.place(frame) is None:
            self._changed = RunningReference(frame.shape)
            self._changed.place(frame)
        elif self._changed.n_frames == _CHANGED_FOR_GOOD:
            self._reference, self._changed, self._origin = self._changed, None, self._last


def steady(spots: pd.DataFrame, shifts: pd.DataFrame) -> pd.DataFrame:
    """Return the spots of a field with ``y_stable`` and ``x_stable``: raw less the shift.

    Parameters
    ----------
    spots : DataFrame
        With ``frame``, ``y`` and ``x``, in pixels.
    shifts : DataFrame
        From `DriftMeter.table`.

    Raises
    ------
    CellidError
        If a spot is in a frame that has no shift.
    """
    known = shifts.set_index("frame")
    strangers = sorted(set(spots["frame"]) - set(known.index))
    if strangers:
        raise CellidError(
            "shifts",
            expected=f"one for every frame with nuclei, such as frame {strangers[0]}",
            got=f"those of {len(known)} frames",
            remedy="measure the drift on all frames of the field",
        )
    stable = {
        f"{axis}_stable": spots[axis] - spots["frame"].map(known[f"shift_{axis}_px"])
        for axis in ("y", "x")
    }
    return spots.assign(**stable)


def stabilise(
    frame: NDArray[np.generic], shift_y_px: float, shift_x_px: float
) -> NDArray[np.generic]:
    """Return a frame moved back to where the first lies; 0 where nothing was seen.

    Parameters
    ----------
    frame : (Y, X) array of uint8, uint16 or float32
    shift_y_px, shift_x_px : float
        Of this frame in `DriftMeter.table`.

    Returns
    -------
    (Y, X) array of the frame's dtype
        Interpolated linearly between pixels.
    """
    return move_back(frame, Shift(shift_y_px, shift_x_px, 1.0), cv2.BORDER_CONSTANT)


def _check_frame(frame: NDArray[np.generic], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a frame after checking that it is an image of ``shape``."""
    if frame.ndim != 2 or frame.shape != shape:
        raise CellidError(
            "frame",
            expected=f"an image of {'×'.join(map(str, shape[:2]))} pixels, as the first one",
            got=f"shape {frame.shape}",
            remedy="give the frames of one field, in one channel",
        )
    return frame.shape
