"""The way in: one stain image, the method of the settings, one label image."""

import numpy as np
from numpy.typing import NDArray

from cellid.config import LabelSettings
from cellid.labeling.auto import label_auto
from cellid.labeling.drawn import part_mask
from cellid.labeling.reference import label_reference
from cellid.types import Labels, check_labels


def label_stain(stain: NDArray[np.generic], settings: LabelSettings) -> Labels:
    """Find the nuclei of a stain image with the method that the settings name.

    Parameters
    ----------
    stain : (Y, X) array, uint8, uint16 or float32
        Image of the nuclear stain, nuclei brighter than their surroundings; with the
        method ``given``, labels, or a mask of one number.
    settings : LabelSettings

    Returns
    -------
    (Y, X) int32
        0 is background, nuclei are numbered from 1 (with ``given`` as in ``stain``).

    Raises
    ------
    CellidError
        If ``stain`` is not one two-dimensional image, or not what the method reads.
    """
    if settings.method == "given":
        return part_mask(check_labels(stain, "stain file"), settings.split_distance)
    if settings.method == "reference":
        return label_reference(stain, settings)
    return label_auto(stain, settings).labels
