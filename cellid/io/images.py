"""Image files, understood before their pixels are read and read one plane at a time."""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.io.axes import settle_axes
from cellid.io.tiff import TiffLayout, damaged, decoding, read_blocks, read_layout

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
IMAGE_SUFFIXES = (*TIFF_SUFFIXES, ".png")

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Samples a pixel by the colour type in the header (PNG specification, 11.2.2); a
# palette (3) is decoded to RGB.
_PNG_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}


@dataclass(frozen=True)
class ImageFile:
    """One image file: what it holds, and its planes on demand.

    Made by `open_image`. Holds no open file and no pixels.

    Parameters
    ----------
    path : Path
    axes : str
        One letter an axis out of ``TCZYX``; axes of length one are left out.
    shape : tuple of int
        Length of each axis.
    dtype : numpy.dtype
        As stored; planes come in it.
    pixel_size_um : float or None
        Side of a pixel in µm, None if the file does not say.
    is_colour : bool
        The C axis holds the samples of a colour image and not stains.
    """

    path: Path
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pixel_size_um: float | None
    is_colour: bool
    _layout: TiffLayout | None = field(repr=False)

    @property
    def frame_h(self) -> float | None:
        """Hours from a time point to the next, None if the file does not say."""
        return self._layout.frame_h if self._layout else None

    @property
    def n_frames(self) -> int:
        """Number of time points; 1 without a T axis."""
        return self._length("T")

    @property
    def n_channels(self) -> int:
        """Number of channels; 1 without a C axis."""
        return self._length("C")

    @property
    def n_slices(self) -> int:
        """Number of focal planes; 1 without a Z axis."""
        return self._length("Z")

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self._length("Y"), self._length("X")

    def _length(self, axis: str) -> int:
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    def frames(
        self, channel: int | None = None, z_plane: int | None = None
    ) -> Iterator[NDArray[np.generic]]:
        """Yield the plane of every time point, one in memory at a time.

        Parameters
        ----------
        channel : int or None
            Which channel; needed when there are several.
        z_plane : int or None
            Which focal plane; needed when there are several.

        Yields
        ------
        (Y, X) array of ``dtype``

        Raises
        ------
        CellidError
            If a needed choice is missing or does not exist, the file is damaged, or
            a plane holds NaN or infinity.
        """
        return self._planes(range(self.n_frames), channel, z_plane)

    def read(
        self, frame: int = 0, channel: int | None = None, z_plane: int | None = None
    ) -> NDArray[np.generic]:
        """Return the plane of one time point, (Y, X); parameters and errors as `frames`."""
        self._check_choice("T", frame)
        return next(self._planes(range(frame, frame + 1), channel, z_plane))

    def describe(self) -> str:
        """Return one line: name, axes, shape, dtype, range of the first plane, pixel size."""
        first = next(self._planes(range(1), 0, 0))
        sides = "×".join(map(str, self.shape))
        values = f"{_short(first.min())}..{_short(first.max())}"
        if len(self.shape) > 2:
            values += " in the first plane"
        size = "unknown" if self.pixel_size_um is None else f"{self.pixel_size_um:.4g}"
        return f"{self.path.name}: {self.axes} {sides} {self.dtype} {values}, {size} µm/px"

    def _planes(
        self, frames: range, channel: int | None, z_plane: int | None
    ) -> Iterator[NDArray[np.generic]]:
        chosen = {"C": self._choose("C", channel), "Z": self._choose("Z", z_plane)}
        points = [
            tuple(
                slice(None) if axis in "YX" else frame if axis == "T" else chosen[axis]
                for axis in self.axes
            )
            for frame in frames
        ]
        return self._read_points(points)

    def _read_points(self, points: list[tuple[int | slice, ...]]) -> Iterator[NDArray[np.generic]]:
        """Yield the plane at each index into the axes of the file."""
        if self._layout is None:
            blocks = iter([_read_png(self.path)] * len(points))
            n_outer, inner = 0, self.shape
        else:
            # A block is the last axes: the fewest with Y and X that hold its pixels.
            size = math.prod(self._layout.block_shape)
            starts = range(self.axes.index("Y"), -1, -1)
            n_outer = next(i for i in starts if math.prod(self.shape[i:]) == size)
            outer, inner = self.shape[:n_outer], self.shape[n_outer:]
            numbers = (
                int(np.ravel_multi_index(point[:n_outer], outer)) if outer else 0  # type: ignore[arg-type]
                for point in points
            )
            blocks = read_blocks(self.path, self._layout, numbers)
        for point, block in zip(points, blocks, strict=True):
            plane = block.reshape(inner)[point[n_outer:]]
            if plane.dtype.kind == "f" and not np.isfinite(plane).all():
                raise CellidError(
                    self.path,
                    expected="finite pixel values",
                    got=f"{int((~np.isfinite(plane)).sum())} pixels of NaN or infinity",
                    remedy="export the image without masked or saturated-to-infinity pixels",
                )
            yield plane

    def _choose(self, axis: str, choice: int | None) -> int:
        length = self._length(axis)
        if choice is None and length > 1:
            if self.is_colour and axis == "C":
                raise CellidError(
                    self.path,
                    expected="a grey image",
                    got=f"a colour image of {length} samples a pixel",
                    remedy="save it as grey, or choose a channel from "
                    f"0 to {length - 1} (input.phase_channel, input.stain_channel)",
                )
            name, setting = {
                "C": ("channel", "input.phase_channel, input.stain_channel"),
                "Z": ("focal plane", "input.z_plane"),
            }[axis]
            raise CellidError(
                self.path,
                expected=f"the number of a {name}, as the file holds several",
                got=f"axes {self.axes} of {'×'.join(map(str, self.shape))}",
                remedy=f"choose one from 0 to {length - 1} ({setting})",
            )
        return self._check_choice(axis, choice or 0)

    def _check_choice(self, axis: str, choice: int) -> int:
        length = self._length(axis)
        if not 0 <= choice < length:
            raise CellidError(
                self.path,
                expected=f"an index of axis {axis} from 0 to {length - 1}",
                got=str(choice),
                remedy="count from 0, and see the axes and shape of the file: "
                f"{self.axes} {'×'.join(map(str, self.shape))}",
            )
        return choice


def open_image(path: str | Path, axes: str | None = None) -> ImageFile:
    """Understand an image file without reading its pixels.

    Parameters
    ----------
    path : str or Path
        TIFF (8, 16, 32-bit and float, multi-page, OME, BigTIFF, ImageJ) or PNG.
    axes : str or None
        Meaning of the axes, such as ``TYX``, taken over what the file says; None to
        read it there. Axes are never guessed.

    Returns
    -------
    ImageFile

    Raises
    ------
    CellidError
        If the file is missing, damaged or no image, or its axes are unknown or do
        not fit ``axes``.
    """
    path = Path(path)
    if not path.is_file():
        raise CellidError(
            path, expected="an image file", got="no such file", remedy="check the path"
        )
    try:
        with path.open("rb") as file:
            head = file.read(33)
    except OSError as error:
        raise CellidError(
            path,
            expected="a file that can be read",
            got=error.strerror or str(error),
            remedy="check its permissions",
        ) from error
    if head.startswith(_PNG_SIGNATURE):
        stored_axes, stored_shape, dtype = _read_png_header(path, head)
        layout = None
    elif head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        layout = read_layout(path)
        stored_axes, stored_shape, dtype = layout.axes, layout.shape, layout.dtype
    else:
        raise damaged(path, "an empty file" if not head else f"a file that begins {head[:8]!r}")
    if 0 in stored_shape:
        raise damaged(path, f"an image without pixels, {'×'.join(map(str, stored_shape))}")
    if dtype.kind not in "buif":
        raise CellidError(
            path,
            expected="whole or floating-point pixel values",
            got=f"dtype {dtype}",
            remedy="export the image as 8, 16 or 32 bit",
        )
    known_axes, shape = settle_axes(path, stored_axes, stored_shape, axes)
    return ImageFile(
        path=path,
        axes=known_axes,
        shape=shape,
        dtype=dtype,
        pixel_size_um=layout.pixel_size_um if layout else None,
        is_colour=("S", True) in zip(stored_axes, (n > 1 for n in stored_shape), strict=True),
        _layout=layout,
    )


def _read_png_header(path: Path, head: bytes) -> tuple[str, tuple[int, ...], np.dtype[Any]]:
    if len(head) < 33:
        raise damaged(path, f"a file cut short: {len(head)} bytes")
    width, height, bits, colour = struct.unpack(">IIBB", head[16:26])
    samples = _PNG_SAMPLES.get(colour, 1)
    dtype = np.dtype(np.uint16 if bits == 16 else np.uint8)
    if samples == 1:
        return "YX", (height, width), dtype
    return "YXS", (height, width, samples), dtype


def _read_png(path: Path) -> NDArray[np.generic]:
    with decoding(path):
        image: NDArray[np.generic] = imagecodecs.png_decode(path.read_bytes())
    return image


def _short(value: np.generic) -> str:
    return f"{value:.4g}" if value.dtype.kind == "f" else str(int(value))
