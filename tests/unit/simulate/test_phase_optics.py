"""Phase contrast of specimens whose image is known."""

import numpy as np
import pytest

from cellid.config import SimulateSettings
from cellid.simulate.optics import _overlap, phase_contrast, ring_transfer

SETTINGS = SimulateSettings(defocus_um=0.0, ring=(0.4, 0.5), pixel_size_um=0.6)


def image(path_um, **changes):
    settings = SETTINGS.model_copy(update=changes)
    return phase_contrast(path_um, ring_transfer(path_um.shape, settings), settings)


def test_an_even_specimen_is_invisible():
    np.testing.assert_allclose(image(np.full((64, 80), 0.1, np.float32)), 1, rtol=1e-4)


def test_a_weak_fine_grating_has_zernikes_contrast():
    # Between the ring's width and its diameter a share of the light meets the ring: intensity
    # 1 ± 2 φ T/t, T the transfer of one wave and t the ring's amplitude (0.5).
    x = np.arange(256)
    phase = 0.01 * np.cos(2 * np.pi * 20 * x / 256)
    path = np.broadcast_to(phase * 0.59 / (2 * np.pi), (64, 256)).astype(np.float32)
    transfer = ring_transfer(path.shape, SETTINGS)
    passed = transfer.real[0, 20]  # the direct light is turned a quarter wave against this part
    bright = image(path)
    np.testing.assert_allclose(bright[0], 1 + 2 * phase * passed / 0.5, atol=5e-4)
    dark = image(path, bright_phase=False)
    assert np.corrcoef(bright[0], dark[0])[0, 1] < -0.99


def test_a_large_disc_has_a_halo_and_shades_off():
    y, x = np.mgrid[-128:128, -128:128] * 0.6
    radius = np.hypot(y, x)
    profile = image((0.03 * (radius < 40)).astype(np.float32), bright_phase=False)
    inside_edge = profile[(radius > 36) & (radius < 38.5)].mean()
    middle = profile[radius < 10].mean()
    outside_edge = profile[(radius > 41.5) & (radius < 44)].mean()
    far = profile[radius > 72].mean()
    assert inside_edge < middle < 1.01  # shade-off: the middle returns towards the background
    assert outside_edge > far + 0.02  # the bright halo


def test_a_narrow_ring_shades_off_less():
    y, x = np.mgrid[-128:128, -128:128] * 0.6
    disc = (0.03 * (np.hypot(y, x) < 15)).astype(np.float32)
    narrow, wide = image(disc, ring=(0.45, 0.48)), image(disc, ring=(0.2, 0.7))
    assert narrow[128, 128] > wide[128, 128] > 1


@pytest.mark.parametrize(("first", "second"), [(1.0, 0.4), (0.5, 0.5), (0.3, 0.8)])
def test_common_area_of_two_discs_agrees_with_counting_points(first, second):
    y, x = np.mgrid[-1.6:1.6:0.004, -1.6:1.6:0.004]
    for apart in (0.0, 0.2, 0.55, 0.9, 1.35, 2.0):
        both = (np.hypot(y, x) < first) & (np.hypot(y, x - apart) < second)
        area = _overlap(first, second, np.array([apart]))[0]
        assert area == pytest.approx(both.sum() * 0.004**2, abs=5e-3)
