"""Label Studio's JSON: a task a crop, a polygon an object.

Polygons rather than brush strokes: an annotator can move, cut or delete one, and strokes are
stored in a code of Label Studio's own. Points are x and y in percent of the image, which
begins at the corner of its first pixel (https://labelstud.io/guide/task_format).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask
from skimage.measure import approximate_polygon, find_contours, label, regionprops

from cellid.errors import CellidError
from cellid.types import Labels, Mask

Points = NDArray[np.float64]

CONFIG = """<View>
  <View style="display: flex">
    <Image name="stain" value="$stain" zoom="true" zoomControl="true" brightnessControl="true"/>
    <Image name="phase" value="$phase" zoom="true" zoomControl="true"/>
  </View>
  <PolygonLabels name="kind" toName="stain" strokeWidth="1" opacity="0.3">
    <Label value="nucleus" background="#e69f00"/>
    <Label value="uncertain" background="#0072b2"/>
  </PolygonLabels>
</View>
"""
"""The labelling interface that the tasks are made for: drawn on the stain, phase beside it."""

_NUCLEUS, _UNCERTAIN = "nucleus", "uncertain"

# Outlines follow the pixels this closely: a nucleus then has ten to twenty points to move
_TOLERANCE_PX = 0.6


def make_task(
    crop_id: str, pictures: Mapping[str, str], labels: Labels, uncertain: Mask
) -> dict[str, Any]:
    """Return a task that shows the labels of a crop as polygons to correct.

    Parameters
    ----------
    crop_id : str
    pictures : mapping
        Addresses of the images named ``stain`` and ``phase`` in `CONFIG`.
    labels : (Y, X) int32
    uncertain : (Y, X) bool
    """
    height, width = labels.shape
    kinds = ((_NUCLEUS, labels), (_UNCERTAIN, uncertain.astype(np.int32)))
    result = [
        {
            "type": "polygonlabels",
            "from_name": "kind",
            "to_name": "stain",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {
                "points": ((points[:, ::-1] + 0.5) * (100 / width, 100 / height)).tolist(),
                "closed": True,
                "polygonlabels": [kind],
            },
        }
        for kind, plane in kinds
        for points, _ in _outline_pieces(plane)
    ]
    for number, region in enumerate(result):
        region["id"] = str(number)
    return {
        "data": {"crop": crop_id, **pictures},
        "predictions": [{"model_version": "cellid", "result": result}],
    }


def read_annotations(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the regions of every annotated crop of a file exported by Label Studio as JSON.

    Of several annotations of a task the one changed last counts; cancelled ones do not.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to list of dict
        Regions by crop, for `draw_regions`.

    Raises
    ------
    CellidError
        If the file is something else.
    """
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"))
        crops = {}
        for task in tasks:
            valid = [one for one in task["annotations"] if not one.get("was_cancelled")]
            if valid:
                last = max(valid, key=lambda one: str(one.get("updated_at", "")))
                crops[str(task["data"]["crop"])] = list(last["result"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CellidError(
            path,
            expected="what Label Studio exports as JSON from the tasks of this review",
            got=f"{type(error).__name__}: {error}",
            remedy="export the project again and choose JSON, not JSON-MIN or another format",
        ) from None
    return crops


def draw_regions(
    regions: list[dict[str, Any]], labels: Labels, uncertain: Mask, name: str
) -> tuple[Labels, Mask]:
    """Return what the regions of an annotation say of a crop.

    A polygon is coarser than pixels, so one that nobody has moved stands for the pixels that
    it was made from.

    Parameters
    ----------
    regions : list of dict
        From `read_annotations`.
    labels : (Y, X) int32
        What the task was made from; unmoved objects keep their numbers, others follow.
    uncertain : (Y, X) bool
        As ``labels``.
    name : str
        What to call the annotation in an error.

    Returns
    -------
    labels : (Y, X) int32
    uncertain : (Y, X) bool

    Raises
    ------
    CellidError
        If there is anything but polygons of the two kinds in `CONFIG`.
    """
    polygons: dict[str, list[Points]] = {_NUCLEUS: [], _UNCERTAIN: []}
    for region in regions:
        try:
            (kind,) = region["value"]["polygonlabels"]
            percent = np.array(region["value"]["points"], np.float64)
            points = percent[:, ::-1] / 100 * labels.shape - 0.5
            polygons[kind].append(points)
        except (KeyError, TypeError, ValueError, IndexError):
            raise CellidError(
                name,
                expected=f"polygons, each either {_NUCLEUS} or {_UNCERTAIN}",
                got=f"a region of type {region.get('type')}",
                remedy="set the project up with config.xml, and draw with its polygon tool",
            ) from None
    drawn = _draw(polygons[_UNCERTAIN], uncertain.astype(np.int32)) > 0
    return _draw(polygons[_NUCLEUS], labels), drawn


def _draw(polygons: list[Points], before: Labels) -> Labels:
    """Draw polygons: those that were made from ``before`` as they are there, then the others."""
    made_from = {_key(points): piece for points, piece in _outline_pieces(before)}
    after = np.zeros_like(before)
    moved = []
    for points in polygons:
        piece = made_from.get(_key(points))
        if piece is None:
            moved.append(points)
        else:
            after[piece] = before[piece]
    for number, points in enumerate(moved, start=int(before.max(initial=0)) + 1):
        after[polygon2mask(after.shape, points)] = number
    return after


def _key(points: Points) -> bytes:
    """Return what is the same of a polygon before and after Label Studio rounds its points."""
    return np.rint(2 * points).astype(np.int64).tobytes()  # outlines run in halves of pixels


def _outline_pieces(labels: Labels) -> Iterator[tuple[Points, tuple[NDArray[np.int64], ...]]]:
    """Yield the outline, y and x, of every connected piece of an object, and its pixels."""
    for piece in regionprops(label(labels, connectivity=2)):
        contours = find_contours(np.pad(piece.image, 1), 0.5, fully_connected="high")
        outer = max(contours, key=lambda contour: np.ptp(contour, axis=0).sum())
        simple = approximate_polygon(outer, _TOLERANCE_PX)
        points = (simple if len(simple) > 4 else outer)[:-1]  # the last is the first again
        yield points + piece.bbox[:2] - 1, tuple(piece.coords.T)
