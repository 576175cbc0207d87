"""Frames told from others by what they look like."""

import cv2
import numpy as np
import pytest

from cellid.imaging.appearance import find_difference, measure_appearance, summarise_appearance
from cellid.runs import AppearanceRange


def cells(seed: int, n: int = 60) -> np.ndarray:
    """Return rings of dark edges on a faint noise, (240, 240), as a normalised image."""
    random = np.random.default_rng(seed)
    image = random.normal(0, 0.05, (240, 240))
    for x, y in random.integers(10, 230, (n, 2)).tolist():
        ring = cv2.circle(np.zeros((240, 240), np.uint8), (x, y), 7, 1, thickness=2)
        image -= cv2.GaussianBlur(ring.astype(np.float64), (0, 0), 0.8)
    return image.astype(np.float32)


@pytest.fixture(scope="module")
def known() -> dict[str, AppearanceRange]:
    return summarise_appearance(cells(seed) for seed in range(6))


def test_frames_like_the_known_ones_are_within_or_near_their_range(
    known: dict[str, AppearanceRange],
) -> None:
    for seed in range(6):
        assert find_difference(measure_appearance(cells(seed)), known)[1] == 0
    for seed in range(6, 20):
        assert abs(find_difference(measure_appearance(cells(seed)), known)[1]) < 2


@pytest.mark.parametrize(
    ("change", "measure", "sign"),
    [
        (lambda image: cv2.GaussianBlur(image, (0, 0), 3), "focus", -1),
        (lambda image: image + np.random.default_rng(0).normal(0, 0.5, image.shape), "noise", 1),
        (lambda image: -image, "asymmetry", 1),
        (lambda _: cells(1, n=500), "crowding", 1),
        (lambda _: cells(1, n=0), "noise", 1),
    ],
)
def test_what_is_unlike_is_named_with_its_direction(
    change, measure: str, sign: int, known: dict[str, AppearanceRange]
) -> None:
    changed = measure_appearance(change(cells(1)).astype(np.float32))
    value, limits = changed[measure], known[measure]
    outside = (value - np.clip(value, limits.low, limits.high)) / limits.sd
    assert sign * outside > 2
    assert abs(find_difference(changed, known)[1]) >= abs(outside)


def test_the_farthest_measure_is_told_in_standard_deviations() -> None:
    known = {
        "focus": AppearanceRange(low=0, high=1, sd=0.5),
        "noise": AppearanceRange(low=0, high=1, sd=1),
    }
    assert find_difference({"focus": 0.3, "noise": 3}, known) == ("noise", 2)
    assert find_difference({"focus": -2, "noise": 3}, known) == ("focus", -4)


def test_frames_without_anything_are_measured_too() -> None:
    for frame in (np.zeros((8, 9), np.float32), np.zeros((1, 1), np.float32)):
        assert all(np.isfinite(value) for value in measure_appearance(frame).values())


def test_channels_are_averaged() -> None:
    image = cells(3)
    colours = np.stack([image * 2, image, image * 0], axis=-1)
    assert measure_appearance(colours) == pytest.approx(measure_appearance(image), abs=1e-6)
