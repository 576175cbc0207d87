"""Which level a box is read from, and what is read there, by hand."""

import keras
import numpy as np

from cellid.nn.roi_align import box_levels, mask_targets, roi_align
from cellid.types import Detections

SIDE = 28


def array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def test_the_level_of_a_box_follows_from_its_size() -> None:
    sides = np.array([[0, 0], [1, 1], [112, 111.9], [112, 112], [224, 224], [448, 112], [5e3, 5e3]])
    boxes = np.hstack([np.zeros_like(sides), sides]).astype(np.float32)
    np.testing.assert_array_equal(array(box_levels(boxes, 2, 5)), [2, 2, 2, 3, 4, 4, 5])
    np.testing.assert_array_equal(array(box_levels(boxes, 3, 4)), [3, 3, 3, 3, 4, 4, 4])


def test_a_box_on_a_slope_reads_the_slope_of_its_own_image_and_level() -> None:
    # Place (i, j) of image b and level l holds 1000 b + 100 l + 10 i + j
    slopes = [
        np.add.outer(np.array([0, 1000]), level * 100 + 10 * np.arange(16)[:, None] + np.arange(16))
        for level in (2, 3)
    ]
    pyramid = [slope[..., None].astype(np.float32) for slope in slopes]
    small, large = [8, 4, 24, 20], [0, 0, 112, 112]
    boxes = np.array([[small, large], [large, small]], np.float32)
    features = array(roi_align(pyramid, 2, boxes, 2))[..., 0]
    # of level 2, rows 2 to 6 and columns 1 to 5: cells around rows 3 and 5, columns 2 and 4
    of_small = 200 + np.array([[32, 34], [52, 54]])
    # of level 3, rows and columns 0 to 14
    of_large = 300 + np.array([[38.5, 45.5], [108.5, 115.5]])
    np.testing.assert_allclose(features[0], [of_small, of_large], rtol=1e-6)
    np.testing.assert_allclose(features[1], np.stack([of_large, of_small]) + 1000, rtol=1e-6)


def test_no_box_and_an_empty_box_have_features() -> None:
    pyramid = [np.ones((1, 8, 8, 3), np.float32)]
    assert roi_align(pyramid, 2, np.zeros((1, 0, 4), np.float32), 7).shape == (1, 0, 7, 7, 3)
    features = roi_align(pyramid, 2, np.full((1, 1, 4), 5, np.float32), 7)
    np.testing.assert_allclose(features, 1, rtol=1e-6)


def test_a_target_put_back_in_its_box_is_the_object() -> None:
    rows, columns = np.indices((60, 80))
    labels = np.zeros((60, 80), np.int32)
    labels[((rows - 20) / 12) ** 2 + ((columns - 24) / 17) ** 2 < 1] = 1
    labels[(rows > 22) & (columns > 24) & (rows + columns < 90)] = 7  # overlaps the first's box
    numbers = np.array([[1, 7, 1]], np.int32)
    boxes = np.array([[[8, 7, 33, 42], [23, 25, 65, 67], [0, 0, 60, 80]]], np.float32)
    targets = array(mask_targets(labels[None], numbers, boxes, SIDE))[0]
    assert targets.min() >= 0
    assert targets.max() <= 1 + 1e-6
    found = Detections(boxes[0], np.ones(3), np.zeros(3), targets)
    pasted = zip(found.paste_masks(labels.shape), numbers[0], strict=True)
    for (window, inside), number in pasted:
        full = np.zeros(labels.shape, bool)
        full[window] = inside
        truth = labels == number
        assert (full & truth).sum() / (full | truth).sum() > 0.98


def test_a_target_by_hand() -> None:
    labels = np.array([[[5, 5, 0, 0], [5, 5, 0, 0]]], np.int32)
    box = np.array([[[0, 0, 2, 4]]], np.float32)
    # the samples next to the object's edge lie a quarter and three quarters of a pixel from it
    target = array(mask_targets(labels, np.array([[5]]), box, 4))[0, 0]
    np.testing.assert_allclose(target, [[1, 0.875, 0.125, 0]] * 4)
