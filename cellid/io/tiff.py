"""TIFF in all the forms microscopes write: where the planes lie, and one of them at a time."""

import logging
import math
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.io.layout import (
    UM_PER_UNIT,
    Layout,
    believable_frame_h,
    believable_pixel_um,
    damaged,
    decoding,
)


@dataclass(frozen=True, kw_only=True)
class TiffLayout(Layout):
    """Where the planes of a TIFF file lie.

    Parameters
    ----------
    data_offset : int or None
        Byte at which all blocks lie one after another, uncompressed.
    stored_dtype : str
        Of the bytes there, with byte order.
    page_offsets : tuple of int
        Otherwise, the byte of the directory of each page.
    """

    data_offset: int | None
    stored_dtype: str
    page_offsets: tuple[int, ...]

    def read_blocks(self, path: Path, numbers: Iterable[int]) -> Iterator[NDArray[np.generic]]:
        """Yield blocks of the file by their numbers; see `Layout`."""
        if self.data_offset is not None:
            stored = np.dtype(self.stored_dtype)
            count = math.prod(self.block_shape)
            for number in numbers:
                offset = self.data_offset + number * count * stored.itemsize
                with decoding(path):
                    flat = np.fromfile(path, stored, count, offset=offset)
                    block = flat.reshape(self.block_shape)
                yield block.astype(self.dtype, copy=False)
            return
        with decoding(path):
            tif = tifffile.TiffFile(path)
        with tif:
            for number in numbers:
                with decoding(path):
                    tif.filehandle.seek(self.page_offsets[number])
                    page = tifffile.TiffPage(tif, index=number)
                    _check_bytes(path, page.dataoffsets, page.databytecounts)
                    block = page.asarray(maxworkers=1)
                if block.shape != self.block_shape:
                    raise damaged(path, f"a plane of {block.shape} among planes {self.block_shape}")
                yield block


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
    """Return µm a pixel from OME-XML, ImageJ's unit or the resolution tags, else None."""
    sizes = _ome_sizes(tif.ome_metadata or "") if tif.is_ome else _resolution_sizes(tif)
    return None if sizes is None else believable_pixel_um(*sizes)


def _ome_sizes(xml: str) -> tuple[float, float] | None:
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    if pixels is None:
        return None
    sizes = []
    for axis in "XY":
        value = pixels.get(f"PhysicalSize{axis}")
        scale = UM_PER_UNIT.get(pixels.get(f"PhysicalSize{axis}Unit", "µm").lower())
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
        scale = UM_PER_UNIT.get(str(unit).replace("\\u00B5", "µ").replace("μ", "µ").lower())
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
        return believable_frame_h(float(value or 0), str(unit))
    except ValueError:
        return None
