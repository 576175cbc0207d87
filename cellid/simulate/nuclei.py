"""Nuclei of one tile: outline, optical path, chromatin and truth labels."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellid.config import SimulateSettings
from cellid.simulate.population import Cells, is_rounded, nucleus_radius_um
from cellid.types import Frame, Labels

_NUCLEOLI = 4
_RIM_UM = 0.7


@dataclass(frozen=True)
class Nuclei:
    """Maps of all nuclei of a canvas.

    Attributes
    ----------
    labels : (Y, X) int32
        Cell number where a pixel's centre lies within a nucleus; of two that
        overlap, the one that holds it deeper.
    cover : (Y, X) float32
        Share of each pixel within a nucleus.
    path_um : (Y, X) float32
        Optical path added by nuclei: bulge, envelope and nucleoli, µm.
    dna : (3, Y, X) float32
        Chromatin that holds the dye, by depth of focus; 1 is a typical nucleus.
    """

    labels: Labels
    cover: Frame
    path_um: Frame
    dna: Frame


def draw_nuclei(
    cells: Cells,
    shape: tuple[int, int],
    origin_um: tuple[float, float],
    settings: SimulateSettings,
) -> Nuclei:
    """Draw every nucleus that lies on the canvas.

    A nucleus is an ellipse with a gently uneven outline. It is drawn by the
    distance of a pixel's centre from that outline, which makes image and truth
    agree to a fraction of a pixel. Dividing cells show the plate of condensed
    chromosomes instead, with no envelope and no nucleoli.

    Parameters
    ----------
    cells : (N,) structured array of `population.CELL`
    shape : (int, int)
        Rows and columns of the canvas.
    origin_um : (float, float)
        Place of its first pixel centre, y and x.
    settings : SimulateSettings

    Returns
    -------
    Nuclei
    """
    drawn = Nuclei(
        np.zeros(shape, np.int32),
        np.zeros(shape, np.float32),
        np.zeros(shape, np.float32),
        np.zeros((3, *shape), np.float32),
    )
    step = settings.pixel_size_um
    radius = nucleus_radius_um(cells, settings)
    dividing = is_rounded(cells, settings)
    aspect = np.where(dividing, 2.6, cells["aspect"])
    size = np.where(dividing, 0.68, 1.0) * radius
    half_px = np.ceil((1.25 * size * np.sqrt(aspect) + 1.5) / step).astype(int)
    dye = _dye_density(cells, size, settings)
    depth = np.full(shape, -np.inf, np.float32)
    for index, cell in enumerate(cells):
        centre = (np.array([cell["y"], cell["x"]]) - origin_um) / step
        low = np.round(centre).astype(int) - half_px[index]
        high = low + 2 * half_px[index] + 1
        first, last = np.maximum(low, 0), np.minimum(high, shape)
        if (first >= last).any():
            continue
        window = (slice(first[0], last[0]), slice(first[1], last[1]))
        dy = ((np.arange(first[0], last[0]) - centre[0]) * step)[:, None]
        dx = ((np.arange(first[1], last[1]) - centre[1]) * step)[None, :]
        shapes = np.random.default_rng(int(cell["seed"]))
        along = dy * math.sin(cell["axis"]) + dx * math.cos(cell["axis"])
        away = dy * math.cos(cell["axis"]) - dx * math.sin(cell["axis"])
        share, inner = _outline(along, away, size[index], aspect[index], shapes)
        cover = np.clip(inner / step + 0.5, 0, 1)
        bulk = cover * np.maximum(1 - share**2, 0.0) ** 0.35
        deeper = (inner > 0) & (inner > depth[window])
        drawn.labels[window][deeper] = cell["id"]
        np.maximum(depth[window], inner, out=depth[window], casting="same_kind")
        np.maximum(drawn.cover[window], cover, out=drawn.cover[window], casting="same_kind")
        if dividing[index]:
            drawn.path_um[window] += 0.05 * bulk
        else:
            bodies = _nucleoli(along, away, size[index], aspect[index], shapes)
            rim = np.exp(-((inner / _RIM_UM) ** 2))
            drawn.path_um[window] += 0.013 * bulk + 0.013 * rim + 0.045 * bodies * cover
            bulk = bulk * (1 - 0.55 * bodies)
        drawn.dna[cell["focus"]][window] += dye[index] * bulk
    return drawn


def _dye_density(
    cells: Cells, size_um: NDArray[np.float64], settings: SimulateSettings
) -> NDArray[np.float64]:
    """Return the dye of each nucleus a unit of area, 1 for a typical one: ``(N,)``.

    The DNA doubles in the middle of the cycle (S phase) and then thins out over
    the nucleus's area; a cell without the dye keeps a trace.
    """
    phase = np.clip(cells["age_h"] / cells["cycle_h"], 0, 1)
    copies = 1 + np.clip((phase - 0.4) / 0.35, 0, 1)
    area = (2 * size_um / settings.nucleus_diameter_um) ** 2
    density = cells["brightness"] * (copies / 1.3 / area) ** 0.7
    return np.asarray(np.where(cells["stained"], density, 0.02 * density))


def _outline(
    along: NDArray[np.float64],
    away: NDArray[np.float64],
    size_um: float,
    aspect: float,
    shapes: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return distance from the centre as a share of the outline's, and µm inside it."""
    stretch = math.sqrt(aspect)
    u, v = along / stretch, away * stretch
    angle = np.arctan2(v, u)
    edge = np.ones_like(angle)
    for order, weight in ((2, 0.05), (3, 0.045), (4, 0.02)):
        wave, shift = shapes.normal(0, weight), shapes.uniform(0, 2 * np.pi)
        edge += wave * np.cos(order * angle + shift)
    share = np.hypot(u, v) / (size_um * edge)
    # First order: how far, divided by how fast it changes on the way out.
    distance = np.hypot(along, away)
    inner = (1 - share) * np.where(share > 1e-6, distance / np.maximum(share, 1e-6), size_um)
    return share, inner


def _nucleoli(
    along: NDArray[np.float64],
    away: NDArray[np.float64],
    size_um: float,
    aspect: float,
    shapes: np.random.Generator,
) -> NDArray[np.float64]:
    """Return how much of each pixel's depth is nucleolus, 0 to about 1."""
    stretch = math.sqrt(aspect)
    bodies = np.zeros_like(along)
    for _ in range(int(shapes.integers(1, _NUCLEOLI + 1))):
        distance = size_um * 0.62 * math.sqrt(shapes.random())
        turn = shapes.uniform(0, 2 * np.pi)
        radius = size_um * shapes.uniform(0.12, 0.25)
        square = (along - distance * stretch * math.cos(turn)) ** 2
        square = square + (away - distance / stretch * math.sin(turn)) ** 2
        bodies = np.maximum(bodies, shapes.uniform(0.4, 1) * np.exp(-square / radius**2))
    return bodies
