"""Nuclei that collide, are one object for a while, and part again."""

import numpy as np
from numpy.typing import NDArray

from cellid.tracking.links import Links
from cellid.tracking.motion import Motion, log_student_in_plane
from cellid.tracking.spots import Indices, Spots, find_near

# Touching nuclei: their centres are hardly farther apart, in nucleus diameters
_TOUCHING = 2.0
_TURN = 0.5  # and while they touch they may turn about each other


def resolve_collisions(spots: Spots, links: Links, motion: Motion) -> None:
    """Give nuclei that were one object for a while their tracks back.

    A nucleus merges where its track ends beside another whose object becomes about as
    large as both; one parts from an object that has the area of both. Of what follows a
    merger on one track the first parting is taken to be of the two that merged. The
    object stays with one track; the other has a gap, however long. Which is which is
    what areas and places make likelier.

    Parameters
    ----------
    spots : Spots
    links : Links
        Changed in place.
    motion : Motion
    """
    merged, mergers = _find_absorbed(spots, links.ends(spots), links.before, step=1)
    parted, objects = _find_absorbed(spots, links.starts(spots), links.after, step=-1)
    merging = dict(zip(mergers.tolist(), merged.tolist(), strict=True))
    for start, last in sorted(zip(parted.tolist(), objects.tolist(), strict=True)):
        spot = last
        while spot >= 0 and spot not in merging:
            spot = int(links.before[spot])
        if spot < 0:
            continue
        pair = np.array([links.before[spot], merging[spot]])
        if _hold(spots, np.array([last]), pair[1:], pair[:1]).all():
            del merging[spot]
            _part(spots, links, motion, pair, last, start)


def _find_absorbed(
    spots: Spots, lone: Indices, other_side: Indices, step: int
) -> tuple[Indices, Indices]:
    """Return lone spots and the objects, ``step`` images on, that hold them and another spot.

    ``other_side`` says for an object which spot it is linked to in the image of the lone.
    """
    objects = np.flatnonzero(other_side >= 0)
    objects = objects[spots.image[other_side[objects]] == spots.image[objects] - step]
    rows, columns, distance = find_near(
        *(spots.yx[lone], spots.image[lone] + step, spots.yx[objects], spots.image[objects]),
        _TOUCHING * spots.diameter_px,
    )
    lone, objects = lone[rows], objects[columns]
    holds = _hold(spots, objects, lone, other_side[objects])
    lone, objects, distance = lone[holds], objects[holds], distance[holds]
    nearest = np.argsort(distance, kind="stable")
    for each in (lone, objects):  # every one once, in the nearest pair
        _, first = np.unique(each[nearest], return_index=True)
        nearest = nearest[np.sort(first)]
    return lone[nearest], objects[nearest]


def _hold(spots: Spots, objects: Indices, lone: Indices, partners: Indices) -> NDArray[np.bool_]:
    """Return whether objects are about as large as both their nuclei, not as the partner."""
    both = np.logaddexp(spots.log_area[lone], spots.log_area[partners])
    area = spots.log_area[objects]
    return np.asarray(np.abs(area - both) < np.abs(area - spots.log_area[partners]))


def _part(
    spots: Spots, links: Links, motion: Motion, earlier: Indices, last: int, start: int
) -> None:
    """Link two nuclei across their time as one object, the way that is likelier.

    The first of ``earlier`` is linked to the object, whose last spot is ``last``; the
    second merged with it, and ``start`` parts from it.
    """
    later = np.array([links.after[last], start])
    frames = spots.frame[later[0]] - spots.frame[earlier[0]]
    expected = spots.yx[earlier] + motion.carry(links.velocity[earlier], frames)
    squared = np.sum((spots.yx[later] - expected[:, None]) ** 2, axis=2)
    growth = spots.log_area[later] - spots.log_area[earlier][:, None]
    scale_px = max(motion.scale_px * frames**motion.growth, _TURN * spots.diameter_px)
    odds = log_student_in_plane(squared, scale_px) + motion.judge_sizes(growth)
    straight, crossed = np.trace(odds), np.trace(odds[:, ::-1])
    if crossed > straight:
        later = later[::-1]
    sure = np.full(2, 1 / (1 + np.exp(-abs(straight - crossed))))
    links.join(spots, np.array([last, earlier[1]]), later, sure)
