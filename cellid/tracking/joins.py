"""Where tracks that begin in mid-air come from: a gap, or a division."""

import numpy as np

from cellid.config import TrackSettings
from cellid.evaluation.assignment import choose_gains
from cellid.tracking.divisions import find_pairs_of_daughters, propose_second_daughters
from cellid.tracking.frames import weigh_rivals
from cellid.tracking.links import Links
from cellid.tracking.motion import Motion
from cellid.tracking.spots import Floats, Indices, Spots, find_near


def join_tracks(spots: Spots, links: Links, motion: Motion, settings: TrackSettings) -> None:
    """Give spots that come from nowhere a predecessor or a mother, where that is likelier.

    Gaps and divisions compete: of all ways to join the likeliest is taken.

    Parameters
    ----------
    spots : Spots
    links : Links
        Changed in place.
    motion : Motion
    settings : TrackSettings
    """
    if settings.divisions:
        families = find_pairs_of_daughters(spots, motion, links.ends(spots), links.starts(spots))
        links.divide(*families)
    ends, starts = links.ends(spots), links.starts(spots)
    earlier, later, gain = _propose_gaps(
        spots, links, motion, ends, starts, settings.max_gap_frames
    )
    n_gaps = earlier.size
    if settings.divisions:
        mothers, daughters, second = propose_second_daughters(spots, links, motion, starts)
        earlier, later = np.append(earlier, mothers), np.append(later, daughters)
        gain = np.append(gain, second)
    if gain.size == 0:
        return
    chosen = np.flatnonzero(choose_gains(earlier, later, gain))
    confidence = weigh_rivals(earlier, later, gain)
    gaps, divisions = chosen[chosen < n_gaps], chosen[chosen >= n_gaps]
    links.join(spots, earlier[gaps], later[gaps], confidence[gaps])
    mothers = earlier[divisions]
    links.divide(mothers, links.after[mothers], later[divisions])


def _propose_gaps(
    spots: Spots, links: Links, motion: Motion, ends: Indices, starts: Indices, most: int
) -> tuple[Indices, Indices, Floats]:
    """Return ends and starts with at most so many images between them, and their log odds."""
    frame = spots.frame[[image.start for image in spots.images]]
    found = []
    for unseen in range(1, min(most, frame.size - 2) + 1):
        leaving = ends[spots.image[ends] + unseen + 1 < frame.size]
        resumes = spots.image[leaving] + unseen + 1
        frames = frame[resumes] - spots.frame[leaving]
        expected = spots.yx[leaving] + motion.carry(links.velocity[leaving], frames)
        reach_px = motion.reach_px(int(frames.max(initial=1)), unseen)
        rows, columns, distance = find_near(
            expected, resumes, spots.yx[starts], spots.image[starts], reach_px
        )
        earlier, later = leaving[rows], starts[columns]
        growth = spots.log_area[later] - spots.log_area[earlier]
        odds = motion.judge_links(distance**2, growth, frames[rows], unseen)
        found.append((earlier, later, odds))
    if not found:
        return starts[:0], starts[:0], np.zeros(0)
    earlier, later, odds = (np.concatenate(each) for each in zip(*found, strict=True))
    return earlier, later, odds
