"""What is trained of a ResNet, and what is held."""

import keras
import numpy as np
import pytest

from cellid.nn.resnet import backbone_parts, freeze, resnet_stages, set_norm_momentum


@pytest.fixture(scope="module")
def model() -> keras.Model:
    inputs = keras.Input((None, None, 2))
    pooled = keras.layers.GlobalAveragePooling2D()(resnet_stages(inputs, "resnet18")[-1])
    return keras.Model(inputs, keras.layers.Dense(1)(pooled))


@pytest.mark.parametrize("parts", [2, 5, 0])
def test_a_held_part_has_nothing_to_train_and_keeps_its_statistics(
    model: keras.Model, parts: int
) -> None:
    freeze(model, parts)
    stem_and_stages = backbone_parts(model)
    trained = [sum(len(x.trainable_variables) for x in part) for part in stem_and_stages]
    assert trained == [n * (i >= parts) for i, n in enumerate([3, 12, 15, 15, 15])]
    assert len(model.trainable_variables) == sum(trained) + 2  # and the head

    before = [part[-1].get_weights() for part in stem_and_stages]
    model(np.random.default_rng(0).normal(size=(2, 32, 32, 2)), training=True)
    after = [part[-1].get_weights() for part in stem_and_stages]
    kept = [np.array_equal(a, b) for a, b in zip(after, before, strict=True)]
    assert kept == [i < parts for i in range(5)]


@pytest.mark.parametrize("momentum", [0.0, 0.75])
def test_running_statistics_keep_as_much_as_is_said(momentum: float) -> None:
    inputs = keras.Input((None, None, 2))
    model = keras.Model(inputs, resnet_stages(inputs, "resnet18")[0])
    set_norm_momentum(model, momentum)
    image = np.random.default_rng(0).normal(1, 1, size=(2, 32, 32, 2)).astype(np.float32)
    stem = keras.Model(inputs, model.get_layer("conv1").output)
    means = np.mean(stem(image), axis=(0, 1, 2))
    model(image, training=True)
    norms = [layer for layer in model.layers if "bn" in layer.name]
    assert {layer.momentum for layer in norms} == {momentum}
    moved = model.get_layer("bn1").moving_mean
    np.testing.assert_allclose(moved, (1 - momentum) * means, rtol=1e-4, atol=1e-5)
