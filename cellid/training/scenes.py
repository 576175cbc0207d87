"""Images of a dataset folder with their objects, to train a detector on."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellid.config import ContextSettings, ObjectRecipe
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.imaging.cells import find_cells, implausibility
from cellid.imaging.geometry import rescale_frame, rescale_labels, scaled_shape
from cellid.imaging.instances import drop_small
from cellid.imaging.patches import scale_intensity
from cellid.io.mask_files import MaskFiles
from cellid.types import Frame, Labels, Mask, count_channels


@dataclass(frozen=True)
class Scene:
    """One image with its objects, at the network's scale.

    Attributes
    ----------
    image : (Y, X) or (Y, X, C) float32
        Intensities from 0 to 1.
    labels : (Y, X) int32
    known : (Y, X) bool
        Where the labels are to be believed.
    implausibility : (Y, X) float32 or None
        As `cellid.imaging.cells.implausibility`; none where it does not count.
    """

    image: Frame
    labels: Labels
    known: Mask
    implausibility: Frame | None

    @cached_property
    def maps(self) -> Frame:
        """What moves with the image, (Y, X, K) float32: the fields above, in their order."""
        maps = [self.labels, self.known, self.implausibility]
        return np.dstack([each for each in maps if each is not None]).astype(np.float32)


def read_scenes(
    dataset: Dataset, split: str, recipe: ObjectRecipe, say: Callable[[str], None]
) -> list[Scene]:
    """Read the images of a split with their objects, and say what there is.

    The images stay in memory, some twenty bytes a pixel.

    Parameters
    ----------
    dataset : Dataset
    split : str
    recipe : ObjectRecipe
    say : callable

    Raises
    ------
    CellidError
        If the split is empty, some images are grey and others in colour, or the masks of
        cells that the recipe names are not there or are smaller than the images.
    """
    crops, objects, context = dataset.crops(split), recipe.objects, recipe.context_in_force
    masks = (
        {name: MaskFiles.of(folder) for name, folder in context.masks.items()} if context else {}
    )
    scenes, n_objects = [], 0
    for row in crops.itertuples():
        pixels = dataset.image(row.id)
        shape = scaled_shape(pixels.shape, objects.scale)
        labels = rescale_labels(dataset.labels(row.id), shape)
        n_objects += drop_small(labels, objects.network_min_area_px).max()
        box = (row.y0, row.x0, row.y1, row.x1)
        given = {name: files.read(Path(row.file).stem, box) for name, files in masks.items()}
        scenes.append(
            Scene(
                rescale_frame(scale_intensity(pixels, objects.scaling), shape),
                labels,
                rescale_labels(dataset.uncertain(row.id).astype(np.int32), shape) == 0,
                rescale_frame(_implausibility(pixels, given, context), shape) if context else None,
            )
        )
    if not scenes or len({count_channels(scene.image) for scene in scenes}) > 1:
        raise CellidError(
            dataset.folder,
            expected=f"images in the {split} split that all have as many channels",
            got=f"{len(scenes)} images",
            remedy="give more images, or grey and colour images apart",
        )
    say(
        f"{split}: {len(scenes)} images of {crops['group'].nunique()} groups: {n_objects:,} objects"
    )
    return scenes


def _implausibility(
    image: NDArray[Any], given: dict[str, Labels], context: ContextSettings
) -> Frame:
    light = image if image.ndim == 2 else image.mean(axis=2)
    cells = given["cells"] if "cells" in given else find_cells(light)
    nuclei = given["nuclei"] > 0 if "nuclei" in given else None
    return implausibility(cells, nuclei, context.reach_px)
