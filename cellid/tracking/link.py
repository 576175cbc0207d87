"""Nuclei followed from image to image, through gaps, collisions and divisions."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cellid.config import TrackSettings
from cellid.tracking.collisions import resolve_collisions
from cellid.tracking.frames import link_frames
from cellid.tracking.joins import join_tracks
from cellid.tracking.links import Links
from cellid.tracking.motion import estimate_motion
from cellid.tracking.spots import Spots, read_spots
from cellid.types import Tracks


def follow(spots: pd.DataFrame, settings: TrackSettings) -> Tracks:
    """Follow nuclei through a time-lapse.

    How they move, grow and come and go is estimated from the spots themselves
    (`estimate_motion`); every decision weighs log odds under it. Images are linked one
    to the next; nuclei that were one object for a while are told apart by size and
    motion; what then begins in mid-air is joined to a track that ended, or becomes the
    second daughter of a division. A mother's track ends and two new ones begin.

    Parameters
    ----------
    spots : DataFrame
        A row a nucleus in a frame: ``frame``, from 0; ``label``; centre ``y``, ``x`` and
        ``y_stable``, ``x_stable``, with the drift of the stage taken out, pixels;
        ``area``, square pixels; any others, which are kept. Frames may be missing.
    settings : TrackSettings

    Returns
    -------
    Tracks
        Numbered in the order in which they begin. ``confidence`` is the probability of
        a link among its rivals (`weigh_rivals`); where nuclei part after a collision,
        that of the chosen way against the other.

    Raises
    ------
    CellidError
        If a column is missing, a number is not finite, an area not positive, or a label
        occurs twice in a frame.

    References
    ----------
    Jaqaman et al., Robust single-particle tracking in live-cell time-lapse sequences,
    Nature Methods 5:695, 2008: linking by assignment in two steps.
    """
    table = spots.sort_values(["frame", "y", "x"], ignore_index=True)
    arrays = read_spots(table)
    links = _find_links(arrays, settings) if len(arrays) else Links.none(0)
    return _collect_tracks(table, arrays, links)


def _find_links(spots: Spots, settings: TrackSettings) -> Links:
    motion = estimate_motion(spots)
    links = link_frames(spots, motion)
    resolve_collisions(spots, links, motion)
    join_tracks(spots, links, motion, settings)
    return links


def _collect_tracks(table: pd.DataFrame, spots: Spots, links: Links) -> Tracks:
    """Number tracks in the order in which they begin."""
    n = len(spots)
    later = np.flatnonzero(links.before >= 0)
    graph = coo_array((np.ones(later.size), (links.before[later], later)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    _, first, track = np.unique(component, return_index=True, return_inverse=True)
    track = np.argsort(np.argsort(first))[track] + 1
    begins = np.sort(first)
    mother = links.mother[begins]
    lineage = pd.DataFrame(
        {
            "track": np.arange(1, first.size + 1),
            "begin": spots.frame[begins],
            "end": pd.Series(spots.frame).groupby(track).max().to_numpy(),
            "parent": np.where(mother >= 0, track[mother], 0),
        }
    )
    followed = table.assign(track=track, confidence=links.confidence)
    return Tracks(followed.sort_values(["track", "frame"], ignore_index=True), lineage)
