"""Labels as people save them, made into labels as cellid keeps them."""

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from cellid.errors import CellidError
from cellid.evaluation.contingency import tabulate_overlap
from cellid.imaging.instances import label_nuclei
from cellid.runs import InstanceRule
from cellid.types import Labels, check_labels

_SPECK_PX = 5  # what a slip of the brush leaves; nuclei have twenty pixels and more


def accept_drawn(pixels: NDArray[np.generic], shape: tuple[int, int], name: str) -> Labels:
    """Return a saved image as labels after checking that it can be labels.

    Parameters
    ----------
    pixels : (Y, X) array
        Whole numbers, which Fiji may have saved as float32.
    shape : (int, int)
        Of the crop.
    name : str
        What to call the image in an error.

    Returns
    -------
    (Y, X) int32

    Raises
    ------
    CellidError
        If the image is of another size, or holds fractions or negative numbers.
    """
    if pixels.shape != shape:
        raise CellidError(
            name,
            expected=f"{shape[0]}×{shape[1]} pixels, as the crop",
            got="×".join(map(str, pixels.shape)),
            remedy="save it without cropping or scaling",
        )
    if pixels.dtype.kind == "f":
        whole = pixels.astype(np.int64)
        if (whole != pixels).any():
            raise CellidError(
                name,
                expected="whole numbers, 0 for background and one number a nucleus",
                got=f"fractions, such as {float(pixels[whole != pixels][0]):.4g}",
                remedy="save the labels, not a probability, a filtered or a scaled image",
            )
        pixels = whole
    return check_labels(pixels, name)


def part_mask(labels: Labels, split_distance: float) -> Labels:
    """Give every object of a mask a number of its own; labels of several numbers are returned.

    Parameters
    ----------
    labels : (Y, X) int32
        Of one number only, it is a mask, whose connected parts are the objects.
    split_distance : float
        Objects that touch are parted where their centres lie further apart than this share of
        the diameter of the median part; 0 never parts them.

    Returns
    -------
    (Y, X) int32
    """
    numbers = labels[labels > 0]
    if numbers.size == 0 or numbers.min() < numbers.max():
        return labels
    parts: Labels = label(labels, connectivity=2).astype(np.int32)
    if split_distance == 0:
        return parts
    diameter_px = 2 * np.sqrt(np.median(np.bincount(parts.ravel())[1:]) / np.pi)
    rule = InstanceRule(threshold=0.5, seed_distance_px=split_distance * diameter_px, min_area_px=1)
    return label_nuclei((labels > 0).astype(np.float32)[np.newaxis], rule)


def part_pieces(labels: Labels, before: Labels) -> tuple[Labels, list[str]]:
    """Give parts of one number that lie apart a number each, and say what looks odd.

    Objects that are as they were before are not looked at: whoever made them may have had a
    reason for parts that lie apart.

    Parameters
    ----------
    labels : (Y, X) int32
    before : (Y, X) int32
        What the labels were made from.

    Returns
    -------
    labels : (Y, X) int32
        The largest part has the old number; the others follow the highest.
    remarks : list of str
        What was done, and specks that may be slips of the brush.
    """
    pieces = label(labels, connectivity=2)
    area = np.bincount(pieces.ravel())
    number = np.zeros(area.size, np.int32)
    number[pieces] = labels
    new = ~np.isin(number, [0, *_find_untouched(labels, before)])
    order = np.lexsort((-area, number))  # the largest part of each number comes first
    other = order[1:][np.diff(number[order]) == 0]
    other = other[new[other]]
    remarks = []
    if other.size:
        shared = np.unique(number[other])
        remarks.append(
            f"one number only, {shared[0]}, taken for a mask: each of its {area.size - 1} parts "
            "is a nucleus; those that touched are one"
            if np.unique(number).size == 2
            else f"parts of {_name_numbers(shared)} lay apart: each is a nucleus of its own now"
        )
        number[other] = number.max() + 1 + np.arange(other.size)
    specks = number[new & (area < _SPECK_PX)]
    if specks.size:
        remarks.append(f"specks of less than {_SPECK_PX} pixels: {_name_numbers(specks)}")
    return number[pieces], remarks


def _find_untouched(labels: Labels, before: Labels) -> NDArray[np.int64]:
    """Find the numbers of objects with the same pixels as an object before."""
    table = tabulate_overlap(labels, before)
    same = table.intersections_px == table.true_areas_px[table.true_index]
    same &= table.intersections_px == table.predicted_areas_px[table.predicted_index]
    return np.asarray(table.true_ids[table.true_index[same]])


def _name_numbers(numbers: NDArray[np.int32], limit: int = 8) -> str:
    shown = ", ".join(map(str, numbers[:limit]))
    return f"{shown} and {numbers.size - limit} more" if numbers.size > limit else shown
