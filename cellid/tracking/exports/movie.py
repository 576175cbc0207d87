"""A movie of the frames with the outline of every track, to look at and to show."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.imaging.geometry import rescale_frame, rescale_labels
from cellid.imaging.overlay import Picture, find_outlines, stretch_contrast
from cellid.io.writers import replacing
from cellid.tracking.exports.track_numbers import TrackNumbers
from cellid.types import Labels, Tracks

LONGEST_SIDE_PX = 1280
"""Larger frames are shrunk to this: it fills a screen, and files stay small enough to send."""

FRAMES_PER_SECOND = 10
"""A day of frames two hours apart passes in about a second, and eyes can still follow."""

# H.264 with colours at half resolution: what browsers, slides and players all show
_CODEC: Final = "libx264"
_PIXELS = "yuv420p"
_CONTAINER = {"movflags": "+faststart"}  # shown before all of it is loaded
# A jump decodes a second at most; at this quality outlines are clear, and 2,000 frames of
# 1280 pixels take about 200 MB
_ENCODER = {"preset": "veryfast", "crf": "26", "g": str(FRAMES_PER_SECOND)}

# Okabe and Ito's colours without black: told apart by people of any colour vision
_COLOURS = np.array(
    [
        (230, 159, 0),
        (86, 180, 233),
        (0, 158, 115),
        (240, 228, 66),
        (0, 114, 178),
        (213, 94, 0),
        (204, 121, 167),
    ],
    np.uint8,
)

_LINE_PX = 2  # the codec halves the resolution of colours

_TEXT_HEIGHT_SHARE = 0.025


class MovieWriter:
    """Takes the frames of a time-lapse; made by `writing_movie`."""

    def __init__(self, path: Path, numbers: TrackNumbers, interval_h: float | None) -> None:
        self._numbers = numbers
        self._interval_h = interval_h
        self._file = av.open(str(path), "w", format="mp4", options=_CONTAINER)
        self._video = self._file.add_stream(_CODEC, FRAMES_PER_SECOND, options=_ENCODER)
        self._video.pix_fmt = _PIXELS

    def write(self, frame: int, image: NDArray[np.generic], labels: Labels) -> None:
        """Append a frame.

        Parameters
        ----------
        frame : int
            Position in the time-lapse, from 0.
        image : (Y, X) or (Y, X, C) array
            As it was taken; of several channels the first is shown.
        labels : (Y, X) int32
            The labels that were tracked.
        """
        tracks = self._numbers.renumber(frame, labels)
        hours = "" if self._interval_h is None else f"   {frame * self._interval_h:.1f} h"
        picture = draw_tracks(image if image.ndim == 2 else image[..., 0], tracks)
        picture = _with_caption(picture, f"frame {frame}{hours}")
        if not self._video.codec_context.is_open:
            self._video.height, self._video.width = picture.shape[:2]
        self._file.mux(self._video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))

    def close(self) -> None:
        """Write what is left to the file."""
        if self._video.codec_context.is_open:
            self._file.mux(self._video.encode())
        self._file.close()


@contextmanager
def writing_movie(
    path: str | Path, tracks: Tracks, interval_h: float | None = None
) -> Iterator[MovieWriter]:
    """Write an MP4 of the frames, as large as `LONGEST_SIDE_PX`, with the tracks outlined.

    A track keeps its colour; of seven, so that others have it too. The number of the
    frame stands above, and the hours since the first.

    Parameters
    ----------
    path : str or Path
        Ends in ``.mp4``.
    tracks : Tracks
    interval_h : float or None
        Hours between frames.

    Yields
    ------
    MovieWriter

    Raises
    ------
    CellidError
        If no space is left; nothing is written then.
    """
    with replacing(path) as temporary:
        movie = MovieWriter(temporary, TrackNumbers(tracks.spots), interval_h)
        try:
            yield movie
        finally:
            movie.close()


def draw_tracks(image: NDArray[np.generic], tracks: Labels) -> Picture:
    """Draw the outline of each track in its colour, on a picture of a movie's size.

    Parameters
    ----------
    image : (Y, X) array
        Of any real dtype; its contrast is stretched.
    tracks : (Y, X) int32
        Numbers of the tracks.

    Returns
    -------
    (H, W, 3) uint8
        Sides are even, as the codec wants them.
    """
    scale = min(1.0, LONGEST_SIDE_PX / max(image.shape))
    shape = tuple(max(2, round(side * scale / 2) * 2) for side in image.shape)
    grey = stretch_contrast(rescale_frame(image, shape))
    tracks = rescale_labels(tracks, shape)
    line = np.where(find_outlines(tracks), tracks % len(_COLOURS) + 1, 0).astype(np.uint8)
    colour = np.asarray(cv2.dilate(line, np.ones((_LINE_PX, _LINE_PX), np.uint8)))
    picture = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
    picture[colour > 0] = _COLOURS[colour[colour > 0] - 1]
    return picture


def _with_caption(picture: Picture, text: str) -> Picture:
    """Return a picture with a black strip above it that hides no nucleus and bears a text."""
    height_px = max(8, round(_TEXT_HEIGHT_SHARE * picture.shape[0]))
    strip = np.zeros((2 * height_px, picture.shape[1], 3), np.uint8)
    font, white = cv2.FONT_HERSHEY_SIMPLEX, (255, 255, 255)
    size = cv2.getFontScaleFromHeight(font, height_px, 1)
    place = (height_px // 2, height_px * 3 // 2)
    cv2.putText(strip, text, place, font, size, white, 1, cv2.LINE_AA)
    return np.concatenate([strip, picture])
