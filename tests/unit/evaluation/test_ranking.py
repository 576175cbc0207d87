"""The average precision that can be bootstrapped, against COCO's."""

import math

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.evaluation.coco import score_coco
from cellid.evaluation.instances import detected_instances, label_instances
from cellid.evaluation.ranking import average_precision, rank_matches
from cellid.types import Detections

from .pictures import draw


def crowd(seed: int):
    """Return true squares, and squares found near them, with equal scores among them."""
    random = np.random.default_rng(seed)
    labels = np.zeros((60, 60), np.int32)
    for number, (y, x) in enumerate(random.integers(0, 50, (8, 2)), start=1):
        labels[y : y + 10, x : x + 10] = number
    boxes = np.repeat(label_instances(labels).boxes, 3, axis=0)
    boxes = boxes + random.integers(-4, 5, boxes.shape[0])[:, None]
    scores = random.integers(1, 12, len(boxes)) / 12
    whole = np.ones((len(boxes), 1, 1), np.float32)
    found = Detections(boxes, scores, np.zeros(len(boxes)), whole)
    return label_instances(labels), detected_instances(found, labels.shape)


@pytest.mark.parametrize("max_detections", [5, 100])
def test_it_is_cocos(max_detections):
    pairs = [crowd(seed) for seed in range(12)]
    ranked = [
        rank_matches(*pair, iou_threshold=0.5, max_detections=max_detections) for pair in pairs
    ]

    for chosen in (slice(0, 1), slice(0, 12), slice(3, 7)):
        theirs = score_coco(pairs[chosen], by="mask", max_detections=max_detections).ap_50
        assert 0.02 < theirs < 0.9
        assert average_precision(ranked[chosen]) == pytest.approx(theirs, abs=1e-12)


def test_nothing_to_find_and_nothing_found():
    nothing, cell = label_instances(draw("....")), label_instances(draw("AA.."))
    rules = {"iou_threshold": 0.5, "max_detections": 9}

    assert math.isnan(average_precision([rank_matches(nothing, cell, **rules)]))
    assert average_precision([rank_matches(cell, nothing, **rules)]) == 0
    with pytest.raises(CellidError, match="images"):
        average_precision([])
