"""The focal loss against the thesis's equation and Keras."""

import keras
import numpy as np
import pytest

from cellid.nn.losses import binary_focal_crossentropy

RANDOM = np.random.default_rng(0)
TRUTH = (RANDOM.random((2, 5, 7, 1)) < 0.3).astype(np.float32)
PROBABILITY = RANDOM.uniform(0.01, 0.99, TRUTH.shape).astype(np.float32)


def equation_2_25(truth: np.ndarray, p: np.ndarray, gamma: float, alpha: float) -> np.ndarray:
    """Return the thesis's loss of every pixel, with log2."""
    nucleus = alpha * (1 - p) ** gamma * truth * np.log2(p)
    background = (1 - alpha) * p**gamma * (1 - truth) * np.log2(1 - p)
    return -(nucleus + background)


@pytest.mark.parametrize(("gamma", "alpha"), [(2, 0.5), (0, 0.5), (2, 0.25), (1.5, 0.9)])
def test_it_is_the_thesis_times_ln_2(gamma: float, alpha: float) -> None:
    loss = float(binary_focal_crossentropy(gamma, alpha)(TRUTH, PROBABILITY))
    expected = np.log(2) * equation_2_25(TRUTH, PROBABILITY, gamma, alpha).mean()
    assert loss == pytest.approx(expected, rel=1e-5)


def test_one_pixel_by_hand() -> None:
    truth, probability = np.ones((1, 1, 1, 1), np.float32), np.full((1, 1, 1, 1), 0.25, np.float32)
    # ½ · (3/4)² · log2(4) = 9/16 bits
    loss = float(binary_focal_crossentropy(2, 0.5)(truth, probability))
    assert loss == pytest.approx(9 / 16 * np.log(2), rel=1e-5)
    # ¾ · (1/4)² · log2(4/3) for background at α = ¼
    loss = float(binary_focal_crossentropy(2, 0.25)(1 - truth, probability))
    assert loss == pytest.approx(3 / 64 * np.log(4 / 3), rel=1e-5)


def test_it_is_half_of_keras_without_class_balancing() -> None:
    plain = keras.losses.BinaryFocalCrossentropy(gamma=2.0)
    ours = binary_focal_crossentropy(2, 0.5)
    assert float(ours(TRUTH, PROBABILITY)) == pytest.approx(
        float(plain(TRUTH, PROBABILITY)) / 2, rel=1e-6
    )


def test_gamma_zero_is_half_the_cross_entropy() -> None:
    entropy = keras.losses.BinaryCrossentropy()
    assert float(binary_focal_crossentropy(0, 0.5)(TRUTH, PROBABILITY)) == pytest.approx(
        float(entropy(TRUTH, PROBABILITY)) / 2, rel=1e-5
    )


def test_weights_of_pixels_are_accepted() -> None:
    weights = RANDOM.random(TRUTH.shape[:3]).astype(np.float32)
    loss = float(binary_focal_crossentropy(2, 0.5)(TRUTH, PROBABILITY, weights))
    single = np.log(2) * equation_2_25(TRUTH, PROBABILITY, 2, 0.5)[..., 0]
    assert loss == pytest.approx((weights * single).mean(), rel=1e-5)


def test_certain_mistakes_stay_finite() -> None:
    loss = float(binary_focal_crossentropy(2, 0.5)(TRUTH, 1 - TRUTH))
    assert np.isfinite(loss)
    assert loss > 1
