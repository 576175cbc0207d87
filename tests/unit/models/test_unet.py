"""The U-Net: its size, its reach, and what lies in its layers."""

import keras
import numpy as np
import pytest

from cellid.config import NetworkSettings
from cellid.models.network import alignment_px, build_network, receptive_radius_px
from cellid.recipes import load_recipe

THESIS = load_recipe("thesis").model


@pytest.fixture(scope="module")
def thesis() -> keras.Model:
    return build_network(THESIS)


def test_the_thesis_network_has_the_thesis_number_of_weights(thesis: keras.Model) -> None:
    assert thesis.count_params() == 31_054_145
    assert sum(int(np.prod(w.shape)) for w in thesis.trainable_weights) == 31_042_369


def test_the_thesis_network_has_the_thesis_layers(thesis: keras.Model) -> None:
    kinds = [type(layer).__name__ for layer in thesis.layers]
    assert kinds.count("Conv2D") == 2 * 9 + 1
    assert kinds.count("Conv2DTranspose") == kinds.count("MaxPooling2D") == 4
    assert kinds.count("BatchNormalization") == kinds.count("Dropout") == 2 * 9
    assert kinds.count("Concatenate") == 4
    hidden = [x for x in thesis.layers if isinstance(x, keras.layers.Conv2D) and x.filters > 1]
    assert [x.filters for x in hidden if type(x) is keras.layers.Conv2D] == [
        *(64, 64, 128, 128, 256, 256, 512, 512, 1024, 1024),
        *(512, 512, 256, 256, 128, 128, 64, 64),
    ]
    assert all(isinstance(x.kernel_initializer, keras.initializers.HeNormal) for x in hidden)
    assert {x.rate for x in thesis.layers if isinstance(x, keras.layers.Dropout)} == {0.05}


def test_each_level_up_sees_its_level_down(thesis: keras.Model) -> None:
    for level in range(4):
        below, above = thesis.get_layer(f"up{level}_concat").input
        assert below is thesis.get_layer(f"down{level}_drop2").output
        assert above is thesis.get_layer(f"up{level}_transpose").output


def test_each_convolution_is_normalised_before_its_relu_and_dropped_after(
    thesis: keras.Model,
) -> None:
    names = [layer.name for layer in thesis.layers]
    for i, name in enumerate(names):
        if "_conv" in name and not name.startswith("probability"):
            follow = [name.replace("conv", kind) for kind in ("norm", "relu", "drop")]
            assert names[i + 1 : i + 4] == follow


@pytest.mark.parametrize("channels", [1, 3])
def test_any_aligned_size_gives_a_probability_of_that_size(channels: int) -> None:
    settings = NetworkSettings(filters=2, depth=3, input_channels=channels)
    model = build_network(settings)
    assert alignment_px(settings) == 8
    image = np.random.default_rng(0).normal(size=(2, 24, 40, channels)).astype(np.float32)
    output = keras.ops.convert_to_numpy(model(image, training=False))
    assert output.shape == (2, 24, 40, 1)
    assert output.dtype == np.float32
    assert ((output > 0) & (output < 1)).all()


def test_without_dropout_there_is_no_dropout_layer() -> None:
    model = build_network(NetworkSettings(filters=2, depth=1, dropout=0))
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in model.layers)


def test_running_statistics_follow_the_batches_as_fast_as_set() -> None:
    images = np.random.default_rng(0).normal(5, 3, (4, 16, 16, 1)).astype(np.float32)
    means = []
    for momentum in (0.99, 0.5):
        keras.utils.set_random_seed(1)
        model = build_network(NetworkSettings(filters=2, depth=1, norm_momentum=momentum))
        model(images, training=True)
        means.append(np.asarray(model.get_layer("down0_norm1").moving_mean))
    np.testing.assert_allclose(means[1], 50 * means[0], rtol=1e-4)


def test_the_probability_is_float32_in_mixed_precision() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_network(NetworkSettings(filters=2, depth=1))
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("down0_conv1").compute_dtype == "bfloat16"
    assert model.output.dtype == "float32"


def reach(settings: NetworkSettings, offset: int) -> int:
    """Return how far from a pixel the output changes when that pixel does."""
    keras.utils.set_random_seed(0)
    model = build_network(settings)
    for layer in model.layers:
        # All kernels positive and no ReLU at rest: every path to a pixel shows
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.abs(layer.get_weights()[0]), layer.get_weights()[1]])
    side = 2 * receptive_radius_px(settings) + 4 * alignment_px(settings)
    image = np.ones((1, side, side, 1), np.float32)
    other = image.copy()
    pixel = side // 2 + offset
    other[0, pixel, pixel] = 1e3  # poolings take the highest, so that it is always seen
    features = keras.Model(model.input, model.get_layer("probability_conv").output)
    before, after = (
        keras.ops.convert_to_numpy(features(x, training=False)) for x in (image, other)
    )
    changed = np.argwhere(np.abs(after - before)[0, ..., 0] > 1e-6 * np.abs(before).max())
    return int(np.abs(changed - pixel).max())


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_nothing_reaches_further_than_the_receptive_radius(depth: int) -> None:
    settings = NetworkSettings(filters=2, depth=depth, dropout=0)
    furthest = max(reach(settings, offset) for offset in range(2**depth))
    radius = receptive_radius_px(settings)
    assert furthest <= radius
    assert furthest > radius - 2**depth  # no larger than it must be


def test_the_thesis_network_sees_at_least_93_pixels_around() -> None:
    settings = NetworkSettings(filters=1, depth=4, dropout=0)
    furthest = max(reach(settings, offset) for offset in range(16))
    assert 93 <= furthest <= 4 * 15 + 2 * 16 + 15
    assert receptive_radius_px(settings) == 112
