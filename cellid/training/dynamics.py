"""How a training goes, besides its losses: gradients, learning rate, time and memory."""

import time
from collections.abc import Sequence
from typing import Any

import keras
from keras import KerasTensor, ops

from cellid.training.backend import peak_memory_mb


class WatchedGradients:
    """Makes an optimizer that it is mixed into keep how long the gradients of an epoch were.

    Length is before anything is cut off. It is the optimizer's own variables that keep it, so
    that it works in a compiled step of every backend.
    """

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Make the optimizer's variables."""
        if self.built:
            return
        super().build(variables)
        self._total, self._n_steps = (
            self.add_variable(shape=(), name=name) for name in ("gradient_norms", "gradients")
        )

    def apply(
        self,
        grads: Sequence[KerasTensor],
        trainable_variables: Sequence[keras.Variable] | None = None,
    ) -> Any:
        """Make a step, and keep how long its gradient was."""
        if trainable_variables is not None:
            self.build(trainable_variables)
        squares = [
            ops.sum(ops.square(ops.cast(each, "float32"))) for each in grads if each is not None
        ]
        self._total.assign_add(ops.sqrt(sum(squares)))
        self._n_steps.assign_add(1.0)
        return super().apply(grads, trainable_variables)

    def forget_gradients(self) -> None:
        """Begin an epoch."""
        for variable in (self._total, self._n_steps) if self.built else ():
            variable.assign(0.0)

    @property
    def mean_gradient(self) -> float:
        """Mean length of the gradients since then."""
        return float(ops.convert_to_numpy(self._total / ops.maximum(self._n_steps, 1.0)))


class Adam(WatchedGradients, keras.optimizers.Adam):
    """Keras's, watched."""


class AdamW(WatchedGradients, keras.optimizers.AdamW):
    """Keras's, watched."""


class SGD(WatchedGradients, keras.optimizers.SGD):
    """Keras's, watched."""


class TellDynamics(keras.callbacks.Callback):
    """Adds to the scores of an epoch what is told of its steps.

    ``epoch_s``, seconds of training and validation; ``learning_rate`` after the last step;
    ``memory_mb``, as `peak_memory_mb`; and ``gradient_norm``, the mean length of the gradients,
    where the optimizer is watched.
    """

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Start the clock."""
        self._begin = time.perf_counter()
        if isinstance(self._optimizer, WatchedGradients):
            self._optimizer.forget_gradients()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Add what is told, for those who are called after this one."""
        logs = {} if logs is None else logs
        optimizer = self._optimizer
        if isinstance(optimizer, WatchedGradients):
            logs["gradient_norm"] = optimizer.mean_gradient
        logs["learning_rate"] = float(ops.convert_to_numpy(optimizer.learning_rate))
        logs["epoch_s"] = round(time.perf_counter() - self._begin, 2)
        logs["memory_mb"] = round(peak_memory_mb(), 1)

    @property
    def _optimizer(self) -> keras.optimizers.Optimizer:
        optimizer = self.model.optimizer
        # mixed_float16 wraps it
        return getattr(optimizer, "inner_optimizer", optimizer)
