"""The thesis's label method: Fiji's CLAHE and CellProfiler's IdentifyPrimaryObjects."""

import numpy as np
from numpy.typing import NDArray

from cellid.config import LabelSettings, ReferenceLabelSettings
from cellid.imaging.clahe import clahe, to_uint8
from cellid.labeling.objects import fill_holes, filter_objects, smooth_gaussian, split_touching
from cellid.labeling.threshold import adaptive_otsu_threshold
from cellid.types import Labels


def label_reference(stain: NDArray[np.generic], settings: LabelSettings) -> Labels:
    """Label the nuclei of a stain image as the thesis did (section 5.2.3).

    Parameters
    ----------
    stain : (Y, X) array
        Any real dtype; converted to 8 bit over its own range first, as Fiji does.
    settings : LabelSettings
        ``clahe`` and ``reference`` are used.

    Returns
    -------
    (Y, X) int32
    """
    return identify_objects(clahe(to_uint8(stain), settings.clahe), settings.reference)


def identify_objects(image: NDArray[np.uint8], settings: ReferenceLabelSettings) -> Labels:
    """Find bright objects with CellProfiler's IdentifyPrimaryObjects.

    Adaptive two-class Otsu, holes filled, touching objects parted by intensity,
    objects on the border or outside the diameter range dropped; all other settings
    of the module at their defaults (CellProfiler 4.2.8).

    Parameters
    ----------
    image : (Y, X) uint8
        Grey levels, read as 0 to 1.
    settings : ReferenceLabelSettings
        Diameters, threshold bounds and window.

    Returns
    -------
    (Y, X) int32
    """
    intensity = image.astype(np.float32) / np.float32(255)
    threshold = adaptive_otsu_threshold(
        image, settings.window_px, settings.threshold_min, settings.threshold_max
    )
    # CellProfiler's threshold smoothing scale of 1.3488 is a σ of one pixel, cut at 4 σ
    foreground = smooth_gaussian(intensity, sigma_px=1.0, radius_px=4) >= threshold
    filled = fill_holes(foreground, settings.max_diameter_px**2)
    objects = split_touching(intensity, filled, settings.min_diameter_px)
    return filter_objects(objects, settings.min_diameter_px, settings.max_diameter_px)
