"""How nuclei move and change from image to image, estimated from where they are found."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from cellid.tracking.spots import Floats, Indices, Spots

# Displacements have heavier tails than a normal distribution: nuclei rest, crawl and round
# up. 90 % quantile and median have the ratio 2.6 in HeLa (true displacements), 2.3 in
# Student's t of 4 degrees of freedom and 1.8 in a normal distribution in the plane.
_TAIL = 4.0
_SCALE_FLOOR_PX = 0.5  # the centre of an outline is known no better
_SIZE_FLOOR = 0.05  # nor is the logarithm of its area
# From this many displacements quantiles are taken; of fewer, nuclei are supposed to move by
# this share of their diameter a frame, as in HeLa
_N_ENOUGH = 20
_USUAL_SPEED = 1 / 8
_LAG = 4  # images over which the growth of displacements is measured
_RANDOM_WALK = 0.5
_MOST_PERSISTENT = 0.99  # below 1, where a displacement would go on for ever
_MEDIAN_SIZE = 0.6745  # of a standard normal number


@dataclass(frozen=True)
class Motion:
    """What links are judged by.

    Attributes
    ----------
    scale_px : float
        Scale of the displacement in one frame.
    growth : float
        Exponent by which it grows with the number of frames: 0 for nuclei that stay, 1/2
        for a random walk.
    persistence : float
        Share of the last displacement that goes on in the next frame, 0 to 1.
    spacing_px : float
        Median distance of a nucleus from its nearest neighbour.
    size_scale, unlike_scale : float
        Scale of the difference in log area between a nucleus and itself in the next image,
        and between two nuclei.
    turnover : float
        Share of nuclei that have no successor in the next image.
    """

    scale_px: float
    growth: float
    persistence: float
    spacing_px: float
    size_scale: float
    unlike_scale: float
    turnover: float

    @property
    def log_density(self) -> float:
        """Logarithm of nuclei a square pixel, were they scattered at random."""
        return float(np.log(np.log(2) / (np.pi * self.spacing_px**2)))

    def carry(self, velocity: Floats, frames: Indices | int) -> Floats:
        """Return how far nuclei of a velocity ``(N, 2)`` go on in so many frames, ``(N, 2)``."""
        kept = self.persistence
        return np.asarray(
            velocity * (kept * (1 - kept ** np.asarray(frames)) / (1 - kept))[..., None]
        )

    def judge_links(
        self, squared_px: Floats, log_ratio: Floats, frames: Indices | int, unseen: int
    ) -> Floats:
        """Return the log odds of links, against one nucleus leaving and another entering.

        Parameters
        ----------
        squared_px : (L,) float64
            Squared distance from where the nucleus was expected.
        log_ratio : (L,) float64
            Logarithm of the ratio of areas.
        frames : (L,) int64 or int
            Frames from one to the other, from 1.
        unseen : int
            Images between them; to be unseen in one is as likely as to leave.

        Returns
        -------
        (L,) float64
        """
        scale_px = self.scale_px * np.asarray(frames) ** self.growth
        place = log_student_in_plane(squared_px, scale_px) - self.log_density
        stays = np.log1p(-self.turnover) + (unseen - 2) * np.log(self.turnover)
        return np.asarray(place + self.judge_sizes(log_ratio) + stays)

    def judge_sizes(self, log_ratio: Floats) -> Floats:
        """Return the log odds that areas of such ratios are of one nucleus, not of two."""
        return log_student(log_ratio, self.size_scale) - log_student(log_ratio, self.unlike_scale)

    def reach_px(self, frames: int, unseen: int) -> float:
        """Return the distance from which leaving and entering is likelier than any link."""
        zero = np.zeros(1)
        best = max(float(self.judge_links(zero, zero, frames, unseen)[0]), 0.0)
        furthest = np.sqrt(_TAIL * np.expm1(best / (_TAIL / 2 + 1)))
        return float(self.scale_px * frames**self.growth * furthest)


def log_student(value: Floats, scale: float) -> Floats:
    """Return the log density of Student's t on a line, but for a constant."""
    return np.asarray(-np.log(scale) - (_TAIL + 1) / 2 * np.log1p((value / scale) ** 2 / _TAIL))


def log_student_in_plane(squared: Floats, scale: Floats | float) -> Floats:
    """Return the log density of Student's t in the plane at squared distances."""
    variance = np.square(scale)
    tail = (_TAIL / 2 + 1) * np.log1p(squared / (_TAIL * variance))
    return np.asarray(-np.log(2 * np.pi * variance) - tail)


def estimate_motion(spots: Spots) -> Motion:
    """Estimate how nuclei move from mutual nearest neighbours in successive images.

    Parameters
    ----------
    spots : Spots
        At least one.

    Returns
    -------
    Motion
    """
    follower, spacing_px = _find_neighbours(spots)
    one, other = np.flatnonzero(follower >= 0), follower[follower >= 0]
    velocity = np.full((len(spots), 2), np.nan)
    frames = spots.frame[other] - spots.frame[one]
    velocity[other] = (spots.yx[other] - spots.yx[one]) / frames[:, None]
    before, after = velocity[one], velocity[other]
    persistence = _estimate_persistence(before, after)
    surprise = after - persistence * np.nan_to_num(before)

    size_scale = max(_measure_spread(spots.log_area[other] - spots.log_area[one]), _SIZE_FLOOR)
    unlike_scale = np.sqrt(2) * _measure_spread(spots.log_area - np.median(spots.log_area))
    n_before_last = spots.images[-1].start
    return Motion(
        scale_px=_estimate_scale(np.hypot(*surprise.T), spots.diameter_px),
        growth=_estimate_growth(spots, follower),
        persistence=persistence,
        spacing_px=spacing_px,
        size_scale=size_scale,
        unlike_scale=max(unlike_scale, size_scale),
        turnover=(n_before_last - one.size + 1) / (n_before_last + 2),  # rule of succession
    )


def _find_neighbours(spots: Spots) -> tuple[Indices, float]:
    """Return each spot's mutual nearest neighbour in the next image, or -1, and the spacing."""
    follower = np.full(len(spots), -1)
    trees = [cKDTree(spots.yx[image]) for image in spots.images]
    for (image, tree), (following, other) in pairwise(zip(spots.images, trees, strict=True)):
        nearest = other.query(tree.data)[1]
        mutual = tree.query(other.data)[1][nearest] == np.arange(tree.n)
        follower[image][mutual] = following.start + nearest[mutual]
    to_nearest = [tree.query(tree.data, k=2)[0][:, 1] for tree in trees if tree.n > 1]
    if to_nearest:
        spacing_px = float(np.median(np.concatenate(to_nearest)))
    else:
        spacing_px = float(np.sqrt(np.prod(np.ptp(spots.yx, axis=0) + spots.diameter_px)))
    return follower, max(spacing_px, _SCALE_FLOOR_PX)


def _estimate_scale(speed_px: Floats, diameter_px: float) -> float:
    """Return the scale of Student's t that the median or the 90 % quantile asks for."""
    enough = speed_px.size >= _N_ENOUGH
    least = _SCALE_FLOOR_PX if enough else max(_USUAL_SPEED * diameter_px, _SCALE_FLOOR_PX)
    if speed_px.size == 0:
        return least
    shares = np.array([0.5, 0.9])
    expected = np.sqrt(_TAIL * ((1 - shares) ** (-2 / _TAIL) - 1))
    return max(float((np.quantile(speed_px, shares) / expected).max()), least)


def _estimate_persistence(before: Floats, after: Floats) -> float:
    """Return the median share of the velocity that goes on, among the faster half."""
    known = np.isfinite(before[:, 0])
    before, after = before[known], after[known]
    squared = np.sum(before**2, axis=1)
    if known.sum() < _N_ENOUGH:
        return 0.0
    fast = (squared >= np.median(squared)) & (squared > 0)
    if not fast.any():
        return 0.0
    kept = np.sum(before[fast] * after[fast], axis=1) / squared[fast]
    return float(np.median(kept).clip(0, _MOST_PERSISTENT))


def _estimate_growth(spots: Spots, follower: Indices) -> float:
    """Return how the distance from a spot grows along its mutual nearest neighbours."""
    one = far = np.flatnonzero(follower >= 0)
    for _ in range(_LAG):
        one, far = one[follower[far] >= 0], follower[far[follower[far] >= 0]]
    if one.size < _N_ENOUGH:
        return _RANDOM_WALK
    moved = [np.median(np.hypot(*(spots.yx[to] - spots.yx[one]).T)) for to in (follower[one], far)]
    near_px, far_px = np.maximum(moved, _SCALE_FLOOR_PX)
    return float(np.clip(np.log(far_px / near_px) / np.log(_LAG), 0, 1))


def _measure_spread(values: Floats) -> float:
    """Return the standard deviation of a normal distribution with their median size."""
    return float(np.median(np.abs(values)) / _MEDIAN_SIZE) if values.size else 0.0
