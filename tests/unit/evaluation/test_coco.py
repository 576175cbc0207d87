import math
from dataclasses import asdict

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.evaluation.coco import encode_runs, score_coco
from cellid.evaluation.instances import detected_instances, label_instances
from cellid.types import Detections

from .pictures import draw

TRUE = draw(
    "AA..BB",
    "AA..BB",
    "......",
)
# A sure hit, a false object, a less sure hit
PREDICTED = draw(
    "aa..cc",
    "aa..cc",
    ".bb...",
)
SCORES = np.array([0.9, 0.8, 0.7])
CASE = label_instances(TRUE), label_instances(PREDICTED, scores=SCORES)


@pytest.mark.parametrize("by", ["box", "mask"])
def test_hand_counted_average_precision(by):
    scores = score_coco([CASE], by=by, max_detections=100)

    # Precision is 1 up to recall 1/2 (51 of the 101 recalls) and 2/3 beyond.
    expected = (51 + 50 * 2 / 3) / 101
    for each in (scores.ap, scores.ap_50, scores.ap_75, scores.ap_small):
        assert each == pytest.approx(expected)
    assert scores.ar == scores.ar_small == 1
    for each in (scores.ap_medium, scores.ap_large, scores.ar_medium, scores.ar_large):
        assert math.isnan(each)


def test_only_the_surest_detections_count():
    scores = score_coco([CASE], by="mask", max_detections=2)

    assert scores.ap == pytest.approx(51 / 101)
    assert scores.ar == 1 / 2


def test_thresholds_from_one_half_up():
    true, predicted = draw("AAAA...."), draw("aaaaaa..")  # an IoU of 4/6

    scores = score_coco(
        [(label_instances(true), label_instances(predicted))], by="mask", max_detections=100
    )

    assert (scores.ap_50, scores.ap_75) == (1, 0)
    assert scores.ap == scores.ar == pytest.approx(4 / 10)  # 0.5, 0.55, 0.6 and 0.65


def test_classes_are_averaged():
    true = label_instances(TRUE, classes=np.array([0, 1]))
    predicted = label_instances(TRUE, classes=np.array([0, 0]))

    assert score_coco([(true, predicted)], by="box", max_detections=100).ar == (1 + 0) / 2


def test_an_image_without_objects_lowers_precision_only_by_what_is_found_there():
    empty = label_instances(np.zeros_like(TRUE))
    imagined = label_instances(PREDICTED, scores=SCORES)

    with_empty = score_coco([CASE, (empty, empty)], by="mask", max_detections=100)
    with_false = score_coco([CASE, (empty, imagined)], by="mask", max_detections=100)

    assert asdict(with_empty) == pytest.approx(
        asdict(score_coco([CASE], by="mask", max_detections=100)), nan_ok=True
    )
    assert with_false.ap < with_empty.ap
    assert with_false.ar == with_empty.ar


def test_nothing_anywhere_is_undefined():
    empty = label_instances(np.zeros_like(TRUE))

    scores = score_coco([(empty, empty)], by="mask", max_detections=100)

    assert all(math.isnan(score) for score in asdict(scores).values())


def test_run_lengths_go_down_the_columns():
    instances = label_instances(draw("A.B", "AAB"))

    assert encode_runs(instances) == [[0, 2, 1, 1, 2], [4, 2, 0]]


def test_a_mask_without_pixels_has_one_run():
    faint = Detections(np.array([[0, 0, 2, 2]]), np.ones(1), np.zeros(1), np.zeros((1, 2, 2)))

    assert encode_runs(detected_instances(faint, (2, 3))) == [[6]]


def test_no_images_are_refused():
    with pytest.raises(CellidError, match="at least one evaluated image"):
        score_coco([], by="box", max_detections=100)
