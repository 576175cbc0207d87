"""What was found beside what was drawn."""

import numpy as np

from cellid.dataset.instances import pair_found, pair_instances
from cellid.evaluation.instances import match_instances, pixel_instances
from cellid.types import Detections, ObjectPixels


def test_specks_and_unknown_places_count_neither_way() -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[2:8, 2:8] = 4
    labels[20, 20:22] = 9  # a slip of the pen
    known = np.ones(labels.shape, bool)
    known[:, 26:] = False
    boxes = [[2, 2, 8, 9], [19, 19, 22, 23], [10, 25, 14, 30], [10, 10, 14, 14]]
    found = Detections(np.array(boxes), np.array([0.9, 0.8, 0.7, 0.6]), np.zeros(4))
    true, predicted = pair_instances(labels, known, found, min_area_px=5)
    np.testing.assert_array_equal(true.boxes, [[2, 2, 8, 8]])
    np.testing.assert_allclose(predicted.scores, [0.9, 0.6], rtol=1e-6)
    true, predicted = pair_instances(labels, known, found, min_area_px=1)
    assert len(true) == 2
    assert len(predicted) == 3
    nothing = found.chosen(np.zeros(4, bool))
    assert len(pair_instances(labels, known, nothing, min_area_px=1)[1]) == 0


def test_objects_that_overlap_are_compared_with_all_their_pixels() -> None:
    below, above = np.mgrid[0:20, 0:20].reshape(2, -1), np.mgrid[5:20, 10:30].reshape(2, -1)
    speck = np.array([[2, 3], [2, 2]])  # on the first, which is judged no less for that
    drawn = ObjectPixels.of_objects((30, 30), [tuple(below), tuple(above), tuple(speck)])
    found = pixel_instances(ObjectPixels.of_objects((30, 30), [tuple(below), tuple(above)]))
    pair = pair_found(drawn, np.ones((30, 30), bool), found, min_area_px=5)
    matched = match_instances(*pair, by="mask", iou_threshold=1.0)
    assert (matched.n_true, matched.n_predicted, matched.true_positives) == (2, 2, 2)
    flat = pair_instances(drawn.draw(), np.ones((30, 30), bool), Detections.joined([]), 5)[0]
    assert flat.areas_px.tolist() == [400 - 150 - 2, 300]
