"""Objects written as COCO does: whole data sets, and results to be scored against one.

Objects keep their own pixels, as run lengths, where they overlap (`cellid.io.outlines` reads
them again). Classes are numbered from 1 in these files.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.io.readers import read_object
from cellid.io.run_lengths import compress_runs
from cellid.io.writers import replacing, write_text


@dataclass(frozen=True, eq=False)
class CocoImage:
    """The objects of one image.

    Attributes
    ----------
    name : str
        Of the image's file.
    shape : tuple of int
        Height and width, pixels.
    boxes : (N, 4) float
        y0, x0, y1, x1 in pixels, half-open.
    classes : (N,) integers
        From 0.
    runs : sequence of N sequences of int, or None
        Lengths of runs outside and inside of each object in turn, column after column; None:
        an object is its box.
    scores : (N,) float or None
        None for true objects.
    """

    name: str
    shape: tuple[int, int]
    boxes: NDArray[np.floating]
    classes: NDArray[np.integer]
    runs: Sequence[Sequence[int]] | None
    scores: NDArray[np.floating] | None = None


def write_coco(path: Path, images: Iterable[CocoImage], class_names: Sequence[str]) -> None:
    """Write images and their objects as a COCO data set, one image after another.

    Parameters
    ----------
    path : Path
    images : iterable of CocoImage
        Numbered from 1 in the file.
    class_names : sequence of str
        Of class 0, 1 …
    """
    listed: list[dict[str, Any]] = []
    n_objects = 0
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('{"annotations": [')
        for number, image in enumerate(images, start=1):
            height, width = image.shape
            listed.append({"id": number, "file_name": image.name, "height": height, "width": width})
            for row in _describe(image, number):
                file.write(", " * (n_objects > 0))
                n_objects += 1
                file.write(json.dumps({"id": n_objects, "iscrowd": 0, **row}))
        categories = [{"id": i, "name": name} for i, name in enumerate(class_names, start=1)]
        file.write(f'], "images": {json.dumps(listed)}, "categories": {json.dumps(categories)}}}')


def write_coco_results(
    path: Path, images: Sequence[CocoImage], image_ids: Mapping[str, int]
) -> None:
    """Write scored objects as COCO's results, a list that its scorers load beside the truth.

    Parameters
    ----------
    path : Path
    images : sequence of CocoImage
        With scores.
    image_ids : mapping of str to int
        The numbers that the file of the truth gives the images (`read_image_ids`).

    Raises
    ------
    CellidError
        If an image has no number or its objects no scores.
    """
    rows: list[dict[str, Any]] = []
    for image in images:
        if image.name not in image_ids or image.scores is None:
            raise CellidError(
                image.name,
                expected="an image of the data set to be scored against, with scored objects",
                got="no scores" if image.name in image_ids else "a name that is not in it",
                remedy="give the scores, and the names that the data set uses",
            )
        rows += _describe(image, image_ids[image.name])
    write_text(path, json.dumps(rows))


def read_image_ids(path: Path) -> dict[str, int]:
    """Return the number of each image of a COCO data set by its file name.

    Raises
    ------
    CellidError
        If the file is something else.
    """
    expected, remedy = "a data set as COCO writes it", "give the JSON file with its images"
    content = read_object(path, expected, remedy)
    try:
        return {str(image["file_name"]): int(image["id"]) for image in content["images"]}
    except (KeyError, TypeError, ValueError) as error:
        got = f"{type(error).__name__}: {error}"
        raise CellidError(path, expected=expected, got=got, remedy=remedy) from None


def _describe(image: CocoImage, number: int) -> Iterator[dict[str, Any]]:
    height, width = image.shape
    for place, (y0, x0, y1, x1) in enumerate(np.asarray(image.boxes, np.float64).tolist()):
        row: dict[str, Any] = {
            "image_id": number,
            "category_id": int(image.classes[place]) + 1,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
        }
        if image.runs is None:
            row["segmentation"] = [[x0, y0, x1, y0, x1, y1, x0, y1]]
            row["area"] = (y1 - y0) * (x1 - x0)
        else:
            runs = image.runs[place]
            row["segmentation"] = {"size": [height, width], "counts": compress_runs(runs)}
            row["area"] = sum(runs[1::2])
        if image.scores is not None:
            row["score"] = float(image.scores[place])
        yield row
