"""Images, labels and stacks written as compressed TIFF with axes and pixel size."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import tifffile
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.io.writers import replacing
from cellid.types import Labels

CLASSIC_TIFF_BYTES = 2**32 - 2**25
"""Pixels past this (4 GB less room for the directories) need BigTIFF's 64-bit offsets."""

LARGEST_UINT16 = 65_535

WRITABLE_AXES = ("YX", "YXC", "CYX", "TYX", "TCYX")


def write_image(
    path: str | Path,
    image: NDArray[np.generic],
    axes: str | None = None,
    pixel_size_um: float | None = None,
) -> None:
    """Write an image as compressed TIFF of the same dtype, with axes and pixel size.

    Parameters
    ----------
    path : str or Path
    image : array
        One axis for each letter of ``axes``.
    axes : str or None
        One of `WRITABLE_AXES`; the C of YXC holds the three samples of a colour. None: YX, or
        YXC of an image with three axes.
    pixel_size_um : float or None
    """
    axes = axes or "YXC"[: image.ndim]
    if axes not in WRITABLE_AXES or image.ndim != len(axes):
        raise ValueError(f"axes {axes!r} of an image of shape {image.shape}")
    lengths = dict(zip(axes, image.shape, strict=True))
    page_ndim = 3 if axes == "YXC" else 2
    pages = image.reshape(-1, *image.shape[image.ndim - page_ndim :])
    with (
        replacing(path) as temporary,
        tifffile.TiffWriter(temporary, bigtiff=image.nbytes > CLASSIC_TIFF_BYTES) as tif,
    ):
        for number, page in enumerate(pages):
            _write_page(tif, page, number, lengths, pixel_size_um)


def write_labels(path: str | Path, labels: Labels, pixel_size_um: float | None = None) -> None:
    """Write a label image as compressed TIFF: uint16, or uint32 past 65,535 objects.

    Parameters
    ----------
    path : str or Path
    labels : (Y, X) int32
    pixel_size_um : float or None
    """
    write_image(path, labels.astype(_label_dtype(labels)), "YX", pixel_size_um)


class StackWriter:
    """A time stack (TYX) written page by page, in constant memory, whole or not at all.

    Used as a context manager; the file appears when the block ends well.

    Parameters
    ----------
    path : str or Path
    n_frames : int
        How many pages will come.
    pixel_size_um : float or None

    Raises
    ------
    CellidError
        At the end of the block, if another number of pages came, or no space is left.
    """

    def __init__(self, path: str | Path, n_frames: int, pixel_size_um: float | None = None) -> None:
        self.path = Path(path)
        self.n_frames = n_frames
        self.pixel_size_um = pixel_size_um
        self._n_written = 0
        self._tif: tifffile.TiffWriter | None = None
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        self._temporary = self._closing.enter_context(replacing(self.path))
        self._closing.push(self._finish)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.__exit__(kind, error, traceback)

    def write(self, page: NDArray[np.generic]) -> None:
        """Append one (Y, X) page, of the same dtype and size as the first."""
        if self._tif is None:
            big = page.nbytes * self.n_frames > CLASSIC_TIFF_BYTES
            self._tif = tifffile.TiffWriter(self._temporary, bigtiff=big)
        _write_page(self._tif, page, self._n_written, {"T": self.n_frames}, self.pixel_size_um)
        self._n_written += 1

    def _finish(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._tif is not None:
            self._tif.close()
        if kind is None and self._n_written != self.n_frames:
            raise CellidError(
                self.path,
                expected=f"{self.n_frames} frames",
                got=f"{self._n_written} frames; nothing was written",
                remedy="look for missing or damaged frames in the input",
            )


class LabelStackWriter(StackWriter):
    """A `StackWriter` of labels: uint16 until a page has more than 65,535 objects.

    Then the pages before it are rewritten as uint32, one at a time.
    """

    def write(self, page: NDArray[np.generic]) -> None:
        """Append one (Y, X) int32 label image."""
        dtype = _label_dtype(page)
        if self._n_written == 0:
            self._dtype = dtype
        elif dtype.itemsize > self._dtype.itemsize:
            self._widen(dtype)
        super().write(page.astype(self._dtype))

    def _widen(self, dtype: np.dtype[Any]) -> None:
        if self._tif is not None:
            self._tif.close()
        narrow = self._temporary.rename(f"{self._temporary}.narrow")
        try:
            self._tif, self._n_written = None, 0
            with tifffile.TiffFile(narrow) as tif:
                for page in tif.pages:
                    super().write(page.asarray(maxworkers=1).astype(dtype))
        finally:
            narrow.unlink()
        self._dtype = dtype


def _label_dtype(labels: NDArray[Any]) -> np.dtype[Any]:
    """Return the dtype that labels are stored in: uint16, or uint32 past 65,535."""
    return np.dtype(np.uint16 if int(labels.max(initial=0)) <= LARGEST_UINT16 else np.uint32)


def _write_page(
    tif: tifffile.TiffWriter,
    page: NDArray[np.generic],
    number: int,
    lengths: dict[str, int],
    pixel_size_um: float | None,
) -> None:
    """Append a page; the first carries ImageJ's description, which Fiji and napari read.

    Unlike OME-XML it needs no random identifier: the same pixels give the same bytes.
    """
    tif.write(
        page,
        contiguous=False,
        photometric="rgb" if page.ndim == 3 else "minisblack",
        compression="zlib",
        metadata=None,
        software=False,
        description=None if number else _imagej_description(page.ndim, lengths, pixel_size_um),
        resolution=None if pixel_size_um is None else (1 / pixel_size_um, 1 / pixel_size_um),
        resolutionunit=None if pixel_size_um is None else "NONE",
    )


def _imagej_description(
    page_ndim: int, lengths: dict[str, int], pixel_size_um: float | None
) -> str:
    """Return ImageJ's own description of a stack (`ij.io.FileInfo`), ending in a newline."""
    channels = lengths.get("C", 1) if page_ndim == 2 else 1
    frames = lengths.get("T", 1)
    lines = ["ImageJ=1.54f", f"images={channels * frames}"]
    if channels > 1:
        lines.append(f"channels={channels}")
    if frames > 1:
        lines.append(f"frames={frames}")
    if channels * frames > 1:
        lines.append("hyperstack=true")
    if pixel_size_um is not None:
        lines.append("unit=micron")
    return "\n".join(lines) + "\n"
