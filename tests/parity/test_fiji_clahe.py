"""CLAHE against Fiji's exact mode, from the same 8-bit crops."""

import cv2
import numpy as np
import pytest

from cellid.config import ClaheSettings
from cellid.imaging.clahe import clahe, clip_limit, transfer_functions

pytestmark = pytest.mark.real

SETTINGS = ClaheSettings()
RADIUS = (SETTINGS.block_px - 1) // 2


@pytest.fixture(scope="module")
def pairs(cellprofiler, test_data):
    """(8-bit crop, Fiji's exact CLAHE of it) for every fixture."""
    found = []
    for file in sorted((cellprofiler / "clahe").glob("*.png")):
        name, y, x = file.stem.rsplit("_", 2)
        y0, x0 = int(y[1:]), int(x[1:])
        field = cv2.imread(
            str(test_data / "pairs_deepcell" / f"{name}_nuclear.png"), cv2.IMREAD_UNCHANGED
        )
        crop = field[y0 : y0 + 512, x0 : x0 + 512].astype(np.int64)
        # The fixtures' own conversion rounds down, unlike ImageJ's
        span = crop.max() - crop.min() + 1
        source = ((crop - crop.min()) * 256 // span).astype(np.uint8)
        found.append((source, cv2.imread(str(file), cv2.IMREAD_UNCHANGED)))
    assert len(found) == 16
    return found


def test_transfer_function_is_fijis_to_the_grey_level(pairs):
    """Fiji's exact mode is one transfer function a pixel: ours at sampled pixels."""
    rng = np.random.default_rng(0)
    for source, expected in pairs:
        sampled = rng.integers(0, source.shape, (200, 2))
        windows = [
            source[
                max(0, y - RADIUS) : y + RADIUS + 1,
                max(0, x - RADIUS) : x + RADIUS + 1,
            ].ravel()
            for y, x in sampled
        ]
        histograms = np.array([np.bincount(window, minlength=256) for window in windows])
        limits = np.array([[clip_limit(window.size, SETTINGS)] for window in windows])
        transfer = transfer_functions(histograms, limits)
        y, x = sampled.T
        grey = transfer[np.arange(200), source[y, x]] * np.float32(255) + np.float32(0.5)
        np.testing.assert_array_equal(np.clip(grey, 0, 255).astype(np.uint8), expected[y, x])


def test_fast_mode_stays_near_the_exact_one(pairs):
    differences = [
        np.abs(clahe(source, SETTINGS).astype(int) - expected).mean() for source, expected in pairs
    ]

    # Measured: 0.81 grey levels, 2.64 in the crop with the steepest background
    assert np.mean(differences) < 1.0
    assert max(differences) < 3.0
