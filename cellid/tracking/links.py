"""What each nucleus was in the image before."""

from dataclasses import dataclass

import numpy as np

from cellid.tracking.spots import Floats, Indices, Spots


@dataclass(frozen=True, eq=False)
class Links:
    """What each spot was before and becomes; changed in place while links are found.

    Attributes
    ----------
    before, after : (N,) int64
        The spot that it was and that it becomes, or -1.
    mother : (N,) int64
        The spot that divided into it, or -1.
    confidence : (N,) float64
        Of the link from the spot before, nan where there is none.
    velocity : (N, 2) float64
        Pixels a frame since the spot before, 0 where there is none.
    """

    before: Indices
    after: Indices
    mother: Indices
    confidence: Floats
    velocity: Floats

    @classmethod
    def none(cls, n_spots: int) -> "Links":
        """Return no links between so many spots."""
        before, after, mother = np.full((3, n_spots), -1)
        return cls(before, after, mother, np.full(n_spots, np.nan), np.zeros((n_spots, 2)))

    def join(self, spots: Spots, earlier: Indices, later: Indices, confidence: Floats) -> None:
        """Link spots, one to one."""
        self.after[earlier], self.before[later] = later, earlier
        self.confidence[later] = confidence
        frames = spots.frame[later] - spots.frame[earlier]
        self.velocity[later] = (spots.yx[later] - spots.yx[earlier]) / frames[:, None]

    def divide(self, mothers: Indices, ones: Indices, others: Indices) -> None:
        """End the tracks of mothers and begin those of their daughters."""
        self.after[mothers] = -1
        for daughters in (ones, others):
            self.before[daughters], self.mother[daughters] = -1, mothers
            self.confidence[daughters] = np.nan

    def ends(self, spots: Spots) -> Indices:
        """Return the spots without a successor, those of the last image aside."""
        lost = (self.after < 0) & (spots.image < len(spots.images) - 1)
        lost[self.mother[self.mother >= 0]] = False
        return np.flatnonzero(lost)

    def starts(self, spots: Spots) -> Indices:
        """Return the spots that come from nowhere, those of the first image aside."""
        return np.flatnonzero((self.before < 0) & (self.mother < 0) & (spots.image > 0))
