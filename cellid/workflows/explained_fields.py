"""Images whose patches are explained: of a split of a data set, of folders by class, or any."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellid.config import InputSettings
from cellid.dataset import ALL, read_dataset
from cellid.dataset.patches import PatchSource, open_patches
from cellid.imaging.patches import DOUBTFUL, POSITIVE, Boxes, cut_patch, patch_boxes
from cellid.io.frames import read_frame
from cellid.io.image_file import ImageFile
from cellid.models.classifier import Classifier
from cellid.types import Mask
from cellid.workflows.prediction_job import open_files


@dataclass(frozen=True)
class Field:
    """An image and its patches.

    Attributes
    ----------
    image : (Y, X) or (Y, X, C) array
        As the camera gave it.
    boxes : (N, 4) int64
    size_px : int
        Side of a patch in the image.
    true : (N,) bool or None
        Which patches are positive, where it is known.
    objects : (Y, X) bool or None
        True objects, where they are known.
    """

    image: NDArray[np.generic]
    boxes: Boxes
    size_px: int
    true: NDArray[np.bool_] | None = None
    objects: Mask | None = None

    def cut_objects(self, box: NDArray[np.int64], network_px: int) -> Mask:
        """Return where the objects of a patch are, as the network sees it."""
        patch = cut_patch(self.objects.astype(np.float32), box, self.size_px, network_px)
        return patch[..., 0] >= 0.5


@dataclass(frozen=True)
class FieldSource:
    """An image that is read when it is wanted; images of one group are no independent evidence."""

    name: str
    group: str
    read: Callable[[], Field]


def find_fields(
    classifier: Classifier,
    paths: Sequence[Path],
    inputs: InputSettings,
    split: str,
    say: Callable[[str], None],
) -> tuple[list[FieldSource], dict[str, str]]:
    """Return the images that paths stand for, and what is wrong with others.

    Parameters
    ----------
    classifier : Classifier
    paths : sequence of Path
        One data set, one folder of images by class, or images and folders of them.
    inputs : InputSettings
        Of images.
    split : str
        Of a data set.
    say : callable
        Told what was understood of images.

    Raises
    ------
    CellidError
        If there is no such folder, or no image that can be read.
    """
    recipe = classifier.config.recipe
    names = recipe.patches.positive, recipe.patches.negative
    folder = paths[0]
    has_truth = (folder / "dataset.json").exists() or all(
        (folder / name).is_dir() for name in names
    )
    if len(paths) == 1 and has_truth:
        return list(_list_known(open_patches(folder, recipe), split)), {}
    files, problems = open_files(paths, inputs, say)
    return [field for file in files for field in _list_frames(classifier, file, inputs)], problems


def _list_known(source: PatchSource, split: str) -> Iterator[FieldSource]:
    """Yield the images of a split with their true classes, and their true objects if there are."""
    labels = None if source.by_class else read_dataset(source.folder).labels

    def read(name: str) -> Field:
        image, boxes, classes = source.read(name, source.settings.overlap)
        sure = classes != DOUBTFUL
        objects = None if labels is None else labels(name) > 0
        size_px = source.settings.size_px
        return Field(image, boxes[sure], size_px, classes[sure] == POSITIVE, objects)

    images = source.images
    for row in images[images["split"].eq(split) | (split == ALL)].itertuples():
        yield FieldSource(row.id, row.group, partial(read, row.id))


def _list_frames(
    classifier: Classifier, file: ImageFile, inputs: InputSettings
) -> Iterator[FieldSource]:
    """Yield the frames of a file; nothing is known of them."""
    size_px = classifier.patch_px(inputs.pixel_size_um or file.pixel_size_um)

    def read(number: int) -> Field:
        image = read_frame(file, number, inputs)
        return Field(image, patch_boxes(image.shape, size_px, 0.0), size_px)

    for number in range(file.n_frames):
        name = f"{file.label}, frame {number}" if file.n_frames > 1 else file.label
        yield FieldSource(name, file.label, partial(read, number))
