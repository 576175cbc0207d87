"""The shift between a stain and its phase image.

The constants of `cellid.imaging.registration` were chosen on `pairs_deepcell` (13 fields),
`pairs_celldetective`, its sample and `pairs_frm_keratinocyte` (18).
"""

from pathlib import Path

import cv2
import numpy as np
import pytest

from cellid.imaging.registration import Shift, measure_shift, move_back
from cellid.io.pairs import find_pairs, read_pair

MARGIN_PX = 24


def moved(image: np.ndarray, dy: float, dx: float) -> np.ndarray:
    """Return the image with its content moved by (dy, dx), down and right."""
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return cv2.warpAffine(
        image.astype(np.float32), matrix, image.shape[::-1], flags=cv2.INTER_CUBIC
    )


def inner(image: np.ndarray) -> np.ndarray:
    return image[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]


def draw_pair(seed: int = 0, side: int = 448) -> tuple[np.ndarray, np.ndarray]:
    """Draw nuclei: discs in the stain, dark with a bright rim off-centre in the phase."""
    random = np.random.default_rng(seed)
    stain = np.zeros((side, side), np.float32)
    phase = np.zeros_like(stain)
    for y, x in random.integers(0, side, (160, 2)).tolist():
        radius = int(random.integers(6, 11))
        cv2.circle(stain, (x, y), radius, float(random.uniform(0.4, 1)), -1)
        cv2.circle(phase, (x, y), radius, -0.5, -1)
        cv2.circle(phase, (x, y), radius, 1.0, 2)
        aside = random.integers(-9, 10, 2)  # the cell around it, to any side
        cv2.circle(phase, (x + int(aside[0]), y + int(aside[1])), 14, 0.4, 1)
    noise = random.normal(0, 0.15, (2, side, side)).astype(np.float32)
    return cv2.GaussianBlur(phase, (0, 0), 1) + noise[0], stain + noise[1]


@pytest.mark.parametrize(
    "shift", [(0.0, 0.0), (3.0, -5.0), (-1.5, 0.5), (11.3, 7.8)], ids=lambda s: f"{s}"
)
def test_a_known_shift_is_measured(shift: tuple[float, float]) -> None:
    phase, stain = draw_pair()
    measured = measure_shift(inner(phase), inner(moved(stain, *shift)))
    assert (measured.dy_px, measured.dx_px) == pytest.approx(shift, abs=0.5)
    assert measured.length_px == pytest.approx(np.hypot(*shift), abs=0.5)
    assert measured.confidence > 0.6


def test_a_shift_past_the_reach_is_unknown() -> None:
    phase, stain = draw_pair()
    assert measure_shift(phase, moved(stain, 0, 200)).dy_px is None


def test_unlike_fields_are_unknown_and_not_shifted() -> None:
    phase, _ = draw_pair(0)
    _, stain = draw_pair(1)
    shift = measure_shift(phase, stain)
    assert (shift.dy_px, shift.dx_px, shift.length_px) == (None, None, None)
    assert shift.confidence < 0.5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_any_dtype_and_range(dtype: type) -> None:
    phase, stain = draw_pair()
    scaled = [
        ((image - image.min()) / np.ptp(image) * 200 + 20).astype(dtype)
        for image in (phase, moved(stain, 4, 2))
    ]
    measured = measure_shift(*scaled)
    assert (measured.dy_px, measured.dx_px) == pytest.approx((4, 2), abs=0.5)


def test_nothing_to_see_is_unknown() -> None:
    flat = np.full((128, 128), 7, np.uint8)
    phase, _ = draw_pair(side=128)
    for images in ((flat, flat), (phase, flat), (flat, phase)):
        assert measure_shift(*images).dy_px is None


@pytest.mark.real
def test_every_real_phase_contrast_pair_is_measured(test_data: Path) -> None:
    """Known moves come back within 0.5 px on all 13, none of which lies 8 px off."""
    random = np.random.default_rng(0)
    folder = test_data / "pairs_deepcell"
    for pair in find_pairs(folder, folder).pairs:
        phase, stain, _ = read_pair(pair)
        before = measure_shift(inner(phase), inner(stain))
        assert before.length_px is not None, pair.id
        assert before.length_px < 8, pair.id
        move = random.uniform(-8, 8, 2)
        after = measure_shift(inner(phase), inner(moved(stain, *move)))
        assert after.dy_px is not None, pair.id
        assert after.dx_px is not None, pair.id
        found = (after.dy_px - before.dy_px, after.dx_px - before.dx_px)
        assert found == pytest.approx(tuple(move), abs=0.5), pair.id


@pytest.mark.real
def test_stains_of_other_real_fields_are_unknown(test_data: Path) -> None:
    folder = test_data / "pairs_deepcell"
    images = [read_pair(pair)[:2] for pair in find_pairs(folder, folder).pairs]
    images = [(phase, stain) for phase, stain in images if phase.shape == (1080, 1280)]
    assert len(images) == 10
    for k, (phase, _) in enumerate(images):
        assert measure_shift(phase, images[k - 1][1]).dy_px is None


def test_moving_back_undoes_the_shift() -> None:
    image = cv2.GaussianBlur(np.random.default_rng(1).random((80, 90), dtype=np.float32), (0, 0), 3)
    # what is at (y, x) in the phase image is at (y + 4, x - 3) in the stain
    stain = np.roll(image, (4, -3), axis=(0, 1))
    moved = move_back(stain, Shift(4.0, -3.0, 1.0))
    np.testing.assert_allclose(moved[6:-6, 6:-6], image[6:-6, 6:-6])
    assert move_back(stain, Shift(None, None, 0.1)) is stain
