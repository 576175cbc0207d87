"""What all networks have in common: shapes, precision and reach."""

import re
from typing import get_args

import keras
import numpy as np
import pytest

from cellid.config import NetworkSettings
from cellid.models.network import alignment_px, build_network, receptive_radius_px

NAMES = get_args(NetworkSettings.model_fields["architecture"].annotation)
each_network = pytest.mark.parametrize("name", NAMES)


@each_network
@pytest.mark.parametrize("channels", [1, 3])
def test_any_aligned_size_gives_a_probability_of_that_size(name: str, channels: int) -> None:
    settings = NetworkSettings(architecture=name, filters=2, depth=3)
    model = build_network(settings, channels)
    assert alignment_px(settings) == 8
    image = np.random.default_rng(0).normal(size=(2, 24, 40, channels)).astype(np.float32)
    output = keras.ops.convert_to_numpy(model(image, training=False))
    assert output.shape == (2, 24, 40, 1)
    assert output.dtype == np.float32
    assert ((output >= 0) & (output <= 1)).all()
    assert np.ptp(output) > 0.01


@each_network
@pytest.mark.parametrize("dropout", [0, 0.1])
def test_every_hidden_convolution_is_followed_by_dropout_if_any(name: str, dropout: float) -> None:
    settings = NetworkSettings(architecture=name, filters=2, depth=1, dropout=dropout)
    model = build_network(settings, n_channels=1)
    dropped = [x for x in model.layers if isinstance(x, keras.layers.Dropout)]
    assert [x.rate for x in dropped] == [dropout] * len(dropped)
    n_convolutions = sum(bool(re.search(r"_conv\d$", x.name)) for x in model.layers)
    assert len(dropped) == (n_convolutions if dropout else 0)


@each_network
def test_running_statistics_follow_the_batches_as_fast_as_set(name: str) -> None:
    images = np.random.default_rng(0).normal(5, 3, (4, 16, 16, 1)).astype(np.float32)
    means = []
    for momentum in (0.99, 0.5):
        keras.utils.set_random_seed(1)
        model = build_network(
            NetworkSettings(architecture=name, filters=2, depth=1, norm_momentum=momentum), 1
        )
        model(images, training=True)
        means.append(np.asarray(model.get_layer("down0_norm1").moving_mean))
    np.testing.assert_allclose(means[1], 50 * means[0], rtol=1e-4)


@each_network
def test_the_probability_is_float32_in_mixed_precision(name: str) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_network(NetworkSettings(architecture=name, filters=2, depth=1), 1)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("down0_conv1").compute_dtype == "bfloat16"
    assert model.output.dtype == "float32"


def reach(settings: NetworkSettings) -> int:
    """Return how far from a pixel the output changes when that pixel does, wherever it lies."""
    keras.utils.set_random_seed(0)
    model = build_network(settings, n_channels=1)
    for layer in model.layers:
        # All kernels positive and no unit at rest: every path to a pixel shows
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.abs(layer.get_weights()[0]), layer.get_weights()[1]])
    step = alignment_px(settings)
    side = 2 * receptive_radius_px(settings) + 4 * step
    pixels = side // 2 + np.arange(step)
    images = np.ones((step + 1, side, side, 1), np.float32)
    images[np.arange(step), pixels, pixels] = 1e3  # poolings take the highest, so that it is seen
    features = keras.Model(model.input, model.get_layer("probability_conv").output)
    *after, before = keras.ops.convert_to_numpy(features(images, training=False))[..., 0]
    return max(
        int(np.abs(np.argwhere(np.abs(one - before) > 1e-6 * np.abs(before).max()) - pixel).max())
        for one, pixel in zip(after, pixels, strict=True)
    )


@each_network
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_nothing_reaches_further_than_the_receptive_radius(name: str, depth: int) -> None:
    settings = NetworkSettings(architecture=name, filters=2, depth=depth, dropout=0)
    radius = receptive_radius_px(settings)
    assert radius - 2**depth < reach(settings) <= radius  # no larger than it must be


def test_the_thesis_network_sees_at_least_93_pixels_around() -> None:
    settings = NetworkSettings(filters=1, depth=4, dropout=0)
    assert 93 <= reach(settings) <= 4 * 15 + 2 * 16 + 15
    assert receptive_radius_px(settings) == 112
