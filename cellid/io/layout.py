"""What is known of an image before its pixels are read, whatever the format of its file."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellid.errors import CellidError

COARSEST_PIXEL_UM = 20.0
"""Resolution tags of 72, 96, 300 or 600 dots an inch (42-353 µm) are a printer's
default and not a microscope's pixel, so sizes above this are taken as unknown."""

# Names in OME-XML, ImageJ and OME-Zarr, in small letters
UM_PER_UNIT = {
    "pm": 1e-6,
    "å": 1e-4,
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("µm", "um", "micron", "microns", "micrometer", "micrometre"), 1.0),
    **dict.fromkeys(("mm", "millimeter"), 1e3),
    **dict.fromkeys(("cm", "centimeter"), 1e4),
    **dict.fromkeys(("m", "meter"), 1e6),
    **dict.fromkeys(("in", "inch"), 25_400.0),
}

HOURS_PER_UNIT = {
    **dict.fromkeys(("ms", "msec", "millisecond"), 1 / 3_600_000),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1 / 3600),
    **dict.fromkeys(("min", "minute", "minutes"), 1 / 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 1.0),
    **dict.fromkeys(("d", "day", "days"), 24.0),
}


@dataclass(frozen=True, kw_only=True)
class Layout(ABC):
    """Where the planes of an image lie in its file; one class a format.

    Parameters
    ----------
    axes : str
        One letter an axis, as the metadata say; ``I``, ``Q`` and others stand for
        an axis of unknown meaning, ``S`` for the samples of a colour.
    shape : tuple of int
        Length of each axis.
    dtype : numpy.dtype
        Of the pixels, native byte order.
    block_shape : tuple of int
        Shape of what is read at once: the last axes of ``shape``.
    pixel_size_um : float or None
    frame_h : float or None
        Hours from a time point to the next.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    block_shape: tuple[int, ...]
    pixel_size_um: float | None = None
    frame_h: float | None = None

    @abstractmethod
    def read_blocks(self, path: Path, numbers: Iterable[int]) -> Iterator[NDArray[np.generic]]:
        """Yield the blocks with the given numbers, one in memory at a time.

        Yields
        ------
        array of ``block_shape`` and ``dtype``

        Raises
        ------
        CellidError
            If the file is damaged there.
        """

    def list_parts(self, path: Path, number: int) -> list[Path]:
        """Return the files that a block lies in, whether or not they are there."""
        return [path]

    def outer_index(self, number: int) -> dict[str, int]:
        """Return where a block lies on each of the axes before its own."""
        n_outer = len(self.shape) - len(self.block_shape)
        index = np.unravel_index(number, self.shape[:n_outer]) if n_outer else ()
        return dict(zip(self.axes, map(int, index), strict=False))


def damaged(subject: object, got: str) -> CellidError:
    """Return the error of a file that is cut short or not what its name says."""
    return CellidError(
        subject,
        expected="a whole image file",
        got=got,
        remedy="copy or export the file again, or move it out of the folder",
    )


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises on the bytes of ``path`` into a CellidError."""
    try:
        yield
    except (CellidError, MemoryError):
        raise
    except Exception as error:  # decoders raise nearly every type on damaged bytes
        raise damaged(path, f"{type(error).__name__}: {error}") from error


def believable_pixel_um(x_um: float, y_um: float) -> float | None:
    """Return the side of a pixel, None if it has no one size (to 1 %) or none of a microscope."""
    if not all(0 < size <= COARSEST_PIXEL_UM for size in (x_um, y_um)):
        return None
    return x_um if abs(x_um - y_um) <= 0.01 * x_um else None


def believable_frame_h(interval: float, unit: str) -> float | None:
    """Return the hours from a frame to the next; None if it is none, or of an unknown unit."""
    hours = interval * HOURS_PER_UNIT.get(unit.lower(), 0)
    return hours if 0 < hours < np.inf else None
