"""Outlines of cells: adhesion sites joined by the inward arcs of tense fibres."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from cellid.simulate.population import TIPS, Cells

_ARC = np.linspace(0, 1, 14)[:, None]
_FAN = np.linspace(0, 1, 7)[1:-1, None]
_STEPS = np.arange(1, 11) / 10
_SECTORS = 12
_TENSION_UM = 2.2  # corners sharper than this are rounded by the membrane's tension
_OVERLAP_UM = 1.5  # a stopped process lies this deep under its neighbour


@dataclass(frozen=True)
class Layout:
    """Adhesion sites of all cells, in order round each cell; unused places are 0.

    Attributes
    ----------
    count : (N,) int
        Number of sites.
    angle : (N, TIPS) float64
        Radians from the cell's axis, increasing.
    reach : (N, TIPS) float64
        Distance from the nucleus's centre, µm.
    width : (N, TIPS) float64
        Width of the fan at the site, µm.
    waist : (N, TIPS) float64
        Distance of the edge half-way to the next site, µm.
    """

    count: NDArray[np.int_]
    angle: NDArray[np.float64]
    reach: NDArray[np.float64]
    width: NDArray[np.float64]
    waist: NDArray[np.float64]


def lay_out(cells: Cells, body_um: NDArray[np.float64], flat: NDArray[np.float64]) -> Layout:
    """Place the adhesion sites of every cell among its neighbours.

    A process ends just past where another nucleus becomes the nearest one, as
    crawling cells stop on contact (Abercrombie & Heaysman 1954); cells in contact
    fill the room between their processes, so that groups close up to a sheet.

    Parameters
    ----------
    cells : (N,) structured array of `population.CELL`
    body_um : (N,) float64
        Least distance of an edge from the nucleus's centre, µm.
    flat : (N,) float64
        0 a sphere, 1 spread out; cells that are flattening have no deep bays yet.

    Returns
    -------
    Layout
    """
    used = cells["tip_reach"] > 0
    count = used.sum(1)
    angle = np.where(used, cells["tip_angle"] % (2 * np.pi), np.inf)
    order = np.argsort(angle, 1)
    angle = np.take_along_axis(angle, order, 1)
    wanted = np.take_along_axis(cells["tip_reach"], order, 1)
    width = np.take_along_axis(cells["tip_width"], order, 1)
    free = np.take_along_axis(cells["tip_free"], order, 1)
    used = np.isfinite(angle)
    angle[~used] = 0
    room = _room(cells, angle, wanted)
    reach = np.where(free, wanted, np.minimum(wanted, room))
    reach = np.where(used, np.maximum(reach, body_um[:, None]), 0)
    row = np.arange(len(cells))[:, None]
    following = (np.arange(TIPS) + 1) % np.maximum(count, 1)[:, None]
    gap = (angle[row, following] - angle) % (2 * np.pi)
    body = body_um[:, None]
    chord = np.minimum(wanted, wanted[row, following]) * np.maximum(np.cos(gap / 2), 0.25)
    fullness = 1 - (1 - cells["fullness"]) * flat
    open_waist = body + fullness[:, None] * np.maximum(chord - body, 0)
    closed = np.maximum(0.8 * chord, np.where(gap > 2.2, 1.1, 1.5) * body)
    room = _room(cells, angle + gap / 2, closed)
    waist = np.where(np.isfinite(room), room, open_waist)
    waist = np.maximum(waist, 1.15 * body)
    return Layout(count, angle, reach, width, waist)


def _room(
    cells: Cells, angle: NDArray[np.float64], reach_um: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far each cell may go along its directions before it meets a neighbour.

    Infinite where it meets none within ``reach_um``.
    """
    if len(cells) < 2:
        return np.full(reach_um.shape, np.inf)
    place = np.stack([cells["y"], cells["x"]], 1)
    turned = (cells["axis"][:, None] + angle)[..., None]
    along = reach_um[..., None] * _STEPS
    points = place[:, None, None, :] + along[..., None] * np.stack(
        [np.sin(turned), np.cos(turned)], -1
    )
    _, owner = cKDTree(place).query(points.reshape(-1, 2))
    mine = owner.reshape(along.shape) == np.arange(len(cells))[:, None, None]
    steps = np.cumprod(mine, -1).sum(-1)
    return np.where(steps == len(_STEPS), np.inf, (steps + 0.5) / 10 * reach_um + _OVERLAP_UM)


def cell_outline(
    layout: Layout, index: int, cell: np.void, flat: float, round_um: float
) -> NDArray[np.float64]:
    """Return the outline of one cell, site by site.

    Between neighbouring adhesion sites the edge of a tense cell is an inward arc
    (Bischofs et al. 2008, Biophys. J. 95:3488), drawn here as a Bézier-like curve
    that keeps clear of the nucleus; each site ends in an outward fan.

    Parameters
    ----------
    layout : Layout
    index : int
        Which cell of the layout.
    cell : one record of `population.CELL`
    flat : float
        0 a sphere, 1 spread out.
    round_um : float
        Radius of the sphere, µm.

    Returns
    -------
    (12, P, 2) float64
        y, x in µm from the nucleus's centre; each row runs on to the start of the next,
        so that rows and centre make sectors whose union is the cell.
    """
    count = int(layout.count[index])
    angle = layout.angle[index, :count]
    reach = layout.reach[index, :count]
    half = np.minimum(0.5 * layout.width[index, :count], 0.7 * reach)
    head = np.stack([np.sin(angle), np.cos(angle)], 1)
    side = np.stack([np.cos(angle), -np.sin(angle)], 1)
    left = head * reach[:, None] + side * half[:, None]  # the corner at greater angle
    right = head * reach[:, None] - side * half[:, None]
    gap = np.diff(angle, append=angle[0] + 2 * np.pi)
    middle = angle + gap / 2
    outward = np.stack([np.sin(middle), np.cos(middle)], 1)
    following = np.roll(right, -1, 0)
    waist = layout.waist[index, :count]
    # Wide bays hug the body and leave slim processes: a spindle's outline.
    power = 2 + np.clip(gap - 1.0, 0, 2.0)
    end = 0.5**power  # weight of either end where the curve passes the middle
    control = (waist - end * ((left + following) * outward).sum(1)) / (1 - 2 * end)
    control = outward * np.maximum(control, 0.35 * waist)[:, None]
    bulge = head * (reach + 1.8 * half)[:, None]
    points = [right[:, None], _curve(right, bulge, left, _FAN, np.full(count, 2.0))]
    points.append(_curve(left, control, following, _ARC, power))
    return _bend(np.concatenate(points, 1), cell, flat, round_um)


def _curve(
    start: NDArray[np.float64],
    control: NDArray[np.float64],
    end: NDArray[np.float64],
    t: NDArray[np.float64],
    power: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the points of K curves, at power 2 quadratic Bézier curves: ``(K, T, 2)``."""
    exponent = power[:, None, None]
    first, last = (1 - t) ** exponent, t**exponent
    middle = 1 - first - last
    return np.asarray(
        first * start[:, None] + middle * control[:, None] + last * end[:, None], np.float64
    )


def _bend(
    outline: NDArray[np.float64], cell: np.void, flat: float, round_um: float
) -> NDArray[np.float64]:
    """Round the corners, ruffle the edge, curve the processes and round up the cell."""
    curve = _smooth(outline.reshape(-1, 2) @ np.array([1j, 1]))  # x + iy
    distance = np.abs(curve)
    ragged = np.random.default_rng(int(cell["seed"])).normal(0, 1.0, len(curve))
    ragged += 5.0 * np.maximum(ragged - 1.9, 0)  # retraction fibres
    rough = gaussian_filter1d(ragged, 1.0, mode="wrap") * np.minimum(distance / 30.0, 1)
    turn = np.exp(1j * (cell["axis"] + flat * cell["bend"] * distance / 100.0))
    distance = flat * (distance + rough) + (1 - flat) * round_um
    curve *= turn * distance / np.abs(curve)
    sectors = np.stack([curve.imag, curve.real], 1).reshape(_SECTORS, -1, 2)
    return np.concatenate([sectors, np.roll(sectors[:, :1], -1, 0)], 1)


def _smooth(closed: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return a closed curve at even steps of about 1.5 µm, its corners rounded."""
    ring = np.append(closed, closed[0])
    along = np.append(0.0, np.cumsum(np.abs(np.diff(ring))))
    count = _SECTORS * math.ceil(along[-1] / (1.5 * _SECTORS))
    even = np.interp(np.linspace(0, along[-1], count, endpoint=False), along, ring)
    sigma = _TENSION_UM * count / along[-1]
    return np.asarray(gaussian_filter1d(even, sigma, mode="wrap"), np.complex128)
