"""What is measured of adhesions and the cells they belong to, and of objects that may overlap."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.measure import regionprops_table

from cellid.imaging.cells import outline_distance
from cellid.types import Labels, ObjectPixels

_PROPERTIES = (
    "label",
    "area",
    "centroid",
    "bbox",
    "axis_major_length",
    "axis_minor_length",
    "eccentricity",
    "orientation",
    "intensity_mean",
    "intensity_max",
)
_OBJECT_PROPERTIES = (
    *(name for name in _PROPERTIES if name != "orientation"),
    "perimeter",
    "solidity",
)


def measure_adhesions(
    labels: Labels, image: NDArray[np.generic], cells: Labels, pixel_size_um: float | None
) -> pd.DataFrame:
    """Return a table with a row an adhesion.

    Parameters
    ----------
    labels : (Y, X) int32
        Adhesions, one number each.
    image : (Y, X) array
        The frame, for the intensities.
    cells : (Y, X) int32
        Such as from `cellid.imaging.cells.find_cells`.
    pixel_size_um : float or None

    Returns
    -------
    DataFrame
        scikit-image's `regionprops` names, in pixels, but for ``orientation``: the angle of the
        major axis in degrees from the x axis, anticlockwise as the image is seen, 0 to 180, as
        ImageJ has it. ``cell`` is the number of the cell at the centroid, or 0, and
        ``edge_distance`` how far the centroid lies within its outline, nan where there is none.
        With a pixel size ``area_um2``, ``length_um`` (of the major axis) and
        ``edge_distance_um``.
    """
    table = pd.DataFrame(regionprops_table(labels, intensity_image=image, properties=_PROPERTIES))
    # scikit-image measures from the y axis
    table["orientation"] = (np.degrees(table["orientation"]) + 90) % 180
    at = tuple(table[f"centroid-{axis}"].round().astype(int) for axis in (0, 1))
    table["cell"] = cells[at]
    table["edge_distance"] = np.where(table["cell"] > 0, outline_distance(cells)[at], np.nan)
    if pixel_size_um is not None:
        table["area_um2"] = table["area"] * pixel_size_um**2
        table["length_um"] = table["axis_major_length"] * pixel_size_um
        table["edge_distance_um"] = table["edge_distance"] * pixel_size_um
    return table


def measure_objects(
    objects: ObjectPixels, image: NDArray[np.generic], pixel_size_um: float | None
) -> pd.DataFrame:
    """Return a table with a row an object, each measured whole where others overlap it.

    Parameters
    ----------
    objects : ObjectPixels
        None of them without a pixel.
    image : (Y, X) array
        The frame, for the intensities.
    pixel_size_um : float or None

    Returns
    -------
    DataFrame
        scikit-image's `regionprops` names, in pixels; ``label`` counts from 1. With a pixel size
        ``area_um2``.
    """
    tables = []
    for y, x in objects.each():
        y0, x0 = corner = int(y.min()), int(x.min())
        window = slice(y0, int(y.max()) + 1), slice(x0, int(x.max()) + 1)
        light = image[window]
        inside = np.zeros(light.shape, np.int32)
        inside[y - y0, x - x0] = 1
        measured = regionprops_table(inside, light, properties=_OBJECT_PROPERTIES)
        for axis, start in enumerate(corner):
            for name in (f"centroid-{axis}", f"bbox-{axis}", f"bbox-{axis + 2}"):
                measured[name] = measured[name] + start
        tables.append(pd.DataFrame(measured))
    if not tables:
        none = np.zeros((1, 1), np.int32)
        tables = [pd.DataFrame(regionprops_table(none, none, properties=_OBJECT_PROPERTIES))]
    table = pd.concat(tables, ignore_index=True)
    table["label"] = np.arange(1, len(table) + 1)
    if pixel_size_um is not None:
        table["area_um2"] = table["area"] * pixel_size_um**2
    return table


def measure_cells(
    cells: Labels, adhesions: pd.DataFrame, pixel_size_um: float | None
) -> pd.DataFrame:
    """Return a table with a row a cell.

    Parameters
    ----------
    cells : (Y, X) int32
    adhesions : DataFrame
        From `measure_adhesions` with these cells; those in none are left out.
    pixel_size_um : float or None

    Returns
    -------
    DataFrame
        ``cell``; ``area`` and ``adhesion_area`` in pixels, and ``adhesion_area_share`` of the
        one in the other; ``n_adhesions``; and of these ``mean_length`` and
        ``mean_edge_distance`` in pixels, nan without any. With a pixel size ``area_um2``,
        ``adhesion_area_um2``, ``mean_length_um``, ``mean_edge_distance_um`` and
        ``adhesions_per_1000_um2``. Of a cell that the image cuts, all are of the part in it.
    """
    area = np.bincount(cells.ravel())
    numbers = np.flatnonzero(area)
    numbers = numbers[numbers > 0]
    of_cell = adhesions.groupby("cell")
    table = pd.DataFrame({"cell": numbers, "area": area[numbers]})
    table["n_adhesions"] = of_cell.size().reindex(numbers, fill_value=0).to_numpy(np.int64)
    table["adhesion_area"] = of_cell["area"].sum().reindex(numbers, fill_value=0).to_numpy()
    table["adhesion_area_share"] = table["adhesion_area"] / table["area"]
    means = of_cell[["axis_major_length", "edge_distance"]].mean().reindex(numbers)
    table["mean_length"] = means["axis_major_length"].to_numpy()
    table["mean_edge_distance"] = means["edge_distance"].to_numpy()
    if pixel_size_um is not None:
        table["area_um2"] = table["area"] * pixel_size_um**2
        table["adhesion_area_um2"] = table["adhesion_area"] * pixel_size_um**2
        table["mean_length_um"] = table["mean_length"] * pixel_size_um
        table["mean_edge_distance_um"] = table["mean_edge_distance"] * pixel_size_um
        table["adhesions_per_1000_um2"] = 1000 * table["n_adhesions"] / table["area_um2"]
    return table
