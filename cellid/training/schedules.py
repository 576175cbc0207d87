"""How the learning rate changes over a training, and how to find a good one."""

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import keras
import numpy as np
import pandas as pd
from keras import KerasTensor, ops
from tqdm import tqdm

from cellid.errors import CellidError
from cellid.training.windows import Batch

Rate = float | keras.optimizers.schedules.LearningRateSchedule

_WARM_UP = 0.05  # share of all steps in which the cosine schedule rises to the learning rate
# fastai's `fit_one_cycle`: a quarter of the steps up, from a 25th; then down to 1e-5 of a 25th
_RISE, _START, _END = 0.25, 1 / 25, 1e-5 / 25
_TRIANGLE_FOOT = 1 / 4  # of the highest rate (Smith 2017, section 3.3: a third or a fourth)
_HALF_CYCLE_EPOCHS = 4  # Smith 2017, section 3.2: 2 to 10

# fastai's `lr_find`: rates from 1e-7 to 10 in 100 steps, stopped at four times the least loss
_LOWEST, _HIGHEST, _STEPS, _DIVERGED = 1e-7, 10.0, 100, 4.0
_SMOOTHING = 0.98  # of the loss, an exponential mean without its bias towards 0


class ScheduleSettings(Protocol):
    """How long a training is, and how its learning rate changes."""

    @property
    def epochs(self) -> int:
        """Most epochs."""

    @property
    def schedule(self) -> str:
        """As `TrainSettings.schedule`."""


def make_schedule(settings: ScheduleSettings, learning_rate: float, steps_per_epoch: int) -> Rate:
    """Return the learning rate of every step.

    Parameters
    ----------
    settings : ScheduleSettings
    learning_rate : float
        The highest.
    steps_per_epoch : int
        Batches an epoch.
    """
    steps = settings.epochs * steps_per_epoch
    match settings.schedule:
        case "constant":
            return learning_rate
        case "cosine":
            warm_up = max(1, round(_WARM_UP * steps))
            # Loshchilov and Hutter, "SGDR", ICLR 2017, without restarts
            return keras.optimizers.schedules.CosineDecay(
                initial_learning_rate=learning_rate / 100,
                warmup_target=learning_rate,
                warmup_steps=warm_up,
                decay_steps=max(1, steps - warm_up),
            )
        case "one_cycle":
            return OneCycle(learning_rate, steps)
        case "cyclical":
            return Triangular(learning_rate, _HALF_CYCLE_EPOCHS * steps_per_epoch)


def step_down(learning_rate: float, steps: int, factor: float) -> Rate:
    """Return a learning rate that is multiplied by ``factor`` after every so many ``steps``."""
    return keras.optimizers.schedules.ExponentialDecay(
        learning_rate, decay_steps=steps, decay_rate=factor, staircase=True
    )


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Up by half a cosine, then down by another, once.

    Smith and Topin, "Super-convergence", 2019, with the shape and the numbers of fastai's
    ``fit_one_cycle``. There Adam's momentum falls while the rate rises; Keras compiles it as
    a constant, and it stays.

    Parameters
    ----------
    highest : float
    steps : int
        Of the whole training.
    """

    def __init__(self, highest: float, steps: int) -> None:
        self._highest = highest
        self._rise = max(1.0, _RISE * steps)
        self._fall = max(1.0, steps - self._rise)

    def __call__(self, step: KerasTensor) -> KerasTensor:
        """Return the learning rate of a step, from 0."""
        step = ops.cast(step, "float32")
        up = _ease(_START, 1.0, step / self._rise)
        down = _ease(1.0, _END, ops.minimum((step - self._rise) / self._fall, 1.0))
        return self._highest * ops.where(step < self._rise, up, down)


class Triangular(keras.optimizers.schedules.LearningRateSchedule):
    """Up and down in straight lines, again and again.

    The ``triangular`` policy of Smith, "Cyclical learning rates for training neural
    networks", WACV 2017.

    Parameters
    ----------
    highest : float
    half_cycle : int
        Steps from the lowest rate to the highest.
    """

    def __init__(self, highest: float, half_cycle: int) -> None:
        self._highest = highest
        self._half_cycle = half_cycle

    def __call__(self, step: KerasTensor) -> KerasTensor:
        """Return the learning rate of a step, from 0."""
        phase = ops.cast(step, "float32") / self._half_cycle
        height = 1 - ops.abs(phase % 2 - 1)
        return self._highest * (_TRIANGLE_FOOT + (1 - _TRIANGLE_FOOT) * height)


def _ease(start: float, end: float, share: KerasTensor) -> KerasTensor:
    return end + (start - end) / 2 * (1 + ops.cos(math.pi * share))


def try_learning_rates(model: keras.Model, batches: Sequence[Batch]) -> pd.DataFrame:
    """Try rising learning rates, a step each.

    The learning-rate range test of Smith (2017), as fastai's ``lr_find`` does it. The model
    and its optimizer are as before when it returns.

    Parameters
    ----------
    model : keras.Model
        Compiled with a constant learning rate, its optimizer built.
    batches : sequence of Batch
        Used in turn.

    Returns
    -------
    DataFrame
        ``learning_rate`` and ``loss``, smoothed, a row a step; for `find_valley`.
    """
    variables = [*model.variables, *model.optimizer.variables]
    kept = [np.array(ops.convert_to_numpy(variable)) for variable in variables]
    rows: list[tuple[float, float]] = []
    try:
        for rate, loss in _try_rates(model, batches):
            rows.append((rate, loss))
            if not loss < _DIVERGED * min(each for _, each in rows):
                break
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
        model.reset_metrics()
    return pd.DataFrame(rows, columns=["learning_rate", "loss"])


def _try_rates(model: keras.Model, batches: Sequence[Batch]) -> Iterator[tuple[float, float]]:
    mean = 0.0
    rates = np.geomspace(_LOWEST, _HIGHEST, _STEPS)
    for step, rate in enumerate(tqdm(rates, desc="learning rates", unit="step"), start=1):
        model.optimizer.learning_rate = rate
        images, targets, weights = batches[step % len(batches)]
        model.reset_metrics()
        logs = model.train_on_batch(images, targets, sample_weight=weights, return_dict=True)
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * float(logs["loss"])
        yield float(rate), mean / (1 - _SMOOTHING**step)


def find_valley(tried: pd.DataFrame) -> float:
    """Return the rate halfway along the longest fall of the loss.

    The valley rule of fastai: half of the longest subsequence in which each loss is below
    the one before, counted back from its end.

    Parameters
    ----------
    tried : DataFrame
        ``learning_rate`` and ``loss``, by rising rate.

    Raises
    ------
    CellidError
        If the loss falls nowhere.
    """
    losses = tried["loss"].to_numpy()[_STEPS // 10 : -_STEPS // 20]  # as fastai cuts it
    lengths = np.ones(len(losses), int)
    for end in range(1, len(losses)):
        falls = losses[:end] > losses[end]
        lengths[end] += np.max(lengths[:end], where=falls, initial=0)
    longest = int(lengths.max(initial=0))
    if longest < 2:
        raise CellidError(
            "train.find_learning_rate",
            expected="a rate at which the loss falls",
            got=f"none from {_LOWEST:g} to {_HIGHEST:g}",
            remedy="set train.find_learning_rate=false and train.learning_rate=1e-3, or another",
        )
    third = longest / 3
    halfway = int(np.argmax(lengths)) - longest + int(third) + int(third / 2)
    return float(tried["learning_rate"].iloc[_STEPS // 10 + halfway])
