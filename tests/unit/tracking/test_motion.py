from itertools import pairwise

import numpy as np
import pytest

from cellid.tracking.motion import Motion, estimate_motion
from cellid.tracking.spots import read_spots

from .movies import movie

SEEDS = [0, 1, 2]


def wander(seed, scale_px=2.0, kept=0.0, stays=False, spacing_px=50.0, n_frames=30):
    """Sixty-four nuclei on a grid, whose displacements go on by a share."""
    rng = np.random.default_rng(seed)
    home = spacing_px * np.argwhere(np.ones((8, 8)))
    step = rng.normal(0, scale_px, (n_frames, 64, 2))
    for before, after in pairwise(step):
        after += kept * before
    place = home + (step / np.sqrt(2) if stays else step.cumsum(axis=0))
    area = rng.lognormal(6, 0.4, 64) * rng.lognormal(0, 0.1, (n_frames, 64))
    return [
        (frame, i, *place[frame, i], area[frame, i]) for frame in range(n_frames) for i in range(64)
    ]


def estimate(rows) -> Motion:
    return estimate_motion(read_spots(movie(rows)))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scale_px", [1.0, 4.0])
def test_a_random_walk_is_measured(seed: int, scale_px: float) -> None:
    motion = estimate(wander(seed, scale_px))

    assert motion.scale_px == pytest.approx(scale_px, rel=0.15)
    assert motion.growth == pytest.approx(0.5, abs=0.1)
    assert motion.persistence < 0.1
    assert motion.size_scale == pytest.approx(0.1 * np.sqrt(2), rel=0.15)
    assert motion.unlike_scale == pytest.approx(0.4 * np.sqrt(2), rel=0.35)
    assert motion.turnover < 0.02


def test_spacing_is_to_the_nearest_neighbour() -> None:
    assert estimate(wander(0, scale_px=0.01)).spacing_px == pytest.approx(50, rel=0.01)


@pytest.mark.parametrize("seed", SEEDS)
def test_persistence_is_measured_and_taken_out(seed: int) -> None:
    motion = estimate(wander(seed, kept=0.7))

    assert motion.persistence == pytest.approx(0.7, abs=0.1)
    assert motion.scale_px == pytest.approx(2.0, rel=0.15)
    assert motion.growth > 0.6


@pytest.mark.parametrize("seed", SEEDS)
def test_nuclei_that_stay_do_not_wander_off(seed: int) -> None:
    assert estimate(wander(seed, stays=True)).growth < 0.1


def test_missing_frames_do_not_make_nuclei_faster() -> None:
    whole = wander(0, kept=0.9)
    some = [row for row in whole if row[0] % 10 < 7]

    assert estimate(some).scale_px == pytest.approx(estimate(whole).scale_px, rel=0.2)


def test_nuclei_that_come_and_go_turn_over() -> None:
    rng = np.random.default_rng(0)
    rows = [row for row in wander(0) if rng.random() > 0.1]

    assert estimate(rows).turnover == pytest.approx(0.1, abs=0.05)


def test_of_few_nuclei_the_size_tells_how_far_they_go() -> None:
    rows = [(frame, 0, 5.0, 5.0, 100 * np.pi) for frame in range(3)]

    assert estimate(rows).scale_px == pytest.approx(20 / 8)


def test_reach_is_where_a_link_is_as_likely_as_none() -> None:
    motion = estimate(wander(0))

    for frames, unseen in ((1, 0), (3, 2)):
        reach = np.array([motion.reach_px(frames, unseen) ** 2])
        assert motion.judge_links(reach, np.zeros(1), frames, unseen)[0] == pytest.approx(0)
    assert motion.reach_px(2, 1) < motion.reach_px(1, 0)


def test_what_persists_is_carried_on() -> None:
    motion = estimate(wander(0, kept=0.5))
    kept = motion.persistence

    carried = motion.carry(np.array([[2.0, 0.0], [2.0, 0.0]]), np.array([1, 2]))

    assert carried.tolist() == pytest.approx(np.array([[2 * kept, 0], [2 * kept + 2 * kept**2, 0]]))
