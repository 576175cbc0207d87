"""Nuclei in label-free frames, by a trained run."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.measure import regionprops_table

from cellid.evaluation.counting import count_by_area, count_components
from cellid.imaging.geometry import rescale_frame, rescale_labels
from cellid.imaging.instances import drop_small, grow_labels, label_nuclei
from cellid.models.inference import infer_probability
from cellid.models.run import Run, preprocess
from cellid.types import Frame, Labels

_PROPERTIES = (
    "label",
    "area",
    "centroid",
    "bbox",
    "eccentricity",
    "solidity",
    "axis_major_length",
    "axis_minor_length",
    "intensity_mean",
)
_BATCH = 1  # a tile is large; more at once gains nothing on a CPU and costs memory


@dataclass(frozen=True)
class Nuclei:
    """What was found in one frame.

    Attributes
    ----------
    labels : (Y, X) int32
        Nuclei, one number each, in the geometry of the frame.
    probability : (Y, X) float32
        Of a nucleus, in the geometry of the frame.
    count_components : int
        Connected components of the nucleus mask.
    count_area : float
        Nucleus area over that of a typical nucleus (section 8.6).
    """

    labels: Labels
    probability: Frame
    count_components: int
    count_area: float

    @property
    def count(self) -> int:
        """Number of nuclei, touching ones apart."""
        return int(self.labels.max(initial=0))


def find_nuclei(run: Run, image: NDArray[np.generic], pixel_size_um: float | None) -> Nuclei:
    """Find the nuclei of one phase-contrast or brightfield frame of any size.

    Parameters
    ----------
    run : Run
        As from `load_run`.
    image : (Y, X) or (Y, X, C) array
        As the camera gave it.
    pixel_size_um : float or None
        µm a pixel; if it and that of the training are known, their ratio is made up for.

    Returns
    -------
    Nuclei
    """
    config = run.config
    scale = run.input_scale(pixel_size_um)
    small = preprocess(image, scale, config.nucleus_diameter_px)
    probability = infer_probability(
        run.model, config.recipe.model, small, config.recipe.predict.tile_px, _BATCH
    )
    found = label_nuclei(probability, config.threshold, config.seed_distance_px, config.min_area_px)
    shape = image.shape[:2]
    full = rescale_frame(probability, shape)
    if found.shape == shape:
        labels = found
    else:
        # The outline is that of the smoothly enlarged probability; the numbers come from
        # the network's scale, grown a little so that they reach that outline
        mask = full >= config.threshold
        labels = drop_small(rescale_labels(grow_labels(found), shape) * mask, min_area_px=1)
    return Nuclei(
        labels,
        full,
        count_components(labels > 0, connectivity=8),
        count_by_area(labels > 0, nucleus_area_px=config.nucleus_area_px / scale**2),
    )


def measure_nuclei(
    nuclei: Nuclei, image: NDArray[np.generic], pixel_size_um: float | None
) -> pd.DataFrame:
    """Return a table with a row a nucleus.

    Parameters
    ----------
    nuclei : Nuclei
    image : (Y, X) array
        The frame, for the mean intensity.
    pixel_size_um : float or None

    Returns
    -------
    DataFrame
        scikit-image's `regionprops` names, in pixels; ``score``, the mean probability; and
        ``area_um2`` where the pixel size is known.
    """
    table = pd.DataFrame(
        regionprops_table(nuclei.labels, intensity_image=image, properties=_PROPERTIES)
    )
    totals = np.bincount(nuclei.labels.ravel(), weights=nuclei.probability.ravel())
    table["score"] = totals[table["label"]] / table["area"]
    if pixel_size_um is not None:
        table["area_um2"] = table["area"] * pixel_size_um**2
    return table
