"""From light to files: illumination, blur, noise and grey levels of both channels."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.config import SimulateSettings
from cellid.simulate.specimen import Specimen
from cellid.types import Frame

_GREY = 128.0  # background of an 8-bit Incucyte phase image
_PIXEL = 0.45  # blur by the area of a pixel and its cross-talk, pixels
_FOCUS_UM = (0.45, 1.6, 5.0)  # blur of nuclei in focus, soft and far out
_ZERO = 20.0  # counts of a dark pixel, so that read noise is not cut off


@dataclass(frozen=True)
class Lamp:
    """Uneven light of one tile, the same at all times.

    Attributes
    ----------
    slope : (Y, X) float32
        A plane from -1 to 1 in a random direction.
    falloff : (Y, X) float32
        0 at a point near the middle, about 1 in the corners, as a square of distance.
    clouds : (Y, X) float32
        Smooth random shading of unit variance: the medium's meniscus, condensed water.
    """

    slope: Frame
    falloff: Frame
    clouds: Frame


def draw_lamp(shape: tuple[int, int], rng: np.random.Generator) -> Lamp:
    """Return a random uneven light for a canvas of ``shape``."""
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    angle = rng.uniform(0, 2 * np.pi)
    sin, cos = np.float32(np.sin(angle)), np.float32(np.cos(angle))
    cy, cx = rng.normal(0, 0.15, 2).astype(np.float32)
    slope = np.asarray((y * sin + x * cos) / (abs(sin) + abs(cos)), np.float32)
    falloff = np.asarray(((y - cy) ** 2 + (x - cx) ** 2) / 2, np.float32)
    coarse = rng.standard_normal((shape[0] // 90 + 3, shape[1] // 90 + 3), np.float32)
    clouds = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return Lamp(slope, np.minimum(falloff, 1), np.asarray(clouds, np.float32))


def phase_levels(
    intensity: Frame, lamp: Lamp, settings: SimulateSettings, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the 8-bit phase image of an intensity.

    Parameters
    ----------
    intensity : (Y, X) float32
        1 is the background.
    lamp : Lamp
    settings : SimulateSettings
    rng : numpy.random.Generator

    Returns
    -------
    (Y, X) uint8
        The background is about 128, as in an Incucyte's export.
    """
    lit = 1 + 0.035 * lamp.slope - 0.05 * lamp.falloff + 0.005 * lamp.clouds
    seen = cv2.GaussianBlur(intensity, (0, 0), _PIXEL)
    image = lit * (1 + settings.phase_gain * (seen - 1))
    image += settings.phase_noise * rng.standard_normal(intensity.shape, np.float32)
    # Rows and, less, columns of a CMOS chip have read-out noise of their own.
    for shape, share in (((len(image), 1), 0.3), ((1, image.shape[1]), 0.15)):
        image += share * settings.phase_noise * rng.standard_normal(shape, np.float32)
    levels: NDArray[np.uint8] = np.clip(np.round(_GREY * image), 0, 255).astype(np.uint8)
    return levels


def stain_image(
    specimen: Specimen, lamp: Lamp, settings: SimulateSettings, rng: np.random.Generator
) -> Frame:
    """Return the stain image of a specimen, in whole camera counts.

    Nuclei are blurred by their depth, all light by a wide haze; the lamp falls off
    to the corners, the medium glows; then come photon noise and read noise.

    Parameters
    ----------
    specimen : Specimen
    lamp : Lamp
    settings : SimulateSettings
    rng : numpy.random.Generator

    Returns
    -------
    (Y, X) float32
        Electrons above the camera's zero, never negative.
    """
    step = settings.pixel_size_um
    light = specimen.cytoplasm.copy()
    for layer, blur in zip(specimen.dna, _FOCUS_UM, strict=True):
        light += cv2.GaussianBlur(layer, (0, 0), max(blur / step, 0.3))
    small = cv2.resize(light, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    haze = cv2.GaussianBlur(small, (0, 0), 14.0 / (8 * step))
    light += 0.1 * cv2.resize(haze, light.shape[::-1], interpolation=cv2.INTER_LINEAR)
    lit = 1 - settings.vignetting * lamp.falloff
    medium = settings.background_photons * (1 + 0.25 * lamp.slope)
    electrons = rng.poisson(lit * (settings.stain_photons * light + medium)).astype(np.float32)
    electrons += settings.read_noise * rng.standard_normal(light.shape, np.float32)
    return np.maximum(np.round(electrons + np.float32(_ZERO)), 0)
