"""COCO's AP and AR of boxes and masks against pycocotools, on real labels.

pycocotools gets full images of masks and takes its own boxes and areas from them.
"""

import contextlib
import io
import json
from dataclasses import asdict

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy import ndimage

from cellid.evaluation.coco import score_coco
from cellid.evaluation.instances import detected_instances, label_instances
from cellid.types import Detections

pytestmark = pytest.mark.real
PAIRS = [
    ("pairs_deepcell/HeLa_1_nuclei_gt.png", "pairs_deepcell/HeLa_1_nuclear.png", 1781),
    ("nuclei_dsb2018/labels/0280fa8f60f6.png", "nuclei_dsb2018/images/0280fa8f60f6.png", 38),
    ("nuclei_dsb2018/labels/06350c7cc618.png", "nuclei_dsb2018/images/06350c7cc618.png", 29),
]
LARGEST = 150  # cells of an image; pycocotools takes long over more
AREAS = ("all", "small", "medium", "large")


def as_coco(masks_of_image, scores_of_image=None):
    """Images of masks as a COCO data set, or as a list of results if there are scores."""
    rows = []
    for image_id, masks in enumerate(masks_of_image, start=1):
        for number, mask in enumerate(masks):
            code = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
            row = {"image_id": image_id, "category_id": 1, "segmentation": code, "iscrowd": 0}
            row |= {"id": len(rows) + 1, "area": float(coco_mask.area(code))}
            row["bbox"] = coco_mask.toBbox(code).tolist()
            if scores_of_image is not None:
                row["score"] = float(scores_of_image[image_id - 1][number])
            rows.append(row)
    return rows


def score_with_pycocotools(true_masks, predicted_masks, scores, by, max_detections):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [
                {"id": number, "height": masks[0].shape[0], "width": masks[0].shape[1]}
                for number, masks in enumerate(true_masks, start=1)
            ],
            "annotations": as_coco(true_masks),
            "categories": [{"id": 1, "name": "cell"}],
        }
        truth.createIndex()
        results = as_coco(predicted_masks, scores)
        for row in results:
            del row["segmentation" if by == "box" else "bbox"]
        evaluation = COCOeval(truth, truth.loadRes(results), {"box": "bbox", "mask": "segm"}[by])
        evaluation.params.maxDets = [1, 10, max_detections]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][..., -1]
    recall = evaluation.eval["recall"][..., -1]

    def mean(values):
        return values[values > -1].mean() if np.any(values > -1) else np.nan

    found = {"ap_50": mean(precision[0, ..., 0]), "ap_75": mean(precision[5, ..., 0])}
    for number, area in enumerate(AREAS):
        end = "" if area == "all" else f"_{area}"
        found |= {f"ap{end}": mean(precision[..., number]), f"ar{end}": mean(recall[..., number])}
    return found


def split(labels):
    return [labels == number for number in np.unique(labels[labels > 0])]


@pytest.mark.parametrize("by", ["box", "mask"])
def test_label_images(test_data, by):
    rng = np.random.default_rng(0)
    truths, predictions = [], []
    for true, predicted, level in PAIRS:
        truths.append(cv2.imread(str(test_data / true), cv2.IMREAD_UNCHANGED))
        stain = cv2.imread(str(test_data / predicted), cv2.IMREAD_UNCHANGED)
        predictions.append(ndimage.label(stain > level)[0])
    scores = [rng.random(labels.max()).round(2) for labels in predictions]

    ours = score_coco(
        [
            (label_instances(true), label_instances(predicted, scores=sure))
            for true, predicted, sure in zip(truths, predictions, scores, strict=True)
        ],
        by=by,
        max_detections=2000,
    )

    theirs = score_with_pycocotools(
        [split(labels) for labels in truths],
        [split(labels) for labels in predictions],
        scores,
        by,
        2000,
    )
    assert asdict(ours) == pytest.approx(theirs, rel=1e-9, nan_ok=True)
    assert 0 < ours.ap < 1


@pytest.mark.parametrize(("by", "max_detections"), [("box", 2000), ("mask", 2000), ("mask", 50)])
def test_overlapping_detections_on_livecell(test_data, by, max_detections):
    """Polygons of LIVECell, and the same moved, made unsure, and doubled at random."""
    folder = test_data / "livecell_subset"
    livecell = json.loads((folder / "livecell_coco_val.json").read_text())
    rng = np.random.default_rng(1)
    frames, true_labels, found = [], [], []
    for image in livecell["images"]:
        shape = image["height"], image["width"]
        cells = [row for row in livecell["annotations"] if row["image_id"] == image["id"]]
        if len(cells) > LARGEST:
            continue
        labels = np.zeros(shape, np.int32)
        for number, cell in enumerate(cells, start=1):
            polygon = np.rint(np.reshape(cell["segmentation"][0], (-1, 2))).astype(np.int32)
            cv2.fillPoly(labels, [polygon], number)
        x, y, width, height = np.array([cell["bbox"] for cell in cells]).T
        boxes = np.stack([y, x, y + height, x + width], axis=1)
        boxes = boxes[rng.random(len(boxes)) < 0.9].repeat(rng.integers(1, 3), axis=0)
        boxes[:, :2] += rng.normal(0, 1, (len(boxes), 2))
        boxes[:, 2:] = np.maximum(boxes[:, 2:] + rng.normal(0, 1, (len(boxes), 2)), boxes[:, :2])
        boxes = np.clip(boxes, 0, np.tile(shape, 2)).round()
        grid = np.hypot(*(np.mgrid[:28, :28] - 13.5)) / 28
        masks = rng.uniform(0.6, 1.3, (len(boxes), 1, 1)) - grid
        frames.append(shape)
        true_labels.append(labels)
        found.append(Detections(boxes, rng.random(len(boxes)), np.zeros(len(boxes)), masks))

    ours = score_coco(
        [
            (label_instances(labels), detected_instances(detections, shape))
            for labels, detections, shape in zip(true_labels, found, frames, strict=True)
        ],
        by=by,
        max_detections=max_detections,
    )

    pasted = []
    for detections, shape in zip(found, frames, strict=True):
        images = np.zeros((len(detections), *shape), np.uint8)
        for image, (window, inside) in zip(images, detections.paste_masks(shape), strict=True):
            image[window] = inside if by == "mask" else 1
        pasted.append(images)
    theirs = score_with_pycocotools(
        [split(labels) for labels in true_labels],
        pasted,
        [detections.scores for detections in found],
        by,
        max_detections,
    )
    assert asdict(ours) == pytest.approx(theirs, rel=1e-9, nan_ok=True)
    assert 0 < ours.ap < 1
