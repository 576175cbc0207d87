"""Bodies of cells: they tile, rise to their nuclei and keep organelles round them."""

import numpy as np
import pytest

from cellid.config import SimulateSettings
from cellid.simulate.population import initial_cells, nucleus_radius_um
from cellid.simulate.specimen import _draw_bodies, _share_out, make_canvas

SETTINGS = SimulateSettings(height_px=300, width_px=300, seed=3, cells_per_mm2=400.0)
CANVAS = make_canvas(SETTINGS, (0.0, 0.0))


@pytest.fixture(scope="module")
def cells():
    cells = initial_cells(SETTINGS, np.random.default_rng(3))
    cells["age_h"] = 5.0  # spread, none dividing
    return cells


@pytest.fixture(scope="module")
def bodies(cells):
    return _draw_bodies(cells, CANVAS, SETTINGS, np.random.default_rng(1))


def centre_distances_um(cells):
    """Distance of each pixel from the nearest nucleus's centre."""
    y, x = np.indices(CANVAS.shape) * CANVAS.step_um
    dy = y[..., None] + CANVAS.origin_um[0] - cells["y"]
    dx = x[..., None] + CANVAS.origin_um[1] - cells["x"]
    return np.hypot(dy, dx).min(-1)


def test_every_nucleus_lies_in_its_own_cell(cells):
    body = nucleus_radius_um(cells, SETTINGS) + 2
    flat, sphere = np.ones(len(cells)), np.full(len(cells), 8.0)
    owner, spread, caps = _share_out(cells, body, flat, sphere, CANVAS)
    y = np.round((cells["y"] - CANVAS.origin_um[0]) / CANVAS.step_um).astype(int)
    x = np.round((cells["x"] - CANVAS.origin_um[1]) / CANVAS.step_um).astype(int)
    inside = (y >= 0) & (x >= 0) & (y < CANVAS.shape[0]) & (x < CANVAS.shape[1])
    np.testing.assert_array_equal(owner[y[inside], x[inside]], np.flatnonzero(inside))
    np.testing.assert_array_equal(owner >= 0, spread > 0)
    assert not caps.any()


def test_cells_rise_to_their_nuclei(cells, bodies):
    thickness, _, _ = bodies
    far = centre_distances_um(cells)
    lamella = thickness[(far > 25) & (thickness > 0.05)]
    assert np.median(thickness[far < 4]) > 4 * np.median(lamella)
    assert thickness.max() < 16  # no heap where outlines overlap


def test_organelles_lie_round_the_nucleus(cells, bodies):
    thickness, organelles, _ = bodies
    far = centre_distances_um(cells)
    lamella = organelles[(far > 30) & (thickness > 0.05)]
    assert organelles[(far > 9) & (far < 13)].mean() > 4 * lamella.mean()


def test_spread_cells_hold_about_the_volume_asked_for(cells, bodies):
    place = np.stack([cells["y"], cells["x"]], 1) - CANVAS.origin_um
    count = ((place > 0) & (place < np.multiply(CANVAS.shape, CANVAS.step_um))).all(1).sum()
    volume = bodies[0].sum() * CANVAS.step_um**2 / count
    assert volume == pytest.approx(SETTINGS.volume_um3, rel=0.35)
