"""Objects outlined in JSON: COCO, and the VGG Image Annotator (VIA).

COCO's points lie on the borders of pixels, the first of which begins at 0
(https://cocodataset.org/#format-data). VIA's are the pixels of the outline themselves
(https://www.robots.ox.ac.uk/~vgg/software/via), and so are the pairs of numbers that
Fluorescent Neuronal Cells v2 writes in the place of COCO's points, all objects of an image
in one annotation.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon

from cellid.errors import CellidError
from cellid.io.readers import read_object
from cellid.io.run_lengths import expand_runs
from cellid.types import Labels, ObjectPixels

Pixels = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows and columns of the pixels of an object."""

_Draw = Callable[[tuple[int, int]], Pixels]


@dataclass(frozen=True)
class Outlines:
    """The objects of one image; each can say which pixels of it are its own."""

    objects: tuple[_Draw, ...]

    def draw(self, shape: tuple[int, int]) -> Labels:
        """Return the objects as labels, (Y, X) int32, numbered from 1.

        Where some overlap, the smallest has the pixels.
        """
        return self.fill(shape).draw()

    def fill(self, shape: tuple[int, int]) -> ObjectPixels:
        """Return the pixels of each object, which may overlap."""
        return ObjectPixels.of_objects(shape, (draw(shape) for draw in self.objects))


def read_outlines(path: Path) -> dict[str, Outlines]:
    """Read what is outlined in every image that a COCO or VIA file names.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to Outlines
        By the name of the image file, without folders; images without objects are there too.

    Raises
    ------
    CellidError
        If the file is something else.
    """
    expected = "outlines as COCO or the VGG Image Annotator write them"
    remedy = "export them from there as JSON: polygons, or run lengths"
    content = read_object(path, expected, remedy)
    try:
        is_coco = "images" in content and "annotations" in content
        found = _read_coco(content) if is_coco else _read_via(content)
        if not found:
            raise ValueError("no image is named")
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise CellidError(
            path, expected=expected, got=f"{type(error).__name__}: {error}", remedy=remedy
        ) from None
    return {Path(name).name: Outlines(tuple(objects)) for name, objects in found.items()}


def _read_coco(content: Mapping[str, Any]) -> dict[str, list[_Draw]]:
    objects: defaultdict[Any, list[_Draw]] = defaultdict(list)
    for annotation in content["annotations"]:
        objects[annotation["image_id"]] += _read_segmentation(annotation["segmentation"])
    found: dict[str, list[_Draw]] = {}
    for image in content["images"]:
        # LIVECell lists 65 files twice (its issue 26): the fuller record counts
        name, mine = image["file_name"], objects[image["id"]]
        if len(mine) >= len(found.get(name, [])):
            found[name] = mine
    return found


def _read_segmentation(segmentation: Any) -> Iterator[_Draw]:
    """Yield the objects of a COCO annotation: one, but for pairs of numbers one a polygon."""
    if isinstance(segmentation, Mapping):
        counts = segmentation["counts"]
        counts = expand_runs(counts) if isinstance(counts, str) else counts
        yield _RunLengths(np.array(counts, np.int64), *segmentation["size"])
    elif segmentation and np.ndim(segmentation[0][0]):
        yield from (_outline(*zip(*points, strict=True)) for points in segmentation)
    else:
        yield _Polygons(tuple(np.array(part, np.float64).reshape(-1, 2) for part in segmentation))


def _read_via(content: Mapping[str, Any]) -> dict[str, list[_Draw]]:
    found: dict[str, list[_Draw]] = {}
    for image in content.get("_via_img_metadata", content).values():
        regions = image["regions"]
        shapes = [
            region["shape_attributes"]
            for region in (regions.values() if isinstance(regions, Mapping) else regions)
        ]
        found[image["filename"]] = [
            _outline(shape["all_points_x"], shape["all_points_y"]) for shape in shapes
        ]
    return found


def _outline(x: Sequence[float], y: Sequence[float]) -> "_PixelOutline":
    return _PixelOutline(np.rint(np.stack([x, y], axis=1)).astype(np.int32))


@dataclass(frozen=True)
class _PixelOutline:
    """Pixels of an outline, (N, 2) as x, y; they belong to the object."""

    points: NDArray[np.int32]

    def __call__(self, shape: tuple[int, int]) -> Pixels:
        x0, y0 = np.maximum(self.points.min(axis=0), 0)
        x1, y1 = np.minimum(self.points.max(axis=0) + 1, shape[::-1])
        window = np.zeros((max(y1 - y0, 0), max(x1 - x0, 0)), np.uint8)
        if window.size:
            cv2.fillPoly(window, [self.points - np.array([x0, y0], np.int32)], 1)
        rows, columns = np.nonzero(window)
        return rows + y0, columns + x0


@dataclass(frozen=True)
class _Polygons:
    """Parts of an object, (N, 2) as x, y on the borders of pixels."""

    parts: tuple[NDArray[np.float64], ...]

    def __call__(self, shape: tuple[int, int]) -> Pixels:
        drawn = [polygon(part[:, 1] - 0.5, part[:, 0] - 0.5, shape) for part in self.parts]
        # Parts may overlap
        rows, columns = np.unique(np.concatenate(drawn, axis=1), axis=1)
        return rows, columns


@dataclass(frozen=True)
class _RunLengths:
    """Lengths of runs outside and inside of the object in turn, column after column."""

    counts: NDArray[np.int64]
    height: int
    width: int

    def __call__(self, shape: tuple[int, int]) -> Pixels:
        inside = np.repeat(np.arange(self.counts.size) % 2, self.counts)
        columns, rows = np.nonzero(inside.reshape(self.width, self.height))
        within = (rows < shape[0]) & (columns < shape[1])
        return rows[within], columns[within]
