"""Heat of networks small enough to know it by hand, and the same on other backends."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from cellid.config import ExplainSettings
from cellid.explain import Explainer, coarsen_mask
from cellid.explain.gradcam import (
    find_stride,
    spread_heat,
    weigh_channels,
    weigh_channels_twice,
)

RANDOM = np.random.default_rng(0)
SHAPE = 40, 70  # of maps of 2 × 3 places at the last stage
IMAGES = RANDOM.normal(size=(3, *SHAPE, 1)).astype(np.float32)
METHODS = ["gradcam", "gradcam++"]


def build(weights: list[np.ndarray] | None = None) -> keras.Model:
    """Return two convolutions, the second as "layer4", their means, and a sigmoid."""
    inputs = keras.Input((*SHAPE, 1))
    x = keras.layers.Conv2D(4, 3, strides=8, padding="same", activation="relu")(inputs)
    x = keras.layers.Conv2D(5, 3, strides=4, padding="same", activation="relu", name="layer4")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
    if weights:
        model.set_weights(weights)
    return model


@pytest.fixture(scope="module")
def model() -> keras.Model:
    model = build()
    model.set_weights([RANDOM.normal(size=w.shape) for w in model.get_weights()])
    return model


def explain(model: keras.Model, method: str):
    return Explainer(model, ExplainSettings(method=method)).explain(IMAGES)


def test_after_a_mean_the_heat_is_the_class_activation_map(model: keras.Model) -> None:
    maps = keras.Model(model.input, model.get_layer("layer4").output).predict(IMAGES, verbose=0)
    kernel, bias = model.layers[-1].get_weights()
    added = (maps @ kernel)[..., 0] / maps[0, :, :, 0].size  # Zhou et al., CVPR 2016
    explained = explain(model, "gradcam")
    np.testing.assert_allclose(explained.heat, np.maximum(added, 0), atol=1e-5)
    assert explained.stride_px == 32
    np.testing.assert_allclose(explained.vector, maps.mean(axis=(1, 2)), atol=1e-5)
    logit = np.log(explained.probability / (1 - explained.probability))
    np.testing.assert_allclose(added.sum(axis=(1, 2)) + bias, logit, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_a_sure_network_has_the_heat_of_an_unsure_one(model: keras.Model, method: str) -> None:
    sure = build(model.get_weights())
    sure.layers[-1].bias.assign([200])
    explained = explain(sure, method)
    assert (explained.probability == 1).all()
    assert explained.heat.any()
    np.testing.assert_array_equal(explained.heat, explain(model, method).heat)


def test_channels_are_weighed_by_hand() -> None:
    activations = np.array([[1, 2], [3, 4]], np.float32).reshape(1, 2, 1, 2)
    gradient = np.array([[1, 0], [3, -2]], np.float32).reshape(1, 2, 1, 2)
    assert weigh_channels(activations, gradient).tolist() == [[2, -1]]
    # the first channel adds up to 4: 1 / (2 + 4) of 1, and 9 / (18 + 108) of 3
    expected = [[1 / 6 + 9 / 126 * 3, 0]]
    np.testing.assert_allclose(weigh_channels_twice(activations, gradient), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("length", "n", "stride"), [(255, 8, 32), (256, 8, 32), (65, 3, 32), (65, 17, 4)]
)
def test_a_stride_is_known_by_what_a_map_holds(length: int, n: int, stride: int) -> None:
    assert find_stride(length, n) == stride


def test_heat_is_spread_from_where_the_network_looked() -> None:
    heat = np.array([[[0, 8], [0, 0]]], np.float32)
    spread = spread_heat(heat, 4, (7, 6))[0]
    assert spread[0].tolist() == [0, 2, 4, 6, 8, 8]
    assert spread[:, 4].tolist() == [8, 6, 4, 2, 0, 0, 0]


def test_a_mask_is_as_coarse_as_heat() -> None:
    mask = np.zeros((8, 5), bool)
    mask[0, 0] = True  # at a place of the map, which has a weight of 2.5 × 2.5 pixels there
    coarse = coarsen_mask(mask, 4)
    assert coarse[0, 0] == coarse.max() == pytest.approx(1 / 6.25)
    assert coarse[2, 2] == pytest.approx(1 / 25)
    assert not coarse[4:].any()
    np.testing.assert_allclose(coarsen_mask(np.ones((8, 5), bool), 4), 1, rtol=1e-6)


ANOTHER_BACKEND = """
import sys
import numpy as np
from tests.unit.explain.test_gradcam import METHODS, build, explain

model = build(list(np.load(sys.argv[1]).values()))
np.save(sys.argv[2], [explain(model, method).heat for method in METHODS])
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_gives_the_same_heat(
    backend: str, model: keras.Model, tmp_path: Path
) -> None:
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    given, said = tmp_path / "weights.npz", tmp_path / "heat.npy"
    np.savez(given, *model.get_weights())
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER_BACKEND, given, said],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for heat, method in zip(np.load(said), METHODS, strict=True):
        here = explain(model, method).heat
        assert here.max() > 1e-2
        np.testing.assert_allclose(heat, here, atol=1e-4)
