import math

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.evaluation.instances import (
    detected_instances,
    draw_instances,
    label_instances,
    match_instances,
)
from cellid.evaluation.matching import Matching, match_objects
from cellid.types import Detections

from .pictures import draw

TRUE = draw(
    "AAA...",
    "AAA...",
    "...BB.",
    "...BB.",
    "......",
    "C....D",
)
PREDICTED = draw(
    "aab...",
    "aab...",
    "...ccc",
    "...ccc",
    "......",
    "d.....",
)


def boxes(*rows):
    return Detections(np.array(rows), np.ones(len(rows)), np.zeros(len(rows)))


def test_boxes_and_areas_of_a_label_image():
    instances = label_instances(draw(".AA", "CA.", "C.."), classes=np.array([4, 2]))

    assert instances.boxes.tolist() == [[0, 1, 2, 3], [1, 0, 3, 1]]
    assert instances.areas_px.tolist() == [3, 2]
    assert instances.box_areas_px.tolist() == [4, 2]
    assert instances.scores.tolist() == [1, 1]
    assert instances.classes.tolist() == [4, 2]


def test_an_image_without_objects():
    nothing = label_instances(np.zeros((3, 4), np.uint8))
    found = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0), np.zeros((0, 7, 7)))
    undetected = detected_instances(found, (3, 4))

    for instances in (nothing, undetected):
        assert len(instances) == 0
        assert instances.boxes.shape == (0, 4)
        assert instances.masks.shape == (0, 12)


def test_masks_match_as_the_label_images_do():
    matching = match_instances(
        label_instances(TRUE), label_instances(PREDICTED), by="mask", iou_threshold=0.5
    )

    assert matching == match_objects(TRUE, PREDICTED, iou_threshold=0.5)
    assert matching == Matching(3, 1, 1, pytest.approx(7 / 3), 0.5)


def test_hand_counted_boxes():
    true = detected_instances(boxes((0, 0, 2, 2), (5, 5, 9, 9)), (10, 10))
    predicted = detected_instances(boxes((0, 1, 2, 3), (0, 0, 2, 1), (5, 5, 9, 8)), (10, 10))

    # The first true box shares 2 of 6 pixels with the first, 2 of 4 with the second.
    assert match_instances(true, predicted, by="box", iou_threshold=0.5) == Matching(
        2, 1, 0, 1 / 2 + 12 / 16, 0.5
    )


def test_overlapping_masks_keep_their_pixels():
    twice = Detections(
        np.array([[0, 0, 2, 3], [0, 0, 2, 3]]), np.ones(2), np.zeros(2), np.ones((2, 4, 4))
    )
    true = label_instances(draw("AAA.", "AAA."))

    matching = match_instances(true, detected_instances(twice, (2, 4)), by="mask", iou_threshold=1)

    assert matching == Matching(1, 1, 0, 1.0, 1.0)


def test_masks_lie_where_their_boxes_do():
    found = Detections(np.array([[1, 2, 3, 4]]), np.ones(1), np.zeros(1), np.ones((1, 3, 3)))
    true = label_instances(draw("......", "..AA..", "..AA.."))

    matching = match_instances(true, detected_instances(found, (3, 6)), by="mask", iou_threshold=1)

    assert matching.true_positives == 1


def test_unsure_objects_are_left_out():
    predicted = label_instances(PREDICTED, scores=np.array([0.9, 0.5, 0.4, 0.8]))

    sure = predicted.above(0.5)

    assert sure.scores.tolist() == [0.9, 0.8]
    assert sure.areas_px.tolist() == [4, 1]
    matching = match_instances(label_instances(TRUE), sure, by="mask", iou_threshold=0.5)
    assert matching == Matching(2, 0, 2, pytest.approx(4 / 6 + 1), 0.5)


@pytest.mark.parametrize("by", ["box", "mask"])
def test_nothing_to_match(by):
    nothing, something = label_instances(np.zeros((6, 6), int)), label_instances(TRUE)

    assert match_instances(nothing, something, by=by, iou_threshold=0.5).false_positives == 4
    assert match_instances(something, nothing, by=by, iou_threshold=0.5).false_negatives == 4
    assert math.isnan(match_instances(nothing, nothing, by=by, iou_threshold=0.5).f1)


def test_masks_that_are_missing_are_asked_for():
    only_boxes = detected_instances(boxes((0, 0, 2, 2)), (6, 6))

    with pytest.raises(CellidError, match="boxes only"):
        match_instances(label_instances(TRUE), only_boxes, by="mask", iou_threshold=0.5)


def test_different_frames_are_refused():
    with pytest.raises(CellidError, match="frame"):
        match_instances(
            label_instances(TRUE), label_instances(TRUE[:5]), by="box", iou_threshold=0.5
        )


def test_a_score_for_each_object():
    with pytest.raises(CellidError, match="one for each of the 4 objects"):
        label_instances(TRUE, scores=np.ones(3))


def test_objects_are_drawn_and_chosen():
    instances = label_instances(TRUE)

    np.testing.assert_array_equal(draw_instances(instances), TRUE)
    chosen = instances.chosen(np.array([False, True, False, True]))
    np.testing.assert_array_equal(draw_instances(chosen) > 0, np.isin(TRUE, [2, 4]))
    assert draw_instances(chosen).max() == 2
