"""TIFF in all the forms microscopes write: where the planes lie, and one of them at a time."""

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from cellid.errors import CellidError

COARSEST_PIXEL_UM = 20.0
"""Resolution tags of 72, 96, 300 or 600 dots an inch (42-353 µm) are a printer's
default and not a microscope's pixel, so sizes above this are taken as unknown."""

_UM_PER_UNIT = {
    "pm": 1e-6,
    "å": 1e-4,
    "nm": 1e-3,
    "µm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "m": 1e6,
    "inch": 25_400.0,
    "in": 25_400.0,
}

# Names in OME (TimeIncrementUnit) and ImageJ (tunit), in small letters
_HOURS_PER_UNIT = {
    **dict.fromkeys(("ms", "msec"), 1 / 3_600_000),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1 / 3600),
    **dict.fromkeys(("min", "minute", "minutes"), 1 / 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 1.0),
    **dict.fromkeys(("d", "day", "days"), 24.0),
}


@dataclass(frozen=True)
class TiffLayout:
    """Where the planes of a TIFF file lie.

    Parameters
    ----------
    axes : str
        One letter an axis, as the metadata say; ``I``, ``Q`` and others stand for
        an axis of unknown meaning, ``S`` for the samples of a colour.
    shape : tuple of int
        Length of each axis.
    dtype : numpy.dtype
        Of the pixels, native byte order.
    kind : str
        The metadata that the axes come from, in tifffile's words.
    pixel_size_um : float or None
    frame_h : float or None
        Hours from a time point to the next.
    block_shape : tuple of int
        Shape of what is read at once: the last axes of ``shape``.
    data_offset : int or None
        Byte at which all blocks lie one after another, uncompressed.
    stored_dtype : str
        Of the bytes there, with byte order.
    page_offsets : tuple of int
        Otherwise, the byte of the directory of each page.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    kind: str
    pixel_size_um: float | None
    frame_h: float | None
    block_shape: tuple[int, ...]
    data_offset: int | None
    stored_dtype: str
    page_offsets: tuple[int, ...]


def damaged(path: Path, got: str) -> CellidError:
    """Return the error of a file that is cut short or not what its name says."""
    return CellidError(
        path,
        expected="a whole TIFF or PNG file",
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


def read_layout(path: Path) -> TiffLayout:
    """Read where the planes of the TIFF file ``path`` lie, without reading pixels.

    Raises
    ------
    CellidError
        If the file is damaged, or holds several images or planes in other files.
    """
    with decoding(path), _complaints_of_damage() as complaints, tifffile.TiffFile(path) as tif:
        if not tif.pages:
            raise damaged(path, "a TIFF header without an image")
        several = len(tif.series) > 1
        series = tif.series[0]
        if complaints:
            raise damaged(path, complaints[0])
        if several or series.is_multifile:
            raise CellidError(
                path,
                expected="one image or stack a file",
                got=f"{len(tif.series)} images of shapes {[s.shape for s in tif.series][:4]}"
                if several
                else "an OME-TIFF whose planes lie in several files",
                remedy="export each position to a file of its own",
            )
        block_shape = series.keyframe.shape
        shape = series.get_shape(squeeze=False)
        n_blocks = int(np.prod(shape)) // max(1, int(np.prod(block_shape)))
        data_offset = series.dataoffset
        layout = TiffLayout(
            axes=series.get_axes(squeeze=False),
            shape=shape,
            dtype=series.dtype,
            kind=series.kind,
            pixel_size_um=_read_pixel_size(tif),
            frame_h=_read_frame_interval(tif),
            block_shape=block_shape,
            data_offset=data_offset,
            stored_dtype=f"{tif.byteorder}{series.dtype.char}",
            page_offsets=()
            if data_offset is not None
            else tuple(page.offset for page in series if page is not None),
        )
        if data_offset is not None:
            _check_bytes(path, [data_offset], [n_blocks * series.keyframe.nbytes])
        elif len(layout.page_offsets) != n_blocks:
            raise damaged(path, f"{len(layout.page_offsets)} of {n_blocks} planes")
    return layout


def read_blocks(
    path: Path, layout: TiffLayout, indices: Iterable[int]
) -> Iterator[NDArray[np.generic]]:
    """Yield the blocks of ``layout`` with the given numbers, one in memory at a time.

    Yields
    ------
    array of ``layout.block_shape`` and ``layout.dtype``

    Raises
    ------
    CellidError
        If the file is damaged there.
    """
    if layout.data_offset is not None:
        stored = np.dtype(layout.stored_dtype)
        count = int(np.prod(layout.block_shape))
        for index in indices:
            offset = layout.data_offset + index * count * stored.itemsize
            with decoding(path):
                flat = np.fromfile(path, stored, count, offset=offset)
                block = flat.reshape(layout.block_shape)
            yield block.astype(layout.dtype, copy=False)
        return
    with decoding(path):
        tif = tifffile.TiffFile(path)
    with tif:
        for index in indices:
            with decoding(path):
                tif.filehandle.seek(layout.page_offsets[index])
                page = tifffile.TiffPage(tif, index=index)
                _check_bytes(path, page.dataoffsets, page.databytecounts)
                block = page.asarray(maxworkers=1)
            if block.shape != layout.block_shape:
                raise damaged(path, f"a plane of {block.shape} among planes {layout.block_shape}")
            yield block


def _check_bytes(path: Path, offsets: Iterable[int], counts: Iterable[int]) -> None:
    """Raise if the file ends before the last byte of its pixels."""
    needed = max((o + n for o, n in zip(offsets, counts, strict=True)), default=0)
    size = path.stat().st_size
    if needed > size:
        raise damaged(path, f"a file cut short: {size} bytes where {needed} belong")


@contextmanager
def _complaints_of_damage() -> Iterator[list[str]]:
    """Collect what tifffile logs of broken page chains, which it does not raise.

    It stops at the first page it cannot find and returns the ones before it: a
    stack cut short would pass for a shorter one.
    """
    complaints: list[str] = []
    thread = threading.get_ident()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            message = record.getMessage()
            # A broken private tag does not touch the pixels.
            if record.thread == thread and not message.startswith("<TiffTag"):
                complaints.append(message)

    collector = Collector(logging.ERROR)
    logger = tifffile.logger()
    logger.addHandler(collector)
    try:
        yield complaints
    finally:
        logger.removeHandler(collector)


def _read_pixel_size(tif: tifffile.TiffFile) -> float | None:
    """Return µm a pixel from OME-XML, ImageJ's unit or the resolution tags, else None.

    Pixels that are not square to 1 % have no one size: None.
    """
    sizes = _ome_sizes(tif.ome_metadata or "") if tif.is_ome else _resolution_sizes(tif)
    if sizes is None or not all(0 < size <= COARSEST_PIXEL_UM for size in sizes):
        return None
    x_um, y_um = sizes
    return x_um if abs(x_um - y_um) <= 0.01 * x_um else None


def _ome_sizes(xml: str) -> tuple[float, float] | None:
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    if pixels is None:
        return None
    sizes = []
    for axis in "XY":
        value = pixels.get(f"PhysicalSize{axis}")
        scale = _UM_PER_UNIT.get(pixels.get(f"PhysicalSize{axis}Unit", "µm").lower())
        if value is None or scale is None:
            return None
        sizes.append(float(value) * scale)
    return sizes[0], sizes[1]


def _resolution_sizes(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    """Return pixel sizes of the resolution tags (pixels a unit; the unit a tag or ImageJ's)."""
    tags = tif.pages.first.tags
    resolutions = [tags.valueof(name) for name in ("XResolution", "YResolution")]
    if any(value is None or 0 in value for value in resolutions):
        return None
    unit = (tif.imagej_metadata or {}).get("unit")
    if unit is not None:
        # ImageJ escapes what is not ASCII: \u00B5m.
        scale = _UM_PER_UNIT.get(str(unit).replace("\\u00B5", "µ").replace("μ", "µ").lower())
    else:
        scale = {2: 25_400.0, 3: 1e4}.get(int(tags.valueof("ResolutionUnit", 2)))
    if scale is None:
        return None
    x_um, y_um = (scale * denominator / numerator for numerator, denominator in resolutions)
    return x_um, y_um


def _read_frame_interval(tif: tifffile.TiffFile) -> float | None:
    """Return the hours between time points that OME-XML or ImageJ give, else None."""
    if tif.is_ome:
        pixels = ElementTree.fromstring(tif.ome_metadata or "").find(".//{*}Pixels")
        found = {} if pixels is None else pixels.attrib
        value, unit = found.get("TimeIncrement"), found.get("TimeIncrementUnit", "s")
    else:
        found = tif.imagej_metadata or {}
        value, unit = found.get("finterval"), found.get("tunit", "s")
    try:
        hours = float(value or 0) * _HOURS_PER_UNIT.get(str(unit).lower(), 0)
    except ValueError:
        return None
    return hours if 0 < hours < np.inf else None
