"""Contrast-limited adaptive histogram equalisation as Fiji computes it, in its fast mode."""

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.config import ClaheSettings
from cellid.errors import CellidError

Grey = TypeVar("Grey", np.uint8, np.uint16)

GREYS = 256  # grey levels of an 8-bit image


def to_uint8(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Map an image from its own range to 8 bit, with ImageJ's formulas.

    Integers: ``int((v - min) * 256 / (max - min + 1) + 1/2)``; floats:
    ``int((v - min) * 255 / (max - min) + 1/2)``; at most 255 either way
    (``TypeConverter`` and ``FloatProcessor`` of ImageJ 1.x). An 8-bit image is
    returned as it is: its display range is the whole of 0 to 255.

    Parameters
    ----------
    image : (Y, X) array of integers or floats
        Finite; a constant image becomes 0 everywhere.

    Returns
    -------
    (Y, X) uint8
    """
    if image.dtype == np.uint8:
        return image.astype(np.uint8, copy=False)
    low, high = float(image.min()), float(image.max())
    if high == low:
        return np.zeros(image.shape, np.uint8)
    scale = 255 / (high - low) if image.dtype.kind == "f" else GREYS / (high - low + 1)
    greys: NDArray[np.float64] = np.subtract(image, low, dtype=np.float64)
    greys *= scale
    greys += 0.5
    np.minimum(greys, 255, out=greys)
    return greys.astype(np.uint8)


def clahe(image: NDArray[Grey], settings: ClaheSettings) -> NDArray[Grey]:
    """Equalise the histogram of every neighbourhood, its slope limited.

    Fiji's *Enhance Local Contrast (CLAHE)* in fast mode: one histogram a tile,
    clipped, and the grey levels of a pixel blended from the four nearest tiles.
    An axis shorter than a block, where Fiji's tile centres cross, has one tile.

    Parameters
    ----------
    image : (Y, X) uint8 or uint16
        A uint16 image is equalised through its 8-bit version (`to_uint8`), then
        every pixel is scaled by the gain its grey level got.
    settings : ClaheSettings
        Block size in pixels, bins, maximum slope.

    Returns
    -------
    (Y, X), dtype of ``image``

    Raises
    ------
    CellidError
        If the image is not a two-dimensional uint8 or uint16 array.

    References
    ----------
    Zuiderveld, K. (1994). Contrast limited adaptive histogram equalization.
    Graphics Gems IV, 474-485. Implementation: mpicbg.ij.clahe by S. Saalfeld.
    """
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16):
        raise CellidError(
            "image",
            expected="a two-dimensional uint8 or uint16 image",
            got=f"{image.dtype} of shape {image.shape}",
            remedy="take one channel, and convert floats with cellid.imaging.clahe.to_uint8",
        )
    source = to_uint8(image)
    equalised = _equalise(source, settings)
    if image.dtype == np.uint8:
        return equalised.astype(image.dtype, copy=False)
    low = float(image.min())
    gain = np.ones(image.shape, np.float32)
    np.divide(equalised, source, out=gain, where=source > 0)
    stretched = gain * (image.astype(np.float32) - low) + (low + 0.5)
    return np.clip(stretched, 0, 65535).astype(image.dtype)


def transfer_functions(
    histograms: NDArray[np.integer], limit: NDArray[np.integer] | int
) -> NDArray[np.float32]:
    """Turn histograms into clipped, equalising transfer functions.

    What exceeds ``limit`` is spread evenly over all bins, the remainder at
    regular steps, again and again until the excess no longer changes; the
    transfer function is the cumulative histogram between 0 and 1.

    Parameters
    ----------
    histograms : (N, bins) integers
        Pixel counts; no row may be empty.
    limit : int or (N, 1) integers
        Largest count a bin may keep.

    Returns
    -------
    (N, bins) float32
        Below the first filled bin the values are negative, as in Fiji; clamp after
        blending.
    """
    clipped = histograms.astype(np.int32)
    bins = clipped.shape[1]
    positions = np.arange(bins)
    limits = np.broadcast_to(limit, (len(clipped), 1))
    before = np.zeros(len(clipped), np.int64)
    active = np.arange(len(clipped))
    while active.size:
        rows = clipped[active]
        kept = np.minimum(rows, limits[active])
        excess = (rows - kept).sum(axis=1)
        share, rest = np.divmod(excess, bins)
        step = (bins - 1) // np.maximum(rest, 1)
        offset = positions - (step // 2)[:, None]
        kept += share[:, None].astype(np.int32)
        kept += (offset >= 0) & (offset % step[:, None] == 0) & (rest > 0)[:, None]
        clipped[active] = kept
        changed = excess != before[active]
        before[active] = excess
        active = active[changed]
    cumulative = clipped.cumsum(axis=1, dtype=np.int32)
    first = cumulative[np.arange(len(clipped)), (clipped > 0).argmax(axis=1)][:, None]
    span = np.maximum(cumulative[:, -1:] - first, 1)
    transfer: NDArray[np.float32] = (cumulative - first).astype(np.float32)
    transfer /= span.astype(np.float32)
    return transfer


def clip_limit(area_px: int, settings: ClaheSettings) -> int:
    """Return the largest count a bin may keep in a window of ``area_px`` pixels."""
    return int(settings.slope * area_px / (settings.bins - 1) + 0.5)


def _equalise(image: NDArray[np.uint8], settings: ClaheSettings) -> NDArray[np.uint8]:
    radius = (settings.block_px - 1) // 2
    rows, columns = (_tile_centres(size, radius) for size in image.shape)
    histograms = np.stack(
        [
            cv2.calcHist(
                [image[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]],
                [0],
                None,
                [GREYS],
                [0, GREYS],
            ).ravel()
            for y in rows
            for x in columns
        ]
    )
    # Fiji bins with (bins - 1) / 255, rounded; the tables come back as one entry a grey level
    bin_of_grey = (np.arange(GREYS) / 255 * (settings.bins - 1) + 0.5).astype(np.intp)
    binned = histograms @ (bin_of_grey[:, None] == np.arange(settings.bins)).astype(np.float32)
    block = 2 * radius + 1
    limit = clip_limit(min(block, image.shape[0]) * min(block, image.shape[1]), settings)
    tables = transfer_functions(binned.astype(np.int32), limit)[:, bin_of_grey]
    return _blend(image, tables.reshape(len(rows), len(columns), GREYS), rows, columns)


def _tile_centres(size: int, radius: int) -> list[int]:
    block = 2 * radius + 1
    if size < block:
        return [size // 2]
    count, rest = divmod(size, block)
    first = radius + 1
    if rest == 0:
        return [first + block * i for i in range(count)]
    if rest == 1:
        return [*(first + block * i for i in range(count)), size - first]
    return [first, *(first + block * i + rest // 2 for i in range(count)), size - first]


def _blend(
    image: NDArray[np.uint8], tables: NDArray[np.float32], rows: list[int], columns: list[int]
) -> NDArray[np.uint8]:
    """Look every pixel up in its four nearest tables, ``(rows, columns, 256)``, and blend.

    Rectangle by rectangle between the centres, each small enough for the processor's
    cache; float32 in Fiji's order of operations, so that the rounding is Fiji's too.
    """
    result = np.empty_like(image)
    for y0, y1, top, bottom, down in _spans(rows, image.shape[0]):
        for x0, x1, left, right, across in _spans(columns, image.shape[1]):
            patch = image[y0:y1, x0:x1]
            grey = _mix_columns(patch, tables[top], left, right, across)
            if top != bottom:
                grey *= down[:, None]
                below = _mix_columns(patch, tables[bottom], left, right, across)
                below *= (1 - down)[:, None]
                grey += below
            grey *= 255
            grey += 0.5
            np.clip(grey, 0, 255, out=grey)
            result[y0:y1, x0:x1] = grey
    return result


def _mix_columns(
    patch: NDArray[np.uint8],
    tables: NDArray[np.float32],
    left: int,
    right: int,
    weight: NDArray[np.float32],
) -> NDArray[np.float32]:
    mixed = np.asarray(cv2.LUT(patch, tables[left]), dtype=np.float32)
    if left != right:
        mixed *= weight
        other = np.asarray(cv2.LUT(patch, tables[right]), dtype=np.float32)
        other *= 1 - weight
        mixed += other
    return mixed


def _spans(centres: list[int], size: int) -> list[tuple[int, int, int, int, NDArray[np.float32]]]:
    """Return start, stop, the tiles on both sides and the first one's weight, for each span."""
    last = len(centres) - 1
    spans = []
    for i in range(len(centres) + 1):
        before, after = max(0, i - 1), min(last, i)
        start = centres[before] if i else 0
        stop = centres[after] if i <= last else size
        if start < stop:
            distance = (centres[after] - np.arange(start, stop)).astype(np.float32)
            weight = distance / np.float32(max(1, centres[after] - centres[before]))
            spans.append((start, stop, before, after, weight))
    return spans
