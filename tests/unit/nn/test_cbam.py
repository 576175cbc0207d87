"""Attention as the paper's formulas say, in NumPy."""

import keras
import numpy as np
import pytest
from scipy.ndimage import correlate

from cellid.nn.cbam import attend

RANDOM = np.random.default_rng(0)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_attention_is_the_papers() -> None:
    inputs = keras.Input((None, None, 32))
    model = keras.Model(inputs, attend(inputs, "cbam"))
    image = RANDOM.normal(size=(1, 9, 11, 32)).astype(np.float32)
    squeeze, excite, places = model.get_weights()

    def answer(values: np.ndarray) -> np.ndarray:
        return np.maximum(values @ squeeze, 0) @ excite

    x = image[0] * sigmoid(answer(image[0].mean(axis=(0, 1))) + answer(image[0].max(axis=(0, 1))))
    maps = (x.mean(axis=-1), x.max(axis=-1))
    by_place = sum(
        correlate(values, places[..., i, 0], mode="constant") for i, values in enumerate(maps)
    )
    expected = x * sigmoid(by_place)[..., None]
    attended = keras.ops.convert_to_numpy(model(image))[0]
    np.testing.assert_allclose(attended, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [64, 512])
def test_its_size(channels: int) -> None:
    inputs = keras.Input((None, None, channels))
    count = keras.Model(inputs, attend(inputs, "cbam")).count_params()
    assert count == 2 * channels * channels // 16 + 2 * 7 * 7
