"""The c-ResUnet, layer by layer as published."""

import keras
import pytest

from cellid.config import NetworkSettings
from cellid.models.network import build_network

PUBLISHED = NetworkSettings(architecture="c-resunet", filters=16, depth=3, dropout=0)


def convolution(side: int, before: int, after: int) -> int:
    return (side**2 * before + 1) * after


def norm(channels: int) -> int:
    return 4 * channels


LAYERS = [
    # colours, and the first level, which has no identity path
    convolution(1, 3, 1),
    *(norm(1), convolution(3, 1, 16), norm(16), convolution(3, 16, 16)),
    # two residual levels after a pooling each, the identity by a 1×1 convolution
    *(norm(16), convolution(3, 16, 32), norm(32), convolution(3, 32, 32), convolution(1, 16, 32)),
    *(norm(32), convolution(3, 32, 64), norm(64), convolution(3, 64, 64), convolution(1, 32, 64)),
    # the bottleneck of 5×5: the second block keeps its channels and needs no 1×1
    *(norm(64), convolution(5, 64, 128), norm(128), convolution(5, 128, 128)),
    convolution(1, 64, 128),
    *(norm(128), convolution(5, 128, 128), norm(128), convolution(5, 128, 128)),
    # up by 2×2, concatenated, two convolutions
    *(convolution(2, 128, 64), norm(128), convolution(3, 128, 64), norm(64)),
    convolution(3, 64, 64),
    *(convolution(2, 64, 32), norm(64), convolution(3, 64, 32), norm(32)),
    convolution(3, 32, 32),
    *(convolution(2, 32, 16), norm(32), convolution(3, 32, 16), norm(16)),
    convolution(3, 16, 16),
    convolution(1, 16, 1),
]


@pytest.fixture(scope="module")
def published() -> keras.Model:
    return build_network(PUBLISHED, n_channels=3)


def test_each_layer_has_the_published_number_of_weights(published: keras.Model) -> None:
    assert [n for x in published.layers if (n := x.count_params())] == LAYERS
    assert published.count_params() == sum(LAYERS) == 1_709_177


def test_grey_images_have_no_colours_to_mix(published: keras.Model) -> None:
    grey = build_network(PUBLISHED, n_channels=1)
    assert [x.name for x in grey.layers if x.name != "image"] == [
        x.name for x in published.layers if x.name not in ("image", "colour_conv")
    ]


def test_convolutions_come_after_norm_and_elu(published: keras.Model) -> None:
    for block in ("down0", "down2", "bottleneck2", "up0"):
        for i in (1, 2):
            norm, elu, conv = (
                published.get_layer(f"{block}_{kind}{i}") for kind in ("norm", "elu", "conv")
            )
            assert elu.input is norm.output
            assert conv.input is elu.output
            assert elu.activation is keras.activations.elu


def test_short_and_long_connections(published: keras.Model) -> None:
    layer = published.get_layer
    for level, skip in ((0, "down0_conv2"), (1, "down1_add"), (2, "down2_add")):
        below, short = layer(f"up{level}_concat").input
        assert below is layer(skip).output
        assert short is layer(f"up{level}_transpose").output
        assert layer(f"up{level}_norm1").input is layer(f"up{level}_concat").output
        assert set(map(id, layer(f"up{level}_add").input)) == {
            id(short),
            id(layer(f"up{level}_conv2").output),
        }
    identity = {"down1": "down0_pool", "down2": "down1_pool", "bottleneck1": "down2_pool"}
    for block, before in identity.items():
        assert layer(f"{block}_identity").input is layer(before).output
        assert layer(f"{block}_add").input[1] is layer(f"{block}_identity").output
    assert layer("bottleneck2_add").input[1] is layer("bottleneck1_add").output
    assert layer("up2_transpose").input is layer("bottleneck2_add").output
