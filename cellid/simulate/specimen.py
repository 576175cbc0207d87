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

_ROOM_UM2 = 650.0  # median area of the sheet, weighed by its profile, at the default density
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
    thickness, organelles, cytoplasm = _draw_bodies(cells, canvas, settings, rng)
    path = settings.index_step * thickness
    path += organelles * (1 - nuclei.cover) * _organelles(canvas, rng)
    path += nuclei.path_um
    path += nuclei.cover * 0.0015 * _grain(canvas, 0.9, rng)
    path += _debris(canvas, settings, rng)
    path += 0.0004 * _grain(canvas, 1.0, rng)  # protein grains of the medium and the plastic
    dna = nuclei.dna * (1 + 0.16 * _grain(canvas, 0.9, rng))
    return Specimen(path, np.maximum(dna, 0), cytoplasm, nuclei.labels)


def _draw_bodies(
    cells: Cells, canvas: Canvas, settings: SimulateSettings, rng: np.random.Generator
) -> tuple[Frame, Frame, Frame]:
    """Return thickness in µm, density of organelles and dye of the cytoplasm.

    A cell is a thin sheet, the lamella, that rises to a dome over the nucleus and holds
    the cell's volume, so that well-spread cells are faint. Cells squeezed together
    lose volume (Devany et al. 2023, Dev. Cell 58:1462), here as the root of their room; a
    groove runs between them, deep where the contact is loose. Organelles crowd
    round one side of the nucleus and leave the lamella clear.
    """
    flat = spreading(cells, settings)
    radius = nucleus_radius_um(cells, settings)
    sphere = np.cbrt(3 * settings.volume_um3 * cells["volume"] / (4 * np.pi))
    body = radius * (0.5 + 0.5 * np.sqrt(cells["aspect"])) + 1.8
    owner, spread, caps = _share_out(cells, body, flat, sphere, canvas)
    covered = owner >= 0
    own = owner[covered]
    seam = np.zeros_like(spread)
    seam[:, 1:] = (owner[:, 1:] != owner[:, :-1]) & covered[:, 1:] & covered[:, :-1]
    seam[1:] += (owner[1:] != owner[:-1]) & covered[1:] & covered[:-1]

    step = canvas.step_um
    swell = cv2.GaussianBlur(spread, (0, 0), 4.0 / step)[covered] ** 2
    fibre = 1 - cv2.GaussianBlur(spread, (0, 0), 1.2 / step)[covered]
    y, x = np.nonzero(covered)
    along, away = _turned(
        (y * step + canvas.origin_um[0]).astype(np.float32),
        (x * step + canvas.origin_um[1]).astype(np.float32),
        cells,
        own,
    )
    wide = body.astype(np.float32)[own]
    square = (along / 1.5) ** 2 + away**2
    dome = np.exp(-0.5 * (square / wide**2) ** 1.25)
    tension = (1 + np.sin(along * 0.09 + away * 0.06 + cells["seed"][own] % 7)) / 2
    sheet = spread[covered] * (swell * (0.14 + dome) + 0.3 * tension * fibre)
    room = np.maximum(np.bincount(own, sheet, len(cells)) * step**2, 200.0)  # cut off: not thicker
    rise = flat * settings.volume_um3 * cells["volume"] / np.sqrt(room * _ROOM_UM2)
    thickness = np.zeros(canvas.shape, np.float32)
    thickness[covered] = sheet * rise[own]
    loose = np.clip(0.2 + 0.3 * _grain(canvas, 12.0, rng), 0, 1)
    thickness *= 1 - np.minimum(loose * cv2.GaussianBlur(seam, (0, 0), 0.6 / step), 0.9)
    thickness = np.maximum(cv2.GaussianBlur(thickness, (0, 0), 0.5 / step), caps)
    organelles = np.zeros(canvas.shape, np.float32)
    lopsided = (along - np.sign(cells["bend"])[own] * 0.5 * wide) ** 2 / 1.7 + away**2
    beyond = np.maximum(np.sqrt(lopsided) - 0.8 * wide, 0)
    organelles[covered] = swell * np.exp(-beyond / 5.0) * (0.25 + 0.75 * flat[own])
    leak = (cells["bleed"] * cells["brightness"] * cells["stained"] / 3.0).astype(np.float32)
    cytoplasm = np.zeros(canvas.shape, np.float32)
    cytoplasm[covered] = leak[own]
    return thickness, organelles, cytoplasm * thickness


def _share_out(
    cells: Cells,
    body_um: NDArray[np.float64],
    flat: NDArray[np.float64],
    sphere_um: NDArray[np.float64],
    canvas: Canvas,
) -> tuple[NDArray[np.int32], Frame, Frame]:
    """Return whose each pixel is, -1 for none, its covered share, and round cells' height in µm.

    Where outlines overlap, the pixel is the cell's whose body is nearest, so that cells
    in contact tile.
    """
    owner = np.full(canvas.shape, -1, np.int32)
    spread = np.zeros(canvas.shape, np.float32)
    caps = np.zeros(canvas.shape, np.float32)
    nearest = np.full(canvas.shape, np.inf, np.float32)
    layout = lay_out(cells, body_um, flat)
    for index, cell in enumerate(cells):
        outline = cell_outline(layout, index, cell, flat[index], sphere_um[index])
        centre = np.array([cell["y"], cell["x"]]) - canvas.origin_um
        outline = (outline + centre) / canvas.step_um
        first = np.maximum(np.floor(outline.min((0, 1))).astype(int) - 2, 0)
        last = np.minimum(np.ceil(outline.max((0, 1))).astype(int) + 3, canvas.shape)
        if (first >= last).any():
            continue
        window = (slice(first[0], last[0]), slice(first[1], last[1]))
        cover = np.zeros(last - first, np.uint8)
        middle = np.broadcast_to(centre / canvas.step_um, (len(outline), 1, 2))
        sectors = np.concatenate([outline, middle], 1) - first
        for sector in np.round(sectors[..., ::-1] * 16).astype(np.int32):
            cv2.fillPoly(cover, sector[None], 255, cv2.LINE_AA, 4)
        y = np.arange(first[0], last[0])[:, None] * canvas.step_um + canvas.origin_um[0]
        x = np.arange(first[1], last[1])[None, :] * canvas.step_um + canvas.origin_um[1]
        along, away = _turned(y.astype(np.float32), x.astype(np.float32), cells, index)
        far = np.sqrt((along / 1.4) ** 2 + away**2) / body_um[index]
        far += 0.06 * np.sin(0.35 * along) * np.sin(0.35 * away + 1)  # no straight seams
        wins = (cover > 0) & (far < nearest[window])
        owner[window][wins] = index
        nearest[window][wins] = far[wins]
        np.maximum(spread[window], cover * np.float32(1 / 255), out=spread[window])
        if flat[index] < 1:
            cap = 2 * np.sqrt(np.maximum(sphere_um[index] ** 2 - along**2 - away**2, 0))
            caps[window] = np.maximum(caps[window], (1 - flat[index]) * cap)
    return owner, spread, caps


def _turned(
    y_um: Frame, x_um: Frame, cells: Cells, own: NDArray[np.int32] | int
) -> tuple[Frame, Frame]:
    """Return the places of pixels along and across the axes of the cells that own them, µm."""
    dy = y_um - cells["y"].astype(np.float32)[own]
    dx = x_um - cells["x"].astype(np.float32)[own]
    sin = np.sin(cells["axis"]).astype(np.float32)[own]
    cos = np.cos(cells["axis"]).astype(np.float32)[own]
    return dy * sin + dx * cos, dy * cos - dx * sin


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
    content = 0.014 * rng.lognormal(0, 0.8, count) / canvas.step_um**2
    np.add.at(spots, place, content.astype(np.float32))
    soft = cv2.GaussianBlur(spots, (0, 0), max(0.45 / canvas.step_um, 0.3))
    return np.asarray(soft + 0.012 * np.maximum(_grain(canvas, 2.0, rng), 0), np.float32)


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
