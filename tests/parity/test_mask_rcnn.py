"""Mask R-CNN and its parts against torchvision's (`fixtures/make_mask_rcnn.py`)."""

from pathlib import Path

import keras
import numpy as np
import pytest

from cellid.nn.roi_align import roi_align

from .fixtures.mask_rcnn_case import FINEST, ROI_SIDES, draw_pyramid, draw_pyramid_boxes

FIXTURE = np.load(Path(__file__).parent / "fixtures" / "mask_rcnn.npz")


def array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("side", ROI_SIDES)
def test_features_of_boxes(side: int) -> None:
    features = array(roi_align(draw_pyramid(), FINEST, draw_pyramid_boxes(), side))
    theirs = FIXTURE[f"aligned {side}"].reshape(features.shape)
    np.testing.assert_allclose(features, theirs, rtol=0, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the gradient is TensorFlow's")
def test_gradients_of_features() -> None:
    import tensorflow as tf

    pyramid = [tf.constant(level) for level in draw_pyramid()]
    with tf.GradientTape() as tape:
        tape.watch(pyramid)
        features = roi_align(pyramid, FINEST, draw_pyramid_boxes(), ROI_SIDES[-1])
        loss = tf.reduce_sum(tf.square(features))
    for i, gradient in enumerate(tape.gradient(loss, pyramid)):
        theirs = FIXTURE[f"gradient {i}"]
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(gradient / scale, theirs / scale, rtol=0, atol=1e-5)
