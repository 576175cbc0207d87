"""What is trained of a ResNet, and what is held."""

import keras
import numpy as np
import pytest

from cellid.nn.resnet import backbone_parts, freeze, resnet_stages


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
