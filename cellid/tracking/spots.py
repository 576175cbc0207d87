"""The nuclei to be followed, as arrays."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cellid.errors import CellidError

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

COLUMNS = ["frame", "label", "y", "x", "y_stable", "x_stable", "area"]


@dataclass(frozen=True, eq=False)
class Spots:
    """Nuclei in order of time.

    An *image* is a frame that shows a nucleus at all; others are missing or black, and
    nobody is expected there.

    Attributes
    ----------
    frame : (N,) int64
        Number of the frame, ascending.
    yx : (N, 2) float64
        Centre in pixels, the drift of the stage taken out.
    log_area : (N,) float64
        Natural logarithm of the area in pixels.
    """

    frame: Indices
    yx: Floats
    log_area: Floats

    def __len__(self) -> int:
        return self.frame.size

    @cached_property
    def image(self) -> Indices:
        """Number of each spot's frame among those that show any, ``(N,)``."""
        return np.cumsum(np.diff(self.frame, prepend=self.frame[:1]) > 0)

    @cached_property
    def images(self) -> list[slice]:
        """The spots of each image."""
        edges = np.flatnonzero(np.diff(self.image, prepend=-1, append=-1))
        return [slice(*edge) for edge in pairwise(edges.tolist())]

    @property
    def diameter_px(self) -> float:
        """Diameter of the circle that has the median area."""
        return float(2 * np.exp(np.median(self.log_area) / 2) / np.sqrt(np.pi))


def read_spots(table: pd.DataFrame) -> Spots:
    """Check a table of spots, in order of frames, and return what linking needs.

    Parameters
    ----------
    table : DataFrame
        Columns ``frame``, ``label``, ``y``, ``x``, ``y_stable``, ``x_stable``, ``area``.

    Returns
    -------
    Spots

    Raises
    ------
    CellidError
        If a column is missing, a number is not finite, an area not positive, or a label
        occurs twice in a frame.
    """
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise _bad_table(f"columns {', '.join(COLUMNS)}", f"no {', '.join(missing)}")
    if not np.isfinite(table[COLUMNS].to_numpy(np.float64)).all():
        raise _bad_table("finite numbers", "nan or infinity")
    if (table["area"] <= 0).any():
        raise _bad_table("areas above 0", f"an area of {table['area'].min():g}")
    if table.duplicated(["frame", "label"]).any():
        frame, label = table.loc[table.duplicated(["frame", "label"]), ["frame", "label"]].iloc[0]
        raise _bad_table("a label once a frame", f"label {label} twice in frame {frame}")
    return Spots(
        table["frame"].to_numpy(np.int64),
        table[["y_stable", "x_stable"]].to_numpy(np.float64),
        np.log(table["area"].to_numpy(np.float64)),
    )


def find_near(
    yx: Floats, image: Indices, other_yx: Floats, other_image: Indices, reach_px: float
) -> tuple[Indices, Indices, Floats]:
    """Return the pairs of places that lie at most so far apart in the same image.

    Parameters
    ----------
    yx, other_yx : (P, 2) and (Q, 2) float64
        Places, pixels.
    image, other_image : (P,) and (Q,) int64
        In which image each is.
    reach_px : float

    Returns
    -------
    one, other : (C,) int64
        Numbers of the places of each pair.
    distance_px : (C,) float64
    """
    apart_px = 2 * reach_px + 1  # between images, as a third dimension
    trees = [
        cKDTree(np.column_stack([place, apart_px * where]))
        for place, where in ((yx, image), (other_yx, other_image))
    ]
    near = trees[0].sparse_distance_matrix(trees[1], reach_px, output_type="ndarray")
    return near["i"], near["j"], near["v"]


def _bad_table(expected: str, got: str) -> CellidError:
    return CellidError(
        "spots", expected=expected, got=got, remedy="pass one row a nucleus in a frame"
    )
