"""What is told of the steps of an epoch."""

import keras
import numpy as np
import pytest

from cellid.training.dynamics import SGD, Adam, TellDynamics


def fit(
    optimizer: keras.optimizers.Optimizer, epochs: int, power: int = 1
) -> dict[str, list[float]]:
    """Return the history of making (2·w)^power small, from w = 3, with two steps an epoch."""
    inputs = keras.Input((1,))
    start = keras.initializers.Constant(3.0)
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer=start)
    model = keras.Model(inputs, 2 * dense(inputs))
    model.compile(optimizer, loss=lambda true, found: found**power)
    x = np.ones((2, 1), np.float32)
    callbacks = [TellDynamics()]
    return model.fit(x, x, 1, epochs, shuffle=False, verbose=0, callbacks=callbacks).history


def test_the_gradient_is_told_before_it_is_cut_and_the_rate_after_the_last_step() -> None:
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5, staircase=True)
    told = fit(SGD(rate, global_clipnorm=0.5), epochs=2)
    assert told["gradient_norm"] == pytest.approx([2.0, 2.0])
    assert told["learning_rate"] == pytest.approx([0.05, 0.025])
    assert told["loss"][0] == pytest.approx((6 + 6 - 2 * 0.1 * 0.5) / 2)
    assert all(0 <= second < 60 for second in told["epoch_s"])
    assert all(megabytes > 10 for megabytes in told["memory_mb"])


def test_mixed_precision_hides_nothing_and_other_optimizers_do_without() -> None:
    wrapped = keras.optimizers.LossScaleOptimizer(Adam(0.1), initial_scale=4.0)
    assert fit(wrapped, epochs=1)["gradient_norm"] == pytest.approx([2.0])
    assert "gradient_norm" not in fit(keras.optimizers.Adam(0.1), epochs=1)


def test_every_epoch_has_a_mean_of_its_own() -> None:
    told = fit(SGD(0.05), epochs=2, power=2)
    # the gradient is 8·w, and a step leaves 0.6 of w
    assert told["gradient_norm"] == pytest.approx([(24 + 14.4) / 2, (8.64 + 5.184) / 2])
