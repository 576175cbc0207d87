"""Divisions: a mother in one image, two smaller nuclei around its place in the next."""

import numpy as np
import pandas as pd

from cellid.tracking.links import Links
from cellid.tracking.motion import Motion, log_student, log_student_in_plane
from cellid.tracking.spots import Floats, Indices, Spots, find_near

# From true divisions of HeLa; of 18 combinations tried around them none was much better
_MIDDLE = 0.2  # scale of the daughters' middle around the mother, in nucleus diameters
_SIZES = 0.3  # scale of the log ratios daughter to daughter and both to the mother
# Daughters lie about a nucleus diameter apart; at this many the odds have fallen by e^8
_FURTHEST = 4.0


def propose_second_daughters(
    spots: Spots, links: Links, motion: Motion, starts: Indices
) -> tuple[Indices, Indices, Floats]:
    """Return what speaks for a start being the sister of a spot that has a predecessor.

    Parameters
    ----------
    spots : Spots
    links : Links
    motion : Motion
    starts : (S,) int64
        Spots that come from nowhere.

    Returns
    -------
    mothers, daughters : (C,) int64
        Predecessors, and the starts that might be their second daughters.
    gain : (C,) float64
        Log odds of the division against the link as it is and a nucleus that enters.
    """
    linked = np.flatnonzero(links.before >= 0)
    linked = linked[spots.image[links.before[linked]] == spots.image[linked] - 1]
    new, old, _ = find_near(
        *(spots.yx[starts], spots.image[starts], spots.yx[linked], spots.image[linked]),
        _FURTHEST * spots.diameter_px,
    )
    daughters, sisters = starts[new], linked[old]
    mothers = links.before[sisters]
    moved = np.sum((spots.yx[sisters] - spots.yx[mothers]) ** 2, axis=1)
    growth = spots.log_area[sisters] - spots.log_area[mothers]
    as_it_is = motion.judge_links(moved, growth, spots.frame[sisters] - spots.frame[mothers], 0)
    odds = judge_divisions(spots, motion, mothers, sisters, daughters)
    return mothers, daughters, odds - as_it_is


def find_pairs_of_daughters(
    spots: Spots, motion: Motion, ends: Indices, starts: Indices
) -> tuple[Indices, Indices, Indices]:
    """Return ends that divided into two starts of the next image: mothers and both daughters.

    The likeliest come first; no spot occurs twice.
    """
    ended, begun, _ = find_near(
        *(spots.yx[ends], spots.image[ends] + 1, spots.yx[starts], spots.image[starts]),
        _FURTHEST * spots.diameter_px,
    )
    children = pd.DataFrame({"mother": ends[ended], "one": starts[begun]})
    pairs = children.merge(children.rename(columns={"one": "other"}), on="mother")
    pairs = pairs[pairs["one"] < pairs["other"]]
    odds = judge_divisions(spots, motion, *pairs.to_numpy().T)
    chosen: list[tuple[int, int, int]] = []
    taken: set[int] = set()
    for row in np.argsort(-odds)[: np.count_nonzero(odds > 0)]:
        family = tuple(pairs.iloc[row])
        if taken.isdisjoint(family):
            chosen.append(family)
            taken.update(family)
    mothers, ones, others = np.array(chosen, np.int64).reshape(-1, 3).T
    return mothers, ones, others


def judge_divisions(
    spots: Spots, motion: Motion, mothers: Indices, ones: Indices, others: Indices
) -> Floats:
    """Return the log odds of divisions against a nucleus that leaves and two that enter.

    The middle of the daughters lies near the mother, Student's t; they lie about a
    nucleus diameter apart, normal; they are of one size and together as large as the
    mother, Student's t of the log ratios. As many divide as leave.

    Parameters
    ----------
    spots : Spots
    motion : Motion
    mothers, ones, others : (C,) int64
        Mothers and their daughters in the next image.

    Returns
    -------
    (C,) float64
    """
    mother, one, other = (spots.yx[which] for which in (mothers, ones, others))
    middle = np.sum(((one + other) / 2 - mother) ** 2, axis=1)
    apart = np.sum((one - other) ** 2, axis=1)
    variance = spots.diameter_px**2
    place = log_student_in_plane(middle, max(motion.scale_px, _MIDDLE * spots.diameter_px))
    place += -np.log(2 * np.pi * variance) - apart / (2 * variance)

    mother_size, *sizes = (spots.log_area[which] for which in (mothers, ones, others))
    size = log_student(sizes[0] - sizes[1], _SIZES)
    size += log_student(np.logaddexp(*sizes) - mother_size, _SIZES)
    unlike_scale = max(motion.unlike_scale, _SIZES)  # markers of one size tell nothing
    for each in sizes:
        size -= log_student(each - mother_size, unlike_scale)
    return np.asarray(place + size - 2 * motion.log_density - 2 * np.log(motion.turnover))
