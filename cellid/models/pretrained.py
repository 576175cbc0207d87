"""Pretrained weights of torchvision's in a ResNet of `cellid.nn.resnet`."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.io.pretrained_files import locate
from cellid.io.state_dict import StateDict, read_state_dict
from cellid.nn.resnet import backbone_parts

Array = NDArray[np.generic]


class Place(NamedTuple):
    """Where an array of a file belongs: a variable, and how the array is brought to its order."""

    variable: keras.Variable
    convert: Callable[[Array], Array]


# Keras's name of a variable: PyTorch's
_CONVOLUTION = {"kernel": "weight"}
_BATCH_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}

# What a file may hold that a backbone has no place for: the head, and how often batch norm was run
_HEAD = "fc."
COUNT = ".num_batches_tracked"


def load_backbone_weights(model: keras.Model, source: str | Path) -> None:
    """Put pretrained weights into the ResNet of a model; all other layers stay as they are.

    The first convolution of an RGB network is summed over its channels for a grey one, which then
    makes of a grey image what the RGB network makes of its three copies, if all three are
    scaled alike.

    Parameters
    ----------
    model : keras.Model
        With the layers of `cellid.nn.resnet.resnet_stages`.
    source : str or Path
        A file of torchvision's ResNet (``.pth``, ``.safetensors``), with its head or
        without; or a name of `cellid.io.pretrained_files.PRETRAINED`, which is fetched.

    Raises
    ------
    CellidError
        If the file cannot be had or read, or is of another network: what it lacks, what it has too
        many and what has another shape is told by name, and the model stays as it was.
    """
    path = locate(source)
    weights = {
        name: array
        for name, array in read_state_dict(path).items()
        if not name.startswith(_HEAD) and not name.endswith(COUNT)
    }
    assign_weights(weights, dict(backbone_places(model)), path, "ResNet")


def assign_weights(
    weights: StateDict, places: Mapping[str, Place], path: Path, network: str
) -> None:
    """Put arrays in their places, all of them or none.

    Parameters
    ----------
    weights : dict of str to array
        By PyTorch's names.
    places : mapping of str to Place
        By the same names.
    path : Path
        Where the arrays come from, for the error.
    network : str
        What they are of, for the error.

    Raises
    ------
    CellidError
        If not every array has a place of its shape, or not every place an array.
    """
    arrays = {
        name: places[name].convert(array) for name, array in weights.items() if name in places
    }
    problems = {
        "missing": [name for name in places if name not in weights],
        "not known": [name for name in weights if name not in places],
        "of another shape": [
            f"{name} {weights[name].shape}"
            for name, array in arrays.items()
            if array.shape != tuple(places[name].variable.shape)
        ],
    }
    if any(problems.values()):
        told = [f"{what}: {', '.join(names)}" for what, names in problems.items() if names]
        raise CellidError(
            path,
            expected=f"the {len(places)} arrays of the model's {network}, by torchvision's names",
            got="; ".join(told),
            remedy="choose weights of the same network, or the network of these weights",
        )
    for name, array in arrays.items():
        places[name].variable.assign(array)


def backbone_places(model: keras.Model) -> Iterator[tuple[str, Place]]:
    """Yield torchvision's name and the place of each array of a model's ResNet."""
    for part in backbone_parts(model):
        for layer in part:
            names = _CONVOLUTION if isinstance(layer, keras.layers.Conv2D) else _BATCH_NORM
            for ours, theirs in names.items():
                variable = getattr(layer, ours)
                convert = partial(kernel_in_keras_order, shape=tuple(variable.shape))
                yield f"{layer.name.replace('_', '.')}.{theirs}", Place(variable, convert)


def kernel_in_keras_order(array: Array, shape: tuple[int, ...]) -> Array:
    """Bring a kernel from (O, I, Y, X) to (Y, X, I, O), summed over I where ``shape`` has one."""
    if array.ndim != 4 or len(shape) != 4:
        return array
    kernel = array.transpose(2, 3, 1, 0)
    return kernel.sum(axis=2, keepdims=True) if shape[2] == 1 else kernel
