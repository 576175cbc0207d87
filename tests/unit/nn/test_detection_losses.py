"""The losses of detectors by their formulas, and where they are not to be felt."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cellid.nn.boxes import BACKGROUND, IGNORED
from cellid.nn.detection_losses import (
    focal_loss,
    leave_out,
    repulsion_loss,
    smooth_l1,
    values_at,
)

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.5, 0.0), (0.9, 0.5)])
def test_focal_loss_by_its_formula(alpha: float, gamma: float) -> None:
    logits = RANDOM.normal(0, 3, 50).astype(np.float32)
    truth = RANDOM.integers(0, 2, 50)
    p = 1 / (1 + np.exp(-logits.astype(float)))
    p_t = np.where(truth, p, 1 - p)
    expected = -np.where(truth, alpha, 1 - alpha) * (1 - p_t) ** gamma * np.log(p_t)
    np.testing.assert_allclose(focal_loss(logits, truth, alpha, gamma), expected, rtol=1e-4)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_of_sure_answers_has_a_gradient(gamma: float) -> None:
    logits = tf.constant([-200.0, 200.0, -200.0, 200.0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = focal_loss(logits, tf.constant([0, 1, 1, 0]), 0.25, gamma)
    gradient = tape.gradient(loss, logits).numpy()
    np.testing.assert_allclose(loss, [0, 0, 50, 150])
    np.testing.assert_allclose(gradient, [0, 0, -0.25, 0.75], atol=1e-12)


def test_smooth_l1_by_hand() -> None:
    values, truth = np.array([[0.5, 3.0]], np.float32), np.zeros((1, 2), np.float32)
    assert float(smooth_l1(values, truth, 1.0)[0]) == 0.125 + 2.5
    assert float(smooth_l1(values, truth, 0.0)[0]) == 3.5


def test_implausibility_is_that_of_the_centre() -> None:
    distance = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    boxes = [[1, 2, 2, 3], [0.8, 1.4, 3, 4.4], [-9, -9, -5, -5], [9, 9, 11, 11]]
    found = values_at(np.array([boxes], np.float32), distance)
    np.testing.assert_array_equal(found, [[6, 6, 0, 11]])


def test_repulsion_is_the_overlap_that_the_objects_have_not() -> None:
    found = [[0, 0, 10, 10], [0, 5, 10, 15], [40, 40, 50, 50], [0, 0, 10, 10]]
    apart = [[0, 0, 10, 7], [0, 7, 10, 15], [40, 40, 50, 50], [0, 0, 0, 0]]
    boxes, truth = np.array([found] * 3, np.float32), np.array([apart, found, apart], np.float32)
    valid = np.array([[True, True, True, False]] * 2 + [[True, False, True, False]])
    loss = keras.ops.convert_to_numpy(repulsion_loss(boxes, truth, valid))
    np.testing.assert_allclose(loss, [50 / 150, 0, 0], rtol=1e-6)


def test_only_background_is_left_out_where_nobody_knows() -> None:
    boxes = np.array([[0, 0, 4, 4], [4, 4, 8, 8], [3, 5, 9, 7]], np.float32)
    unknown = np.zeros((2, 10, 10), np.float32)
    unknown[0, 5:, 5:] = 1
    matched = np.array([[BACKGROUND, BACKGROUND, 1]] * 2, np.int32)
    found = leave_out(matched, boxes, unknown)
    expected = [[BACKGROUND, IGNORED, 1], matched[1].tolist()]
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(found), expected)
