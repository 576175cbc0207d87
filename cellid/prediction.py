"""Nuclei in label-free frames, one or a stream of them, by a trained run."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.measure import regionprops_table

from cellid.errors import CellidError
from cellid.evaluation.counting import count_by_area, count_components
from cellid.imaging.appearance import find_difference, measure_appearance
from cellid.imaging.geometry import rescale_frame, rescale_labels
from cellid.imaging.instances import drop_small, grow_labels, label_nuclei, nucleus_mask
from cellid.io.ahead import map_ahead
from cellid.models.inference import infer_maps
from cellid.models.run import Run, check_channels, preprocess
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
COUNTED = (
    "n_nuclei",
    "n_components",
    "n_by_area",
    "nucleus_share",
    "unlike_training",
    "unlike_in",
)
"""What `describe_counts` says of a frame."""

_Point = TypeVar("_Point")

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
    unlike : (str, float)
        The measure (`cellid.imaging.appearance`) in which the frame is least like the training
        images, and how far outside their range, in their standard deviations.
    """

    labels: Labels
    probability: Frame
    count_components: int
    count_area: float
    unlike: tuple[str, float] = ("", 0.0)

    @property
    def count(self) -> int:
        """Number of nuclei, touching ones apart."""
        return int(self.labels.max(initial=0))


@dataclass(frozen=True)
class FoundFrame:
    """A frame of a stream and its nuclei; or, where it cannot be read, why."""

    image: NDArray[np.generic] | None
    nuclei: Nuclei | None
    problem: CellidError | None = None

    def unpack(self) -> tuple[NDArray[np.generic], Nuclei]:
        """Return the frame and its nuclei, or raise the problem."""
        if self.image is None or self.nuclei is None:
            raise self.problem or RuntimeError("neither nuclei nor a problem")
        return self.image, self.nuclei


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

    Raises
    ------
    CellidError
        If the image has other channels than the training images.
    """
    small = _prepare(run, image, pixel_size_um)
    return _label(run, small, _infer(run, small), image.shape[:2], pixel_size_um)


def find_in_stream(
    run: Run,
    points: Iterable[_Point],
    read: Callable[[_Point], NDArray[np.generic]],
    pixel_size_um: float | None,
) -> Iterator[FoundFrame]:
    """Find the nuclei of many frames; others are read and labelled while the network works.

    Memory is that of a few frames, however many there are.

    Parameters
    ----------
    run : Run
    points : iterable
        What ``read`` understands, one a frame.
    read : callable
        Gives the frame, (Y, X) or (Y, X, C); called in another thread.
    pixel_size_um : float or None
        As `find_nuclei`.

    Yields
    ------
    FoundFrame
        In the order of ``points``.
    """

    def prepare(point: _Point) -> FoundFrame | tuple[NDArray[np.generic], Frame]:
        try:
            image = read(point)
            return image, _prepare(run, image, pixel_size_um)
        except CellidError as error:
            return FoundFrame(None, None, error)

    def label(
        work: FoundFrame | tuple[NDArray[np.generic], Frame, NDArray[np.float32]],
    ) -> FoundFrame:
        if isinstance(work, FoundFrame):
            return work
        image, small, maps = work
        return FoundFrame(image, _label(run, small, maps, image.shape[:2], pixel_size_um))

    prepared = map_ahead(prepare, points)
    inferred = (
        work if isinstance(work, FoundFrame) else (*work, _infer(run, work[1])) for work in prepared
    )
    return map_ahead(label, inferred)


def _prepare(run: Run, image: NDArray[np.generic], pixel_size_um: float | None) -> Frame:
    """Return a frame as the network wants it."""
    check_channels(image, run.config.n_channels, "the phase image")
    return preprocess(image, run.input_scale(pixel_size_um), run.config.nucleus_diameter_px)


def _infer(run: Run, small: Frame) -> NDArray[np.float32]:
    """Return the network's maps, (H, Y, X), at its scale."""
    recipe = run.config.recipe
    return infer_maps(run.model, recipe.model, small, recipe.predict.tile_px, _BATCH)


def _label(
    run: Run,
    small: Frame,
    maps: NDArray[np.float32],
    shape: tuple[int, int],
    pixel_size_um: float | None,
) -> Nuclei:
    """Part the nuclei, in the geometry of a frame of ``shape``."""
    config = run.config
    found = label_nuclei(maps, config.instances)
    full = rescale_frame(maps[0], shape)
    if found.shape == shape:
        labels = found
    else:
        # The outline is that of the smoothly enlarged probability; the numbers come from
        # the network's scale, grown a little so that they reach that outline
        enlarged = config.instances.at_scale(shape[0] / found.shape[0])
        mask = nucleus_mask(full, enlarged)
        labels = drop_small(rescale_labels(grow_labels(found), shape) * mask, min_area_px=1)
    area_px = config.nucleus_area_px / run.input_scale(pixel_size_um) ** 2
    return Nuclei(
        labels,
        full,
        count_components(labels > 0, connectivity=8),
        count_by_area(labels > 0, nucleus_area_px=area_px),
        find_difference(measure_appearance(small), config.appearance),
    )


def describe_counts(nuclei: Nuclei) -> dict[str, int | float | str]:
    """Return what a table of frames says of one: counts, and whether they can be trusted.

    ``unlike_training`` is 0 for a frame within the range of the training images; else how
    many of their standard deviations it lies outside, and ``unlike_in`` says in what.
    """
    measure, distance = nuclei.unlike
    values = (
        nuclei.count,
        nuclei.count_components,
        round(nuclei.count_area, 1),
        round(float(np.mean(nuclei.labels > 0)), 5),
        round(distance, 1),
        measure if distance else "",
    )
    return dict(zip(COUNTED, values, strict=True))


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
