"""From a foreground mask to objects: fill, split and filter, as CellProfiler does."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from cellid.types import Frame, Labels, Mask

# Above this least diameter CellProfiler looks for maxima in a reduced image, in which the
# least diameter is this many pixels and the maxima are at least 7 - 1/2 apart
REDUCED_DIAMETER_PX = 10
REDUCED_SEPARATION_PX = 6.5


def smooth_gaussian(image: Frame, sigma_px: float, radius_px: int) -> Frame:
    """Return a Gaussian mean over the pixels inside the image, nothing beyond its border.

    Parameters
    ----------
    image : (Y, X) float32
    sigma_px : float
        Standard deviation, pixels.
    radius_px : int
        Taps on each side of the centre.

    Returns
    -------
    (Y, X) float32
    """
    taps = np.exp(-0.5 * (np.arange(-radius_px, radius_px + 1) / sigma_px) ** 2)
    smoothed = np.asarray(
        cv2.sepFilter2D(image, cv2.CV_32F, taps, taps, borderType=cv2.BORDER_CONSTANT),
        dtype=np.float32,
    )
    rows, columns = (
        ndimage.convolve1d(np.ones(size), taps, mode="constant") for size in image.shape
    )
    smoothed /= rows[:, None].astype(np.float32)
    smoothed /= columns.astype(np.float32)
    return smoothed


def fill_holes(mask: Mask, max_area_px: float) -> Mask:
    """Fill the holes of a mask that are smaller than ``max_area_px`` pixels.

    A hole is a 4-connected part of the background that does not reach the border.

    Parameters
    ----------
    mask : (Y, X) bool
    max_area_px : float
        Area from which a hole is kept, pixels.

    Returns
    -------
    (Y, X) bool
    """
    background = (~mask).astype(np.uint8)
    _, parts, stats, _ = cv2.connectedComponentsWithStats(background, connectivity=4)
    filled = stats[:, cv2.CC_STAT_AREA] < max_area_px
    filled[border_labels(np.asarray(parts, dtype=np.int32))] = False
    filled[0] = True
    return np.asarray(filled[parts])


def split_touching(image: Frame, mask: Mask, min_diameter_px: float) -> Labels:
    """Part touching objects where the intensity between their maxima is lowest.

    The image is smoothed with σ = d / 3.5 and every maximum within a disk of radius
    d / 1.5 - 1/2 (d the least diameter; objects do not see each other's pixels)
    seeds an 8-connected watershed on the inverted image.

    Parameters
    ----------
    image : (Y, X) float32
        Intensities, bright objects.
    mask : (Y, X) bool
        Foreground.
    min_diameter_px : float
        Diameter of the smallest object, pixels.

    Returns
    -------
    (Y, X) int32
        Numbered in the order of their maxima.
    """
    components = _number(mask)
    sigma = min_diameter_px / 3.5
    smoothed = smooth_gaussian(image, sigma, max(int(2.35 * sigma / 2), 1))
    if min_diameter_px > REDUCED_DIAMETER_PX:
        seeds = _reduced_maxima(smoothed, components, REDUCED_DIAMETER_PX / min_diameter_px)
    else:
        radius = max(1.0, min_diameter_px / 1.5 - 0.5)
        seeds = _number(local_maxima(smoothed, components, radius))
    return _flood(image, components, seeds)


def local_maxima(image: Frame, labels: Labels, radius_px: float) -> Mask:
    """Find the object pixels that no pixel of the same object within a disk exceeds.

    Parameters
    ----------
    image : (Y, X) float32
    labels : (Y, X) int32
    radius_px : float
        Radius of the disk, pixels.

    Returns
    -------
    (Y, X) bool
    """
    reach = int(radius_px)
    values = np.pad(image, reach)
    numbers = np.pad(labels, reach)
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    squares = dy**2 + dx**2
    inside = (squares > 0) & (squares <= radius_px**2)
    # Nearest first: they rule out nearly all pixels, so that the far ones see few
    offsets = (dy * values.shape[1] + dx)[inside][np.argsort(squares[inside], kind="stable")]
    flat_values, flat_numbers = values.ravel(), numbers.ravel()
    left = np.flatnonzero(flat_numbers)
    for offset in offsets:
        there = left + offset
        holds = flat_values[there] <= flat_values[left]
        holds |= flat_numbers[there] != flat_numbers[left]
        left = left[holds]
    maxima = np.zeros(values.shape, np.bool_)
    maxima.ravel()[left] = True
    return maxima[reach : reach + image.shape[0], reach : reach + image.shape[1]]


def filter_objects(labels: Labels, min_diameter_px: float, max_diameter_px: float) -> Labels:
    """Drop objects on the border or outside the size range, and fill those left.

    Parameters
    ----------
    labels : (Y, X) int32
    min_diameter_px, max_diameter_px : float
        Diameters of the disks whose areas are the smallest and largest kept, pixels.

    Returns
    -------
    (Y, X) int32
        Numbered from 1 without gaps, in the order of the old numbers.
    """
    areas = np.bincount(labels.ravel())
    kept = (areas >= np.pi * min_diameter_px**2 / 4) & (areas <= np.pi * max_diameter_px**2 / 4)
    kept[border_labels(labels)] = False
    kept[0] = False
    filled = fill_enclosed(np.where(kept, np.arange(len(kept)), 0).astype(np.int32)[labels])
    remaining = np.bincount(filled.ravel(), minlength=len(kept)) > 0
    remaining[0] = False
    return np.where(remaining, np.cumsum(remaining), 0).astype(np.int32)[filled]


def fill_enclosed(labels: Labels) -> Labels:
    """Give to an object whatever it alone surrounds: holes, and objects inside it.

    Parameters
    ----------
    labels : (Y, X) int32

    Returns
    -------
    (Y, X) int32
        A hole is a 4-connected part of the background.
    """
    count = int(labels.max())
    _, parts = cv2.connectedComponents((labels == 0).astype(np.uint8), connectivity=4)
    regions = np.where(labels > 0, labels, parts + count)
    size = int(regions.max()) + 1
    pairs = []
    for one, other in ((regions[1:], regions[:-1]), (regions[:, 1:], regions[:, :-1])):
        differ = one != other
        here, there = one[differ].astype(np.int64), other[differ].astype(np.int64)
        pairs += [here * size + there, there * size + here]
    touching = np.unique(np.concatenate(pairs))
    region, neighbour = np.divmod(touching, size)
    enclosed = np.bincount(region, minlength=size) == 1
    enclosed[border_labels(regions)] = False
    enclosing = np.where(np.arange(size) <= count, np.arange(size), 0)
    alone = enclosed[region] & (neighbour <= count)
    enclosing[region[alone]] = neighbour[alone]
    return enclosing.astype(np.int32)[regions]


def border_labels(labels: Labels) -> NDArray[np.int32]:
    """Return the numbers found on the image border, ``(N,)`` int32, in order."""
    edges = [labels[0], labels[-1], labels[:, 0], labels[:, -1]]
    return np.unique(np.concatenate(edges))


def _number(mask: Mask) -> Labels:
    _, numbers = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return np.asarray(numbers, dtype=np.int32)


def _reduced_maxima(smoothed: Frame, components: Labels, scale: float) -> Labels:
    """Return numbered maxima found in an image reduced by ``scale``, at full resolution."""
    shape = tuple(int(np.ceil(size * scale)) for size in smoothed.shape)
    steps = [1 / scale, 1 / scale]
    small = ndimage.affine_transform(smoothed, steps, output_shape=shape)
    small_components = ndimage.affine_transform(components, steps, output_shape=shape, order=0)
    numbers = _number(local_maxima(small, small_components, REDUCED_SEPARATION_PX))
    y, x = np.nonzero(numbers)
    # CellProfiler takes the rows' factor, rounded up with the reduced size, for both axes
    scale_back = smoothed.shape[0] / shape[0]
    full_y = _enlarge(y, scale_back, smoothed.shape[0])
    full_x = _enlarge(x, scale_back, smoothed.shape[1])
    seeds = np.zeros(smoothed.shape, np.int32)
    seeds[full_y, full_x] = numbers[y, x]
    return seeds


def _enlarge(positions: NDArray[np.intp], scale: float, size: int) -> NDArray[np.intp]:
    """Return where a pixel, enlarged by cubic interpolation and shrunk to a point, ends.

    Its enlarged image exceeds one half within 0.55 pixels (0.575 along an axis, less
    off it); the shrinking keeps the middle pixel, of two the first.
    """
    first = np.ceil((positions - 0.55) * scale)
    last = np.floor((positions + 0.55) * scale)
    middle: NDArray[np.intp] = np.clip((first + last) // 2, 0, size - 1).astype(np.intp)
    return middle


def _flood(image: Frame, components: Labels, seeds: Labels) -> Labels:
    """Grow the seeds within their components; a component without one disappears."""
    seeded = (seeds > 0) & (components > 0)
    count, highest = int(components.max()) + 1, int(seeds.max()) + 1
    pairs = np.unique(components[seeded].astype(np.int64) * highest + seeds[seeded])
    component, seed = np.divmod(pairs, highest)
    seeds_of = np.bincount(component, minlength=count)
    number = np.zeros(count, np.int32)
    number[component] = seed
    # A component of one seed is that object as it stands: only the others need the watershed
    number[seeds_of > 1] = 0
    labels: Labels = number[components]
    shared = (seeds_of > 1)[components]
    if shared.any():
        # From 0.25 on scikit-image starts all seeds at once; CellProfiler's version started
        # each at its own brightness, which moves borders by a few pixels
        flooded = watershed(-image, seeds, connectivity=np.ones((3, 3)), mask=shared)
        labels[shared] = flooded[shared]
    return labels
