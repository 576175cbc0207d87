"""Inference by tiles is inference on the whole image."""

import keras
import numpy as np
import pytest

from cellid.config import NetworkSettings
from cellid.models.inference import infer_maps
from cellid.models.network import build_network, receptive_radius_px

SETTINGS = NetworkSettings(filters=3, depth=2)


def shaken(settings: NetworkSettings, n_channels: int = 1) -> keras.Model:
    """Return a network whose batch statistics are those of no fresh one."""
    keras.utils.set_random_seed(3)
    model = build_network(settings, n_channels)
    random = np.random.default_rng(3)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = (w.shape for w in layer.get_weights())
            layer.set_weights(
                [
                    random.uniform(0.7, 1.5, gamma),
                    random.normal(0, 0.5, beta),
                    random.normal(0, 0.5, mean),
                    random.uniform(0.3, 2, variance),
                ]
            )
    return model


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return shaken(SETTINGS)


@pytest.mark.parametrize("shape", [(143, 171), (128, 128), (64, 333), (17, 5), (1, 1)])
def test_the_tile_size_does_not_matter(model: keras.Model, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    whole = infer_maps(model, SETTINGS, image, 4096, 1)
    assert whole.shape == (1, *shape)
    assert whole.dtype == np.float32
    assert np.ptp(whole) > 0.1 or whole.size < 100
    for tile_px, batch_size in ((64, 1), (65, 3), (100, 4), (160, 2)):
        tiled = infer_maps(model, SETTINGS, image, tile_px, batch_size)
        np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_small_images_are_really_tiled(model: keras.Model) -> None:
    calls = []

    def spy(batch: np.ndarray, training: bool) -> np.ndarray:
        calls.append(batch.shape)
        return model(batch, training=training)

    image = np.zeros((203, 311), np.float32)
    infer_maps(spy, SETTINGS, image, 100, 4)  # type: ignore[arg-type]
    assert sum(shape[0] for shape in calls) > 4
    assert {shape[1:3] for shape in calls} == {(100, 100)}
    assert max(shape[0] for shape in calls) == 4
    assert receptive_radius_px(SETTINGS) < 50


def test_an_aligned_image_is_one_call_of_the_network(model: keras.Model) -> None:
    image = np.random.default_rng(1).normal(size=(64, 96)).astype(np.float32)
    direct = keras.ops.convert_to_numpy(model(image[None, ..., None], training=False))[..., 0]
    np.testing.assert_allclose(infer_maps(model, SETTINGS, image, 256, 1), direct, atol=1e-6)


@pytest.mark.parametrize("name", ["unet", "c-resunet"])
def test_channels_are_passed_on(name: str) -> None:
    settings = NetworkSettings(architecture=name, filters=2, depth=2)
    network = shaken(settings, n_channels=3)
    image = np.random.default_rng(0).normal(size=(150, 131, 3)).astype(np.float32)
    whole = infer_maps(network, settings, image, 4096, 1)
    assert whole.shape == (1, 150, 131)
    np.testing.assert_allclose(infer_maps(network, settings, image, 96, 2), whole, atol=1e-5)


def test_a_deeper_network_agrees_too() -> None:
    settings = NetworkSettings(filters=1, depth=4)
    network = shaken(settings)
    image = np.random.default_rng(0).normal(size=(300, 411)).astype(np.float32)
    whole = infer_maps(network, settings, image, 4096, 1)
    np.testing.assert_allclose(infer_maps(network, settings, image, 256, 2), whole, atol=1e-5)
