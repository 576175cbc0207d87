"""Learning rates over a training, and how a good one is found."""

import keras
import numpy as np
import pandas as pd
import pytest

from cellid.config import Recipe, TrainSettings
from cellid.errors import CellidError
from cellid.models.network import build_network
from cellid.training.schedules import (
    find_valley,
    make_schedule,
    step_down,
    try_learning_rates,
)
from cellid.training.train import compile_model


def rates(schedule: str, epochs: int = 100) -> np.ndarray:
    made = make_schedule(TrainSettings(schedule=schedule, epochs=epochs), 0.01, steps_per_epoch=10)  # type: ignore[arg-type]
    return np.array([float(made(step)) for step in range(10 * epochs + 1)])  # type: ignore[operator]


def test_a_constant_rate_is_a_number() -> None:
    assert make_schedule(TrainSettings(), 0.01, steps_per_epoch=10) == 0.01


def test_a_step_multiplies_the_rate_every_so_often() -> None:
    rate = step_down(1e-4, steps=3, factor=0.1)
    made = [float(rate(step)) for step in range(8)]  # type: ignore[operator]
    assert made == pytest.approx([1e-4] * 3 + [1e-5] * 3 + [1e-6] * 2)


def test_the_cosine_rises_then_falls_to_zero() -> None:
    every = rates("cosine")
    assert every[0] == pytest.approx(1e-4)
    assert every[50] == every.max() == pytest.approx(0.01)
    assert np.diff(every[50:]).max() < 0
    assert every[-1] == pytest.approx(0, abs=1e-9)
    assert every[525] == pytest.approx(0.005, rel=1e-3)


def test_one_cycle_rises_for_a_quarter_and_ends_where_fastai_s_does() -> None:
    every = rates("one_cycle")
    assert every[0] == pytest.approx(0.01 / 25)
    assert every[250] == every.max() == pytest.approx(0.01)
    assert every[125] == pytest.approx((0.01 + 0.01 / 25) / 2, rel=1e-4)
    assert np.diff(every[:250]).min() > 0
    assert np.diff(every[250:]).max() < 0
    assert every[625] == pytest.approx(0.005, rel=1e-3)
    assert every[-1] == pytest.approx(0.01 / 25e5, abs=1e-9)


def test_cyclical_rates_go_up_and_down_in_lines() -> None:
    every = rates("cyclical", epochs=20)
    assert every[0] == every[80] == every[160] == pytest.approx(0.0025)
    assert every[40] == every[120] == every.max() == pytest.approx(0.01)
    np.testing.assert_allclose(np.abs(np.diff(every)), 0.0075 / 40, rtol=1e-3)


def tried(losses: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"learning_rate": np.geomspace(1e-7, 10, len(losses)), "loss": losses})


def test_the_valley_is_found_where_fastai_s_rule_finds_it() -> None:
    # Flat, then falling from step 40 to 69, then rising: of the 31 falling points the 16th
    losses = [1.0] * 40 + [1 - i / 40 for i in range(1, 31)] + [2.0 + i for i in range(30)]
    assert find_valley(tried(losses)) == tried(losses)["learning_rate"][10 + 59 - 31 + 10 + 5]
    losses[50] = 5.0  # one bad batch does not cut the fall in two
    assert find_valley(tried(losses)) == tried(losses)["learning_rate"][10 + 59 - 30 + 10 + 5]


@pytest.mark.parametrize("losses", [[1.0] * 100, list(range(100)), [3.0, 2.0, 1.0]])
def test_without_a_fall_no_rate_is_made_up(losses: list[float]) -> None:
    with pytest.raises(CellidError, match=r"train\.find_learning_rate"):
        find_valley(tried(losses))


def test_trying_rates_leaves_the_model_as_it_was(tiny_recipe: Recipe) -> None:
    keras.utils.set_random_seed(1)
    model = build_network(tiny_recipe.model, n_channels=1)
    compile_model(model, TrainSettings(), rate=1.0)
    random = np.random.default_rng(0)
    image = random.normal(size=(2, 32, 32, 1)).astype(np.float32)
    batch = (image, np.float32(image > 0.5), np.ones((2, 32, 32), np.float32))
    before = [
        keras.ops.convert_to_numpy(variable).copy()
        for variable in [*model.variables, *model.optimizer.variables]
    ]
    table = try_learning_rates(model, [batch])
    for value, variable in zip(before, [*model.variables, *model.optimizer.variables], strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable).copy(), value)
    assert table["learning_rate"].is_monotonic_increasing
    assert table["learning_rate"][0] == pytest.approx(1e-7)
    assert table["loss"].iloc[20:].min() < 0.9 * table["loss"][0]
    assert 1e-5 < find_valley(table) < 1
