"""COCO's average precision and recall of boxes and masks, through faster-coco-eval."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray
from scipy.sparse import csr_array

from cellid.evaluation.counts import check_any, divide
from cellid.evaluation.instances import Instances, Outline, check_comparable

_COCO_NAME = {"box": "bbox", "mask": "segm"}


@dataclass(frozen=True)
class CocoScores:
    """Average precision and recall as COCO defines them, nan where nothing is to be found.

    Means over the IoU thresholds 0.5, 0.55 … 0.95 and over classes. This AP is the area
    under the precision-recall curve of scored objects, sampled at 101 recalls; the "AP"
    of `Matching` is another quantity and needs no scores.

    Attributes
    ----------
    ap, ap_50, ap_75 : float
        Over all thresholds, and at IoU 0.5 and 0.75 alone.
    ap_small, ap_medium, ap_large : float
        Of true objects below 32², up to 96² and above 96² pixels.
    ar : float
        Recall at the highest number of detections.
    ar_small, ar_medium, ar_large : float
    """

    ap: float
    ap_50: float
    ap_75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar: float
    ar_small: float
    ar_medium: float
    ar_large: float


def score_coco(
    images: Sequence[tuple[Instances, Instances]], *, by: Outline, max_detections: int
) -> CocoScores:
    """Score scored objects as COCO does.

    Parameters
    ----------
    images : sequence of (true, predicted)
        One pair an image; `bootstrap_interval` draws from such rows.
    by : "box" or "mask"
        What overlaps.
    max_detections : int
        Highest number of predicted objects of a class that count on an image, the
        surest first. COCO counts 100; LIVECell's images hold up to thousands of cells
        and are scored with 2000 (Edlund et al., Nature Methods 18, 2021).

    Returns
    -------
    CocoScores

    Raises
    ------
    CellidError
        If there are no images, masks are asked for and missing, or frames differ.

    References
    ----------
    Lin et al., Microsoft COCO, ECCV 2014; the definitions are those of ``pycocotools``.
    """
    check_any(images)
    for true, predicted in images:
        check_comparable(true, predicted, by)
    classes = {number for pair in images for each in pair for number in each.classes.tolist()}
    truths, predictions = zip(*images, strict=True)
    evaluation = COCOeval_faster(
        _as_dataset(truths, classes, by, predicted=False),
        _as_dataset(predictions, classes, by, predicted=True),
        _COCO_NAME[by],
    )
    evaluation.params.maxDets = [max_detections]
    evaluation.evaluate()
    evaluation.accumulate()
    # Axes: threshold, (recall,) class, area (all, small, medium, large), detections
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
    at_50, at_75 = (evaluation.params.iouThrs == threshold for threshold in (0.5, 0.75))
    return CocoScores(
        ap=_mean(precision[:, :, :, 0]),
        ap_50=_mean(precision[at_50, :, :, 0]),
        ap_75=_mean(precision[at_75, :, :, 0]),
        ap_small=_mean(precision[:, :, :, 1]),
        ap_medium=_mean(precision[:, :, :, 2]),
        ap_large=_mean(precision[:, :, :, 3]),
        ar=_mean(recall[:, :, 0]),
        ar_small=_mean(recall[:, :, 1]),
        ar_medium=_mean(recall[:, :, 2]),
        ar_large=_mean(recall[:, :, 3]),
    )


def _mean(scores: NDArray[np.float64]) -> float:
    """Return the mean of what is defined; COCO writes -1 where a class has no true object."""
    defined = scores[scores >= 0]
    return divide(float(defined.sum()), defined.size)


def _as_dataset(
    images: Iterable[Instances], classes: Iterable[int], by: Outline, *, predicted: bool
) -> COCO:
    """Return images in COCO's form, numbered from 1; number 0 means unmatched in its code."""
    frames: list[dict[str, int]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, instances in enumerate(images, start=1):
        height, width = instances.frame
        frames.append({"id": image_id, "height": height, "width": width})
        # As in COCO's code, a predicted box is as large as itself and a true one as its object
        by_box = predicted and by == "box"
        areas = instances.box_areas_px if by_box else instances.areas_px
        runs = encode_runs(instances) if by == "mask" else [None] * len(instances)
        y0, x0, y1, x1 = instances.boxes.T
        rows = zip(
            np.stack([x0, y0, x1 - x0, y1 - y0], axis=1).tolist(),
            areas.tolist(),
            instances.scores.tolist(),
            instances.classes.tolist(),
            runs,
            strict=True,
        )
        for box, area, score, number, counts in rows:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": number,
                    "bbox": box,
                    "area": area,
                    "score": score,
                    "iscrowd": 0,
                    "segmentation": counts and {"size": [height, width], "counts": counts},
                }
            )
    categories = [{"id": number, "name": str(number)} for number in sorted(classes)]
    return COCO({"images": frames, "annotations": annotations, "categories": categories})


def encode_runs(instances: Instances) -> list[list[int]]:
    """Return COCO's run lengths of each mask: pixels outside, inside, outside … by column."""
    masks: csr_array = instances.masks
    height, width = instances.frame
    encoded = []
    for first, last in pairwise(masks.indptr):
        pixels = masks.indices[first:last].astype(np.int64)
        breaks = np.flatnonzero(np.diff(pixels) != 1)
        starts = pixels[np.append(0, breaks + 1)] if pixels.size else pixels
        ends = pixels[np.append(breaks, -1)] + 1 if pixels.size else pixels
        edges = np.column_stack([starts, ends]).ravel()
        encoded.append(np.diff(edges, prepend=0, append=height * width).tolist())
    return encoded
