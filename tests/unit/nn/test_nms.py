"""Which of several detections stay, by hand."""

import numpy as np
import pytest

from cellid.nn.nms import build_suppressor

NONE = -np.inf
BOXES = np.array(
    [
        [0, 0, 10, 10],
        [0, 2, 10, 12],  # overlaps the first by 80/120
        [0, 4, 10, 14],  # the second by as much, the first by 60/140; 4 px from the first
        [50, 50, 60, 60],
        [0, 0, 10, 10],
    ],
    np.float32,
)


@pytest.mark.parametrize(
    ("scores", "classes", "distance", "expected"),
    [
        # the third stays, for what suppressed it has gone itself
        ([0.9, 0.8, 0.7, 0.95, NONE], [0, 0, 0, 0, 0], 0.0, [3, 0, 2]),
        ([0.9, 0.8, 0.7, 0.95, NONE], [0, 0, 0, 0, 0], 5.0, [3, 0, -1]),
        ([0.9, 0.8, 0.7, 0.2, NONE], [0, 1, 2, 0, 0], 5.0, [0, 1, 2]),
        ([NONE] * 5, [0, 0, 0, 0, 0], 0.0, [-1, -1, -1]),
    ],
    ids=["overlap", "distance", "classes, and most detections", "no candidate"],
)
def test_who_stays(suppressors, scores, classes, distance, expected) -> None:
    batch = [np.stack([array, array[::-1]]) for array in map(np.array, (BOXES, scores, classes))]
    kept, mirrored = suppressors[distance].predict_on_batch(batch)
    np.testing.assert_array_equal(kept, expected)
    np.testing.assert_array_equal(mirrored, [4 - i if i >= 0 else -1 for i in expected])


@pytest.fixture(scope="module")
def suppressors() -> dict:
    """Suppression of five candidates, by the least distance."""
    return {distance: build_suppressor(5, 0.5, distance, 3) for distance in (0.0, 5.0)}
