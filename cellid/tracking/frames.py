"""Links from each image to the next, and how sure they are."""

import numpy as np
from scipy.spatial import cKDTree
from tqdm import tqdm

from cellid.evaluation.assignment import choose_gains
from cellid.tracking.links import Links
from cellid.tracking.motion import Motion
from cellid.tracking.spots import Floats, Indices, Spots

_SURE = 50.0  # log odds past which a link is as good as certain, and exp does not overflow


def link_frames(spots: Spots, motion: Motion) -> Links:
    """Link the spots of each image to those of the next.

    Of all ways to link two images the likeliest is taken.

    Parameters
    ----------
    spots : Spots
    motion : Motion

    Returns
    -------
    Links
    """
    links = Links.none(len(spots))
    pairs = list(zip(spots.images[:-1], spots.images[1:], strict=True))
    for one, other in tqdm(pairs, desc="link", unit="frame", delay=2):
        frames = spots.frame[other.start] - spots.frame[one.start]
        expected = spots.yx[one] + motion.carry(links.velocity[one], frames)
        near = cKDTree(expected).sparse_distance_matrix(
            cKDTree(spots.yx[other]), motion.reach_px(frames, 0), output_type="ndarray"
        )
        earlier, later = one.start + near["i"], other.start + near["j"]
        growth = spots.log_area[later] - spots.log_area[earlier]
        odds = motion.judge_links(near["v"] ** 2, growth, frames, 0)
        chosen = choose_gains(near["i"], near["j"], odds)
        confidence = weigh_rivals(near["i"], near["j"], odds)
        links.join(spots, earlier[chosen], later[chosen], confidence[chosen])
    return links


def weigh_rivals(rows: Indices, columns: Indices, log_odds: Floats) -> Floats:
    """Return the probability of each possible link among its rivals.

    It is w / (sum of the w of all links of its two spots + 1), where w are the odds of a
    link against one nucleus leaving and another entering.

    Parameters
    ----------
    rows, columns : (C,) int64
        The two spots of each possible link, by number.
    log_odds : (C,) float64

    Returns
    -------
    (C,) float64, 0 to 1

    References
    ----------
    Fitzgerald, Development of practical PDA logic for multitarget tracking by
    microprocessor, American Control Conference 1986.
    """
    odds = np.exp(np.minimum(log_odds, _SURE))
    of_row, of_column = np.bincount(rows, odds), np.bincount(columns, odds)
    return np.asarray(odds / (of_row[rows] + of_column[columns] - odds + 1))
