"""Objects cut into pieces, and objects fused."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cellid.evaluation.contingency import Contingency, Counts
from cellid.evaluation.counts import Summable


@dataclass(frozen=True)
class Fragmentation(Summable):
    """Splits and merges; ``+`` pools images.

    Attributes
    ----------
    splits : int
        True objects that hold several predicted ones.
    merges : int
        Predicted objects that hold several true ones.
    """

    splits: int
    merges: int

    _summed: ClassVar[tuple[str, ...]] = ("splits", "merges")


def count_splits_and_merges(table: Contingency) -> Fragmentation:
    """Count objects that hold at least two objects of the other image.

    One object *holds* another if more than half of the other's pixels lie in it, the
    detection test of Matula et al. 2015 (PLoS ONE 10:e0144959), by which an object
    lies in one holder at most. Exchanging truth and prediction exchanges the two counts.

    Parameters
    ----------
    table : Contingency
        Overlaps of two label images.

    Returns
    -------
    Fragmentation
    """
    return Fragmentation(
        splits=_count_holders(
            table.true_index, table.predicted_areas_px[table.predicted_index], table
        ),
        merges=_count_holders(table.predicted_index, table.true_areas_px[table.true_index], table),
    )


def _count_holders(holder: Counts, held_areas_px: Counts, table: Contingency) -> int:
    held = 2 * table.intersections_px > held_areas_px
    return int(np.count_nonzero(np.bincount(holder[held]) >= 2))
