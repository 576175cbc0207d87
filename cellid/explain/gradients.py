"""The gradient of a model's score by its input: the one place where the backends differ."""

import importlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


def score_gradient(model: keras.Model, inputs: Any) -> NDArray[np.float32]:
    """Return how the score of each sample changes with each of its inputs.

    Parameters
    ----------
    model : keras.Model
        One score a sample, (B, 1), that depends on this sample alone, as in inference.
    inputs : (B, ...) tensor

    Returns
    -------
    float32 of the shape of ``inputs``
    """
    return np.asarray(keras.ops.convert_to_numpy(_BACKENDS[keras.backend.backend()](model, inputs)))


def _tensorflow_gradient(model: keras.Model, inputs: Any) -> Any:
    tensorflow = importlib.import_module("tensorflow")
    with tensorflow.GradientTape() as tape:
        tape.watch(inputs)
        score = model(inputs, training=False)
    return tape.gradient(score, inputs)


def _jax_gradient(model: keras.Model, inputs: Any) -> Any:
    jax = importlib.import_module("jax")

    def total(values: Any) -> Any:
        score, _ = model.stateless_call(
            model.trainable_variables, model.non_trainable_variables, values, training=False
        )
        return score.sum()

    return jax.grad(total)(inputs)


def _torch_gradient(model: keras.Model, inputs: Any) -> Any:
    torch = importlib.import_module("torch")
    leaf = inputs.detach().requires_grad_(True)
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(model(leaf, training=False).sum(), leaf)
    return gradient


_BACKENDS: dict[str, Callable[[keras.Model, Any], Any]] = {
    "tensorflow": _tensorflow_gradient,
    "jax": _jax_gradient,
    "torch": _torch_gradient,
}
