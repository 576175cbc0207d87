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

    One object *holds* another if more than half of the other's pixels lie in it
    (`Contingency.holds_true`). Exchanging truth and prediction exchanges the two counts.

    Parameters
    ----------
    table : Contingency
        Overlaps of two label images.

    Returns
    -------
    Fragmentation
    """
    return Fragmentation(
        splits=_count_repeated(table.true_index[table.holds_predicted]),
        merges=_count_repeated(table.predicted_index[table.holds_true]),
    )


def _count_repeated(holders: Counts) -> int:
    return int(np.count_nonzero(np.bincount(holders) >= 2))
