"""Thresholds that follow the image: Otsu's in blocks, a spline between them."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

GREYS = 256  # grey levels, and histogram bins of Otsu's method in CellProfiler
# The local threshold stays within these multiples of the global one (CellProfiler's limits)
LOWEST_SHARE, HIGHEST_SHARE = 0.7, 1.5


def adaptive_otsu_threshold(
    image: NDArray[np.uint8], window_px: int, lower: float, upper: float
) -> NDArray[np.float64]:
    """Return a threshold for every pixel, CellProfiler's adaptive two-class Otsu.

    Otsu's threshold of every block, joined by a bivariate cubic spline and held
    within 0.7 to 1.5 times the global threshold and within the bounds.

    Parameters
    ----------
    image : (Y, X) uint8
        Grey levels, read as 0 to 1.
    window_px : int
        Wanted side of a block, pixels; the blocks are as many as fit, all equal
        within a pixel. An axis shorter than two windows has one block.
    lower, upper : float
        Bounds of the threshold, 0 to 1.

    Returns
    -------
    (Y, X) float64
        Thresholds, 0 to 1.

    References
    ----------
    Otsu, N. (1979). A threshold selection method from gray-level histograms.
    IEEE Trans. SMC 9, 62-66. Blocks, spline and limits: IdentifyPrimaryObjects of
    CellProfiler 4.2.
    """
    counts = [max(1, size // window_px) for size in image.shape]
    order = min(3, min(counts) - 1)
    along_y, along_x = (
        _interpolation_matrix(size, count, order)
        for size, count in zip(image.shape, counts, strict=True)
    )
    histograms = block_histograms(image, *counts)
    guide = float(otsu_threshold(histograms.sum(axis=(0, 1))))
    # Row by row: the temporary arrays of one fit the processor's cache
    blocks = np.stack([otsu_threshold(row) for row in histograms])
    threshold: NDArray[np.float64] = along_y @ blocks @ along_x.T
    guide = min(max(guide, lower), upper)
    lowest, highest = max(lower, LOWEST_SHARE * guide), min(upper, HIGHEST_SHARE * guide)
    return np.clip(threshold, lowest, highest, out=threshold)


def block_histograms(image: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.int64]:
    """Count the grey levels of every block of an image cut into equal blocks.

    Parameters
    ----------
    image : (Y, X) uint8
    rows, columns : int
        Number of blocks an axis.

    Returns
    -------
    (rows, columns, 256) int64
    """
    starts = (np.arange(rows + 1) * (image.shape[0] / rows)).astype(np.intp)
    column = (np.arange(columns + 1) * (image.shape[1] / columns)).astype(np.intp)
    first_bin = np.repeat(np.arange(columns) * GREYS, np.diff(column))
    histograms = np.empty((rows, columns, GREYS), np.int64)
    for i in range(rows):
        bins = image[starts[i] : starts[i + 1]] + first_bin
        counts = np.bincount(bins.ravel(), minlength=columns * GREYS)
        histograms[i] = counts.reshape(columns, GREYS)
    return histograms


def otsu_threshold(histograms: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return Otsu's threshold: the greatest variance between the two sides.

    As scikit-image's ``threshold_otsu`` on a float32 image: 256 bins between the
    lowest and the highest value, and the centre of a bin as threshold.

    Parameters
    ----------
    histograms : (..., 256) int64
        Counts of grey levels.

    Returns
    -------
    (...) float64
        0 to 1; the value itself where there is only one, 0 where there is none.
    """
    levels = (np.arange(GREYS) / np.float32(255)).astype(np.float32)
    filled = histograms > 0
    low = levels[filled.argmax(axis=-1)][..., None]
    high = levels[GREYS - 1 - filled[..., ::-1].argmax(axis=-1)][..., None]
    high = np.where(filled.any(axis=-1, keepdims=True), high, low)
    step = (high.astype(np.float64) - low) / GREYS
    # At most one level falls into a bin, but for rounding: the bins are narrower than levels
    bins = np.floor((levels - low) / np.where(step > 0, step, 1)).astype(np.int64)
    np.clip(bins, 0, GREYS - 1, out=bins)
    # NumPy's histogram settles by float32 bin edges what rounding leaves open
    bins -= levels < (low + bins * step).astype(np.float32)
    bins += (levels >= (low + (bins + 1) * step).astype(np.float32)) & (bins < GREYS - 1)
    weights = histograms.cumsum(axis=-1)
    sums = (histograms * bins).cumsum(axis=-1)
    total, total_sum = weights[..., -1:], sums[..., -1:]
    difference = (total_sum * weights - sums * total).astype(np.float64)
    between = difference**2 / np.maximum(weights * (total - weights), 1)
    best = np.take_along_axis(bins, between.argmax(axis=-1)[..., None], axis=-1)
    threshold = np.where(step > 0, low + (best + 0.5) * step, low)
    return np.asarray(threshold[..., 0], dtype=np.float64)


def _interpolation_matrix(size: int, count: int, order: int) -> NDArray[np.float64]:
    """Return the (size, count) matrix that takes block values to a spline at every pixel.

    The spline of a grid is a product of one along each axis, and each is linear in
    the values: CellProfiler's bivariate spline is this matrix applied on both sides.
    """
    increment = size / count
    centres = np.linspace(int(increment / 2), int((count - 0.5) * increment), count)
    pixels = np.linspace(0.5, int(count * increment) - 0.5, size)
    matrix: NDArray[np.float64] = make_interp_spline(centres, np.eye(count), k=order)(pixels)
    return matrix
