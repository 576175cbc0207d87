"""One image in a file: what is known of it, and its planes one at a time."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.io.layout import Layout
from cellid.io.names import file_stem, split_zarr


@dataclass(frozen=True)
class ImageFile:
    """One image file: what it holds, and its planes on demand.

    Made by `open_image`. Holds no open file and no pixels.

    Parameters
    ----------
    path : Path
        A file, or the folder of an OME-Zarr image.
    scene : str
        Name of the image in a file of several, else empty.
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
    scene: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pixel_size_um: float | None
    is_colour: bool
    _layout: Layout = field(repr=False)

    @property
    def container(self) -> Path:
        """The file; of an image in an OME-Zarr plate, the folder of the plate."""
        return split_zarr(self.path)[0]

    @property
    def within(self) -> tuple[str, ...]:
        """Where the image is in its container: row, column and field, or scene."""
        scene = (self.scene,) if self.scene else ()
        return (*split_zarr(self.path)[1], *scene)

    @property
    def label(self) -> str:
        """What to call the image in a table: ``plate.zarr/B/3/0``, ``day1.nd2/Point_2``."""
        return "/".join([self.container.name, *self.within])

    @property
    def name(self) -> str:
        """What to call files made of the image: ``plate_B_3_0``, ``day1_Point_2``."""
        return "_".join([file_stem(self.container), *self.within])

    @property
    def frame_h(self) -> float | None:
        """Hours from a time point to the next, None if the file does not say."""
        return self._layout.frame_h

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

    @property
    def n_read_at_once(self) -> int:
        """Number of pixels, of colours samples, that come into memory together."""
        return math.prod(self._layout.block_shape)

    @property
    def _subject(self) -> object:
        return f"{self.path}, scene {self.scene}" if self.scene else self.path

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
        return f"{self.label}: {self.axes} {sides} {self.dtype} {values}, {size} µm/px"

    def list_parts(
        self, frame: int, channel: int | None = None, z_plane: int | None = None
    ) -> list[Path]:
        """Return the files that a plane is read from, the first one's where none is chosen."""
        number = self._block_number(self._point(frame, channel or 0, z_plane or 0))
        return self._layout.list_parts(self.path, number)

    def _planes(
        self, frames: range, channel: int | None, z_plane: int | None
    ) -> Iterator[NDArray[np.generic]]:
        return self._read_points([self._point(frame, channel, z_plane) for frame in frames])

    def _point(
        self, frame: int, channel: int | None, z_plane: int | None
    ) -> tuple[int | slice, ...]:
        """Return the index of a plane into the axes of the file."""
        chosen = {
            "T": frame,
            "C": self._choose("C", channel),
            "Z": self._choose("Z", z_plane),
        }
        return tuple(slice(None) if axis in "YX" else chosen[axis] for axis in self.axes)

    def _read_points(self, points: list[tuple[int | slice, ...]]) -> Iterator[NDArray[np.generic]]:
        """Yield the plane at each index into the axes of the file."""
        n_outer = self._n_outer
        blocks = self._layout.read_blocks(self.path, map(self._block_number, points))
        for point, block in zip(points, blocks, strict=True):
            plane = block.reshape(self.shape[n_outer:])[point[n_outer:]]
            if plane.dtype.kind == "f" and not np.isfinite(plane).all():
                raise CellidError(
                    self._subject,
                    expected="finite pixel values",
                    got=f"{int((~np.isfinite(plane)).sum())} pixels of NaN or infinity",
                    remedy="export the image without masked or saturated-to-infinity pixels",
                )
            yield plane

    @property
    def _n_outer(self) -> int:
        """Number of axes before those of a block: the fewest last ones that hold its pixels."""
        size = math.prod(self._layout.block_shape)
        starts = range(self.axes.index("Y"), -1, -1)
        return next(i for i in starts if math.prod(self.shape[i:]) == size)

    def _block_number(self, point: tuple[int | slice, ...]) -> int:
        n_outer = self._n_outer
        if n_outer == 0:
            return 0
        return int(np.ravel_multi_index(point[:n_outer], self.shape[:n_outer]))  # type: ignore[arg-type]

    def _choose(self, axis: str, choice: int | None) -> int:
        length = self._length(axis)
        if choice is None and length > 1:
            if self.is_colour and axis == "C":
                raise CellidError(
                    self._subject,
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
                self._subject,
                expected=f"the number of a {name}, as the file holds several",
                got=f"axes {self.axes} of {'×'.join(map(str, self.shape))}",
                remedy=f"choose one from 0 to {length - 1} ({setting})",
            )
        return self._check_choice(axis, choice or 0)

    def _check_choice(self, axis: str, choice: int) -> int:
        length = self._length(axis)
        if not 0 <= choice < length:
            raise CellidError(
                self._subject,
                expected=f"an index of axis {axis} from 0 to {length - 1}",
                got=str(choice),
                remedy="count from 0, and see the axes and shape of the file: "
                f"{self.axes} {'×'.join(map(str, self.shape))}",
            )
        return choice


def _short(value: np.generic) -> str:
    return f"{value:.4g}" if value.dtype.kind == "f" else str(int(value))
