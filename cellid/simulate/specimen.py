"""What lies on the plate at one time: optical path, dye and true nuclei of a tile."""

import math
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from cellid.config import SimulateSettings
from cellid.simulate.nuclei import draw_nuclei
from cellid.simulate.outlines import cell_outline, lay_out
from cellid.simulate.population import MARGIN_UM, Cells, nucleus_radius_um, spreading
from cellid.types import Frame, Labels

Scalar = TypeVar("Scalar", bound=np.generic)

_BORDER_UM = 30.0  # of specimen around the image: halos reach in from outside


@dataclass(frozen=True)
class Canvas:
    """The pixel grid that a tile is drawn on: the image and a border around it.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns, sizes that Fourier transforms are fast at.
    top_px, left_px : int
        Where the image begins on the canvas.
    origin_um : (float, float)
        Place of the canvas's first pixel centre on the plate, y and x.
    step_um : float
        µm a pixel.
    """

    shape: tuple[int, int]
    top_px: int
    left_px: int
    origin_um: tuple[float, float]
    step_um: float

    def crop(self, array: NDArray[Scalar], settings: SimulateSettings) -> NDArray[Scalar]:
        """Return the image's part of a canvas array, ``(Y, X)``."""
        rows = slice(self.top_px, self.top_px + settings.height_px)
        columns = slice(self.left_px, self.left_px + settings.width_px)
        return array[rows, columns]


@dataclass(frozen=True)
class Specimen:
    """Maps of one tile at one time, all on the canvas.

    Attributes
    ----------
    path_um : (Y, X) float32
        Optical path beyond the medium's, µm.
    dna : (3, Y, X) float32
        Dye on chromatin at three depths of focus; 1 is a typical nucleus.
    cytoplasm : (Y, X) float32
        Dye outside the nuclei, in the same unit.
    labels : (Y, X) int32
        The number of the cell, `population.CELL`'s ``id``, whose nucleus covers the pixel.
    """

    path_um: Frame
    dna: Frame
    cytoplasm: Frame
    labels: Labels


def make_canvas(settings: SimulateSettings, drift_um: tuple[float, float]) -> Canvas:
    """Return the canvas of an image taken where the stage has drifted to, (y, x) in µm."""
    step = settings.pixel_size_um
    border = math.ceil(_BORDER_UM / step)
    height, width = settings.height_px, settings.width_px
    rows, columns = next_fast_len(height + 2 * border), next_fast_len(width + 2 * border)
    top, left = (rows - height) // 2, (columns - width) // 2
    origin = (MARGIN_UM + drift_um[0] - top * step, MARGIN_UM + drift_um[1] - left * step)
    return Canvas((rows, columns), top, left, origin, step)


def draw_specimen(
    cells: Cells, canvas: Canvas, settings: SimulateSettings, rng: np.random.Generator
) -> Specimen:
    """Draw the cells, their nuclei and organelles, and debris.

    Parameters
    ----------
    cells : (N,) structured array of `population.CELL`
    canvas : Canvas
    settings : SimulateSettings
    rng : numpy.random.Generator
        Of this frame: organelles and debris rearrange within minutes.

    Returns
    -------
    Specimen
    """
    nuclei = draw_nuclei(cells, canvas.shape, canvas.origin_um, settings)
    thickness, organelles, cytoplasm = _draw_bodies(cells, canvas, settings)
    organelles *= 1 - 0.9 * nuclei.cover
    path = settings.index_step * thickness
    path *= 1 + 0.08 * _grain(canvas, 4.0, rng)
    path += organelles * _organelles(canvas, rng)
    path += nuclei.path_um
    path += nuclei.cover * 0.004 * _grain(canvas, 0.7, rng)
    path += _debris(canvas, settings, rng)
    path += 0.0006 * _grain(canvas, 1.0, rng)  # protein grains of the medium and the plastic
    dna = nuclei.dna * (1 + 0.16 * _grain(canvas, 0.9, rng))
    return Specimen(path, np.maximum(dna, 0), cytoplasm, nuclei.labels)


def _draw_bodies(
    cells: Cells, canvas: Canvas, settings: SimulateSettings
) -> tuple[Frame, Frame, Frame]:
    """Return thickness in µm, density of organelles and dye of the cytoplasm."""
    thickness = np.zeros(canvas.shape, np.float32)
    organelles = np.zeros_like(thickness)
    cytoplasm = np.zeros_like(thickness)
    flat = spreading(cells, settings)
    radius = nucleus_radius_um(cells, settings)
    volume = settings.volume_um3 * cells["volume"]
    sphere = np.cbrt(3 * volume / (4 * np.pi))
    body = radius * (0.5 + 0.5 * np.sqrt(cells["aspect"])) + 1.8
    layout = lay_out(cells, body, flat)
    for index, cell in enumerate(cells):
        outline = cell_outline(layout, index, cell, flat[index], sphere[index])
        centre = np.array([cell["y"], cell["x"]]) - canvas.origin_um
        outline = (outline + centre) / canvas.step_um
        low = np.floor(outline.min((0, 1))).astype(int) - 2
        high = np.ceil(outline.max((0, 1))).astype(int) + 3
        first, last = np.maximum(low, 0), np.minimum(high, canvas.shape)
        if (first >= last).any():
            continue
        height, weight = _body_profile(
            outline - low,
            high - low,
            centre / canvas.step_um - low,
            canvas.step_um,
            cell,
            body[index],
            flat[index],
            sphere[index],
            volume[index],
        )
        window = (slice(first[0], last[0]), slice(first[1], last[1]))
        part = (
            slice(first[0] - low[0], last[0] - low[0]),
            slice(first[1] - low[1], last[1] - low[1]),
        )
        thickness[window] += height[part]
        organelles[window] += weight[part]
        cytoplasm[window] += (cell["bleed"] * cell["brightness"] * cell["stained"] / 3.0) * height[
            part
        ]
    return thickness, organelles, cytoplasm


def _body_profile(
    outline: NDArray[np.float64],
    size: NDArray[np.int_],
    centre: NDArray[np.float64],
    step_um: float,
    cell: np.void,
    body_um: float,
    flat: float,
    sphere_um: float,
    volume_um3: float,
) -> tuple[Frame, Frame]:
    """Return thickness in µm and density of organelles within the box of one cell.

    The profile is a thin sheet with a dome over the nucleus, scaled to hold the
    cell's volume, so that well-spread cells are thin and faint.
    """
    cover = np.zeros(size, np.uint8)
    middle = np.broadcast_to(centre, (len(outline), 1, 2))
    sectors = np.concatenate([outline, middle], 1)[..., ::-1]
    for sector in np.round(sectors * 16).astype(np.int32):
        cv2.fillPoly(cover, sector[None], 255, cv2.LINE_AA, 4)
    inside = cv2.distanceTransform((cover > 127).astype(np.uint8), cv2.DIST_L2, 3) * step_um
    share = cover * np.float32(1 / 255)
    dy = (np.arange(size[0], dtype=np.float32)[:, None] - centre[0]) * step_um
    dx = (np.arange(size[1], dtype=np.float32)[None, :] - centre[1]) * step_um
    sin, cos = math.sin(cell["axis"]), math.cos(cell["axis"])
    along = (dy * sin + dx * cos).astype(np.float32)
    away = (dy * cos - dx * sin).astype(np.float32)
    square = (along / 1.5) ** 2 + away**2
    dome = np.exp(square * np.float32(-0.5 / (1.05 * body_um) ** 2))
    # Steep where the edge is drawn in, shallow where a lamella creeps forward.
    slope = np.sin(
        along * np.float32(0.11) + away * np.float32(0.07) + np.float32(cell["bend"] * 9)
    )
    edge = 1 - np.exp(-inside / (0.5 * 3.2 ** (1 + slope)))
    ridge = 0.22 * (1 - slope) * np.exp(-inside / 1.8)  # the taut fibres of a drawn-in edge
    sheet = share * (edge * (0.12 + 0.5 * dome + 0.08 * np.minimum(inside, 9.0) + ridge) + 0.06)
    height = sheet * (flat * volume_um3 / (float(sheet.sum()) * step_um**2))
    if flat < 1:
        cap = np.sqrt(np.maximum(sphere_um**2 - along**2 - away**2, 0))
        height += cap * ((1 - flat) * volume_um3 / (float(cap.sum()) * step_um**2))
    beyond = np.maximum(np.sqrt(square) - 0.8 * body_um, 0)
    weight = share * edge * np.exp(beyond * np.float32(-1 / 9.0)) * (0.25 + 0.75 * flat)
    return height, weight


def _grain(canvas: Canvas, size_um: float, rng: np.random.Generator) -> Frame:
    """Return a random texture of unit variance with grains of about ``size_um``."""
    noise = rng.standard_normal(canvas.shape, np.float32)
    sigma = 0.5 * size_um / canvas.step_um
    if sigma < 0.3:
        return noise
    blurred = cv2.GaussianBlur(noise, (0, 0), sigma)
    return np.asarray(blurred / float(blurred[::7, ::7].std()), np.float32)


def _organelles(canvas: Canvas, rng: np.random.Generator) -> Frame:
    """Return the optical path of organelles at full density, µm.

    Vesicles and lipid droplets are bright points 0.5-2 µm across; the network
    of mitochondria and reticulum is a fine grain.
    """
    area = canvas.shape[0] * canvas.shape[1] * canvas.step_um**2
    count = int(rng.poisson(0.03 * area))
    spots = np.zeros(canvas.shape, np.float32)
    place = tuple(rng.integers(side, size=count) for side in canvas.shape)
    # The path of a droplet times its area, spread over the pixel it falls on.
    content = 0.009 * rng.lognormal(0, 0.8, count) / canvas.step_um**2
    np.add.at(spots, place, content.astype(np.float32))
    soft = cv2.GaussianBlur(spots, (0, 0), max(0.45 / canvas.step_um, 0.3))
    return np.asarray(soft + 0.004 * _grain(canvas, 1.8, rng), np.float32)


def _debris(canvas: Canvas, settings: SimulateSettings, rng: np.random.Generator) -> Frame:
    """Return the optical path of round particles lying about, µm."""
    path = np.zeros(canvas.shape, np.float32)
    step = canvas.step_um
    area = canvas.shape[0] * canvas.shape[1] * (step * 1e-3) ** 2
    for _ in range(int(rng.poisson(settings.debris_per_mm2 * area))):
        radius = min(0.8 * rng.lognormal(0, 0.45), 3.0)
        half = math.ceil(radius / step) + 1
        y, x = rng.uniform(half + 1, np.array(canvas.shape) - half - 1)
        rows = np.arange(int(y) - half, int(y) + half + 1)
        columns = np.arange(int(x) - half, int(x) + half + 1)
        square = ((rows - y)[:, None] ** 2 + (columns - x) ** 2) * step**2
        chord = 2 * np.sqrt(np.maximum(radius**2 - square, 0))
        path[np.ix_(rows, columns)] += rng.uniform(0.02, 0.09) * chord
    return path
