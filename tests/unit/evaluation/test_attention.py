"""Where heat lies, counted by hand on a patch of four by five pixels."""

import numpy as np
import pytest

from cellid.evaluation.attention import NO_ATTENTION, add_attention, measure_attention
from cellid.evaluation.bootstrap import bootstrap_scores

MASK = np.zeros((4, 5), bool)
MASK[0, :2] = True
EVEN = np.ones((4, 5), np.float32)


def hot(*pixels: tuple[int, int, float]) -> np.ndarray:
    heat = np.zeros((4, 5), np.float32)
    for y, x, value in pixels:
        heat[y, x] = value
    return heat


def test_heat_within_and_the_hottest_pixel_are_counted() -> None:
    found = measure_attention(hot((0, 1, 3), (3, 4, 1)), MASK, hot((0, 0, 1), (1, 0, 1)), 1.0)
    assert found.as_dict() == {
        "enrichment": pytest.approx(0.75 / 0.1),
        "inside": 0.75,
        "area": 0.1,
        "ideal": 0.5,
        "hits": 1,
        "near": pytest.approx(5 / 20),  # two, the one beside them, the two below
    }


@pytest.mark.parametrize(
    ("heat", "hits"),
    [
        (hot((0, 2, 1)), 1),  # beside
        (hot((1, 2, 1)), 0),  # 1.4 px off, at a corner
        (hot((0, 0, 1), (3, 3, 1)), 0.5),  # two hottest, one of them near
        (EVEN, 5 / 20),  # even heat does as well as chance
    ],
)
def test_the_hottest_pixel_may_lie_near_an_object(heat: np.ndarray, hits: float) -> None:
    assert measure_attention(heat, MASK, EVEN, 1.0).hits == pytest.approx(hits)


def test_even_heat_is_chance() -> None:
    found = measure_attention(EVEN, MASK, EVEN, 1.0)
    assert found.inside == pytest.approx(found.area)
    assert found.as_dict()["enrichment"] == pytest.approx(1)


@pytest.mark.parametrize(("heat", "mask"), [(0 * EVEN, MASK), (EVEN, np.zeros_like(MASK))])
def test_patches_without_heat_or_objects_say_nothing(heat: np.ndarray, mask: np.ndarray) -> None:
    assert measure_attention(heat, mask, EVEN, 1.0) == NO_ATTENTION


def test_groups_pool_their_patches_and_are_drawn_whole() -> None:
    on = measure_attention(hot((0, 0, 1)), MASK, EVEN, 1.0)
    off = measure_attention(hot((3, 4, 1)), MASK, EVEN, 1.0)
    groups = [add_attention([on, on, off]), add_attention([off]), NO_ATTENTION]
    scores = bootstrap_scores(groups, n_samples=500, confidence=0.95, seed=0)
    assert scores["inside"] == pytest.approx((2 / 4, 0, 2 / 3))
    assert scores["area"] == pytest.approx((0.1, 0.1, 0.1))
