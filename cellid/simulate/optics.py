"""Phase-contrast image of an optical path, by Zernike's ring in Fourier space."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from cellid.config import SimulateSettings
from cellid.types import Frame


def phase_contrast(
    path_um: Frame, transfer: NDArray[np.complex64], settings: SimulateSettings
) -> Frame:
    """Return the intensity a phase-contrast microscope forms, 1 for the background.

    Parameters
    ----------
    path_um : (Y, X) float32
        Optical path beyond the medium's, µm; taken as periodic at the borders.
    transfer : (Y, X) complex64
        From `ring_transfer`.
    settings : SimulateSettings

    Returns
    -------
    (Y, X) float32
    """
    angle = path_um * np.float32(2 * math.pi / settings.wavelength_um)
    wave = np.exp(1j * angle).astype(np.complex64)
    spectrum = fft.fft2(wave, overwrite_x=True)
    spectrum *= transfer
    wave = fft.ifft2(spectrum, overwrite_x=True)
    intensity: Frame = (wave.real**2 + wave.imag**2) / np.float32(settings.ring_transmission)
    return intensity


def ring_transfer(shape: tuple[int, int], settings: SimulateSettings) -> NDArray[np.complex64]:
    """Return the factor of each spatial frequency in a phase-contrast microscope.

    The specimen turns the phase of the light by ``2π path/λ``. Each point of the
    annular source sends a plane wave; what the specimen leaves of it meets the
    objective's phase ring, which dims it and turns it a quarter wave. Diffracted
    light meets the ring too where its direction is close to that of another source
    point, which makes the halo and the shade-off (Zernike 1942, Physica 9:686;
    Born & Wolf, Principles of Optics, 8.6.3). The waves of all source points are
    replaced by their mean amplitude, so that one transform forward and one back do;
    Yin et al. (2012, Med. Image Anal. 16:1047) model the same microscope by a
    kernel of this form. A ring wider than a real one's stands for the spread of
    the lamp and gives the strong shade-off of low-power plate readers. Focus error
    is Fresnel's phase factor.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the canvas.
    settings : SimulateSettings

    Returns
    -------
    (Y, X) complex64
        Zero frequency first, as `scipy.fft.fft2` has it.
    """
    down = fft.fftfreq(shape[0], settings.pixel_size_um)[:, None]
    right = fft.fftfreq(shape[1], settings.pixel_size_um)[None, :]
    # In units of the aperture's radius, NA/λ; all is radial, so one profile serves.
    square = (down**2 + right**2) * (settings.wavelength_um / settings.aperture) ** 2
    grid = np.linspace(0, math.sqrt(float(square.max())), 4096)
    inner, outer = settings.ring
    area = math.pi * (outer**2 - inner**2)
    passed = (_overlap(outer, 1.0, grid) - _overlap(inner, 1.0, grid)) / area
    ringed = _overlap(outer, outer, grid) + _overlap(inner, inner, grid)
    ringed = (ringed - 2 * _overlap(outer, inner, grid)) / area
    turned = math.sqrt(settings.ring_transmission) * (1j if settings.bright_phase else -1j)
    frequency = np.sqrt(square)
    amplitude = np.interp(frequency, grid, passed)
    amplitude = amplitude + (turned - 1) * np.interp(frequency, grid, ringed)
    blur = math.pi * settings.defocus_um * settings.aperture**2 / settings.wavelength_um
    return np.asarray(amplitude * np.exp(-1j * blur * square)).astype(np.complex64)


def _overlap(first: float, second: float, distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the common area of two discs of given radii whose centres lie ``distance`` apart."""
    small, large = sorted((first, second))
    apart = np.clip(distance, large - small, large + small)
    safe = np.maximum(apart, 1e-12)
    near = np.arccos(np.clip((safe**2 + small**2 - large**2) / (2 * safe * small), -1, 1))
    far = np.arccos(np.clip((safe**2 + large**2 - small**2) / (2 * safe * large), -1, 1))
    product = (small + large - apart) * (apart + small - large)
    product = product * (apart - small + large) * (apart + small + large)
    area = small**2 * near + large**2 * far - 0.5 * np.sqrt(np.maximum(product, 0))
    return np.asarray(np.where(distance <= large - small, math.pi * small**2, area))
