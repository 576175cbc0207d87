"""Which levels a pyramid has."""

import keras
import numpy as np
import pytest

from cellid.nn.fpn import feature_pyramid

SIDES = {2: 17, 3: 9, 4: 5, 5: 3, 6: 2, 7: 1}


@pytest.fixture(scope="module")
def stages() -> list:
    """C2 to C5 of an image of 66 × 66 pixels, of 3 to 6 channels."""
    return [keras.Input((SIDES[i], SIDES[i], i + 1)) for i in (2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("levels", "top"),
    [((2, 3, 4, 5, 6), "pool"), ((3, 4, 5, 6, 7), "c5"), ((4, 5, 6), "p5"), ((2, 3), "p5")],
)
def test_levels(stages: list, levels: tuple, top: str) -> None:
    pyramid = feature_pyramid(stages, levels, filters=2, top=top)
    assert [level.shape[1:] for level in pyramid] == [(SIDES[i], SIDES[i], 2) for i in levels]
    kernels = {
        layer.name: layer.kernel.shape
        for layer in keras.Model(stages[levels[0] - 2 :], pyramid).layers
        if isinstance(layer, keras.layers.Conv2D)
    }
    if top == "pool":
        assert not any("extra" in name for name in kernels)
    elif levels[-1] > 5:
        assert kernels["fpn_extra_blocks_p6"] == (3, 3, 6 if top == "c5" else 2, 2)


def test_the_pool_level_is_every_other_place(stages: list) -> None:
    pyramid = feature_pyramid(stages, (5, 6), filters=2, top="pool")
    image = np.random.default_rng(0).normal(size=(1, 3, 3, 6)).astype(np.float32)
    fifth, sixth = keras.Model(stages[3], pyramid)(image)
    np.testing.assert_array_equal(sixth, np.asarray(fifth)[:, ::2, ::2])
