"""ResNets with weights by a rule against torchvision's (`fixtures/make_resnet.py`)."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.io.state_dict import read_state_dict
from cellid.models.pretrained import load_backbone_weights
from cellid.nn.resnet import STAGES, Variant, resnet_stages

from .fixtures.seeded_weights import draw, draw_image
from .fixtures.state_dicts import write_safetensors

FIXTURE = np.load(Path(__file__).parent / "fixtures" / "resnet.npz")
EVERY = 32  # of the channels are in the fixture


def features_of(variant: Variant, channels: int, weights: Path) -> keras.Model:
    inputs = keras.Input((None, None, channels))
    model = keras.Model(inputs, resnet_stages(inputs, variant))
    load_backbone_weights(model, weights)
    return model


@pytest.fixture(scope="module", params=["resnet18", "resnet50"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """A variant, a file of its weights with the head, and the network on RGB with them."""
    shapes = json.loads(str(FIXTURE[f"{request.param} shapes"]))
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    write_safetensors(path, {name: draw(name, tuple(shape)) for name, shape in shapes.items()})
    return request.param, path, features_of(request.param, 3, path)


def test_every_stage_has_torchvisions_features(loaded: tuple) -> None:
    variant, _, model = loaded
    image = draw_image((1, 3, 65, 97)).transpose(0, 2, 3, 1)
    for stage, features in zip(STAGES, model(image, training=False), strict=True):
        here = keras.ops.convert_to_numpy(features)[0, :, :, ::EVERY]
        np.testing.assert_allclose(here, FIXTURE[f"{variant} {stage}"], rtol=0, atol=1e-4)
    assert model.outputs == [model.get_layer(stage).output for stage in STAGES]


@pytest.mark.parametrize("loaded", ["resnet18"], indirect=True)
def test_a_grey_image_is_seen_as_its_three_copies(loaded: tuple) -> None:
    variant, path, model = loaded
    grey = draw_image((1, 40, 33, 1))
    expected = model(np.repeat(grey, 3, axis=-1), training=False)
    for here, there in zip(features_of(variant, 1, path)(grey), expected, strict=True):
        np.testing.assert_allclose(here, there, rtol=0, atol=1e-4)


@pytest.mark.parametrize("loaded", ["resnet18"], indirect=True)
def test_what_does_not_fit_is_told_by_name_and_nothing_changes(
    loaded: tuple, tmp_path: Path
) -> None:
    _, path, model = loaded
    weights = {name: array + 1 for name, array in read_state_dict(path).items()}
    del weights["layer1.0.bn1.running_mean"]
    weights["layer9.weight"] = np.ones(3, np.float32)
    weights["bn1.bias"] = np.ones(3, np.float32)
    other = tmp_path / "other.safetensors"
    write_safetensors(other, weights)
    before = model.get_weights()
    with pytest.raises(CellidError) as told:
        load_backbone_weights(model, other)
    assert told.value.got == (
        "missing: layer1.0.bn1.running_mean; not known: layer9.weight; "
        "of another shape: bn1.bias (3,)"
    )
    for now, was in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, was)


def test_the_parameters_of_a_grey_network_with_one_output_are_as_many_as_torchvisions() -> None:
    inputs = keras.Input((None, None, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(resnet_stages(inputs, "resnet18")[-1])
    model = keras.Model(inputs, keras.layers.Dense(1)(pooled))
    trained = sum(np.prod(variable.shape) for variable in model.trainable_variables)
    assert trained == FIXTURE["parameters"] == 11_170_753
