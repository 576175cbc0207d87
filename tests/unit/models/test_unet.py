"""The U-Net: its size, and what lies in its layers."""

import keras
import numpy as np
import pytest

from cellid.models.network import build_network
from cellid.recipes import load_recipe

THESIS = load_recipe("thesis").model


@pytest.fixture(scope="module")
def thesis() -> keras.Model:
    return build_network(THESIS, n_channels=1)


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
