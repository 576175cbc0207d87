"""The losses against their published formulas, Keras, and what goes wrong at 0 and 1."""

import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import get_args

import keras
import numpy as np
import pytest
import tensorflow as tf

from cellid.config import (
    BinaryFocalSettings,
    CombinedFTSettings,
    CombinedSettings,
    DiceSettings,
    FocalSettings,
    FocalTverskySettings,
    LossSettings,
    Settings,
    TverskySettings,
    WeightedBceSettings,
)
from cellid.nn.losses import build_loss

RANDOM = np.random.default_rng(0)
TRUTH = (RANDOM.random((2, 5, 7, 1)) < 0.3).astype(np.float32)
PROBABILITY = RANDOM.uniform(0.01, 0.99, TRUTH.shape).astype(np.float32)
WEIGHT = RANDOM.integers(0, 3, TRUTH.shape[:3]).astype(np.float32)

LOSSES = [kind() for kind in get_args(get_args(LossSettings)[0])]
# Exponents below 1, whose derivative at 0 is infinite, and 0, whose derivative is 0 · 0^-1
STEEP = [FocalSettings(gamma=0.5), FocalSettings(gamma=0), FocalTverskySettings(gamma=0.75)]


def cross_entropy(y, p, w, nucleus=1.0):
    return -(w * (nucleus * y * np.log(p) + (1 - y) * np.log(1 - p))).mean()


def thesis_2_25(y, p, w, gamma, alpha):
    nucleus = alpha * (1 - p) ** gamma * y * np.log(p)
    background = (1 - alpha) * p**gamma * (1 - y) * np.log(1 - p)
    return -(w * (nucleus + background)).mean()


def focal(y, p, w, gamma):
    pt = np.where(y == 1, p, 1 - p)
    return (w * -((1 - pt) ** gamma) * np.log(pt)).mean()


def dice(y, p, w, smoothing):
    return 1 - (2 * (w * y * p).sum() + smoothing) / ((w * y).sum() + (w * p).sum() + smoothing)


def tversky(y, p, w, alpha, smoothing, gamma=1.0):
    found, missed, false = ((w * part).sum() for part in (y * p, y * (1 - p), (1 - y) * p))
    index = (found + smoothing) / (found + alpha * missed + (1 - alpha) * false + smoothing)
    return (1 - index) ** gamma


def combined(weights, *, third):
    def loss(y, p, w):
        parts = (cross_entropy(y, p, w), dice(y, p, w, 1.0), third(y, p, w))
        return np.dot(weights, parts)

    return loss


def focal_part(y, p, w):
    return focal(y, p, w, 2)


def focal_tversky_part(y, p, w):
    return tversky(y, p, w, 0.7, 1.0, 4 / 3)


FORMULAS = [
    (BinaryFocalSettings(), lambda y, p, w: thesis_2_25(y, p, w, 2, 0.5)),
    (BinaryFocalSettings(gamma=1.5, alpha=0.9), lambda y, p, w: thesis_2_25(y, p, w, 1.5, 0.9)),
    (BinaryFocalSettings(gamma=0, alpha=0.25), lambda y, p, w: thesis_2_25(y, p, w, 0, 0.25)),
    (WeightedBceSettings(), lambda y, p, w: cross_entropy(y, p, w, 50)),
    (WeightedBceSettings(nucleus_weight=200), lambda y, p, w: cross_entropy(y, p, w, 200)),
    (FocalSettings(), focal_part),
    (DiceSettings(), lambda y, p, w: dice(y, p, w, 1.0)),
    (DiceSettings(smoothing=1e-6), lambda y, p, w: dice(y, p, w, 1e-6)),
    (TverskySettings(alpha=0.2), lambda y, p, w: tversky(y, p, w, 0.2, 1.0)),
    (FocalTverskySettings(), focal_tversky_part),
    (
        FocalTverskySettings(gamma=2, alpha=0.4, smoothing=1e-6),
        lambda y, p, w: tversky(y, p, w, 0.4, 1e-6, 2),
    ),
    (CombinedSettings(), combined((0.3, 0.3, 0.4), third=focal_part)),
    (CombinedSettings(weights="cellvit-code"), combined((0.5, 0.2, 0.5), third=focal_part)),
    (CombinedFTSettings(weights="overcrowd"), combined((0.2, 0.5, 0.3), third=focal_tversky_part)),
    (
        CombinedFTSettings(weights="cellvit-slides"),
        combined((0.5, 0.3, 0.5), third=focal_tversky_part),
    ),
]


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize(("settings", "formula"), FORMULAS, ids=lambda x: getattr(x, "name", ""))
def test_it_is_the_published_formula(settings, formula, weighted: bool) -> None:
    weight = WEIGHT if weighted else np.ones_like(WEIGHT)
    y, p, w = (part.astype(np.float64) for part in (TRUTH, PROBABILITY, weight[..., None]))
    loss = float(build_loss(settings)(TRUTH, PROBABILITY, WEIGHT if weighted else None))
    assert loss == pytest.approx(formula(y, p, w), rel=1e-6)


def test_one_pixel_by_hand() -> None:
    truth, probability = np.ones((1, 1, 1, 1)), np.full((1, 1, 1, 1), 0.25)
    # ½ · (3/4)² · ln 4
    loss = float(build_loss(BinaryFocalSettings())(truth, probability))
    assert loss == pytest.approx(9 / 16 * np.log(2), rel=1e-6)
    # found 1/4, missed 3/4: 1 - 1/4 / (1/4 + 0.7 · 3/4), and for a background pixel all is wrong
    sharp = build_loss(TverskySettings(smoothing=1e-6))
    assert float(sharp(truth, probability)) == pytest.approx(1 - 0.25 / 0.775, rel=1e-5)
    assert float(sharp(1 - truth, probability)) == pytest.approx(1, rel=1e-4)


def test_where_keras_has_the_same_it_says_the_same() -> None:
    tiny = {"smoothing": keras.config.epsilon()}
    for settings, theirs, factor in (
        (WeightedBceSettings(nucleus_weight=1), keras.losses.BinaryCrossentropy(), 1),
        (FocalSettings(gamma=1.7), keras.losses.BinaryFocalCrossentropy(gamma=1.7), 1),
        (BinaryFocalSettings(), keras.losses.BinaryFocalCrossentropy(gamma=2), 0.5),
        (DiceSettings(**tiny), keras.losses.Dice(), 1),
        # Keras's α is of what is missed, though its words say false
        (TverskySettings(alpha=0.7, **tiny), keras.losses.Tversky(alpha=0.7, beta=0.3), 1),
    ):
        ours = float(build_loss(settings)(TRUTH, PROBABILITY))
        assert ours == pytest.approx(factor * float(theirs(TRUTH, PROBABILITY)), rel=1e-6)


def value_and_gradient(
    settings: Settings, truth: np.ndarray, probability: np.ndarray, weight: np.ndarray | None
) -> tuple[tf.Tensor, np.ndarray]:
    """Return the loss and its derivative by the probability."""
    probability = tf.convert_to_tensor(probability)
    with tf.GradientTape() as tape:
        tape.watch(probability)
        loss = build_loss(settings)(truth, probability, weight)
    return loss, tf.cast(tape.gradient(loss, probability), tf.float32).numpy()


@pytest.mark.parametrize("settings", LOSSES, ids=lambda settings: settings.name)
def test_what_weighs_nothing_does_not_count(settings: Settings) -> None:
    unknown = WEIGHT[..., None] == 0
    value, gradient = value_and_gradient(settings, TRUTH, PROBABILITY, WEIGHT)
    assert not gradient[unknown].any()
    assert gradient[~unknown].all()
    for wrong in (0, 1):
        other = np.where(unknown, wrong, PROBABILITY).astype(np.float32)
        of_other, gradient_of_other = value_and_gradient(settings, TRUTH, other, WEIGHT)
        assert float(of_other) == float(value)
        np.testing.assert_array_equal(gradient_of_other, gradient)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("settings", LOSSES + STEEP, ids=str)
def test_value_and_gradient_stay_finite(settings: Settings, dtype: str) -> None:
    empty, full = np.zeros_like(TRUTH), np.ones_like(TRUTH)
    for truth in (TRUTH, empty, full):
        for probability in (truth, 1 - truth, empty, full):
            for weight in (None, np.zeros_like(WEIGHT)):
                loss, gradient = value_and_gradient(
                    settings, truth, tf.cast(probability, dtype), weight
                )
                assert loss.dtype == tf.float32
                assert np.isfinite(loss)
                assert np.isfinite(gradient).all()
                if weight is not None:
                    assert float(loss) == pytest.approx(0, abs=1e-4)
                    assert not gradient.any()


@pytest.mark.parametrize("settings", LOSSES, ids=lambda settings: settings.name)
def test_digits_are_lost_on_the_way_in_only(settings: Settings) -> None:
    coarse = tf.cast(PROBABILITY, tf.bfloat16)
    loss = build_loss(settings)
    expected = float(loss(TRUTH, tf.cast(coarse, tf.float32), WEIGHT))
    assert float(loss(tf.cast(TRUTH, tf.bfloat16), coarse, WEIGHT)) == expected


@pytest.mark.parametrize("settings", [BinaryFocalSettings(), WeightedBceSettings()])
def test_a_certain_mistake_is_still_unlearned(settings: Settings) -> None:
    logits = tf.constant([[[[40.0]]], [[[-40.0]]]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = build_loss(settings)(tf.constant([[[[0.0]]], [[[1.0]]]]), keras.ops.sigmoid(logits))
    down, up = np.ravel(tape.gradient(loss, logits))
    assert down > 0.1
    assert up < -0.1


ANOTHER_BACKEND = """
import pickle
import sys

import keras
import numpy as np
from cellid.nn.losses import build_loss

with open(sys.argv[1], "rb") as file:
    losses, truth, probability, weight = pickle.load(file)
rows = []
for settings in losses:
    loss = build_loss(settings)
    if keras.backend.backend() == "jax":
        import jax
        value, gradient = jax.value_and_grad(lambda p: loss(truth, p, weight))(probability)
    else:
        p = keras.ops.convert_to_tensor(probability).requires_grad_()
        value = loss(truth, p, weight)
        value.backward()
        value, gradient = value.detach(), p.grad
    rows.append([float(value), *np.ravel(gradient)])
np.save(sys.argv[2], rows)
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_says_the_same(backend: str, tmp_path: Path) -> None:
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    probability = PROBABILITY.copy()
    probability[0, :2], probability[0, 2:4] = 0, 1
    given, said = tmp_path / "given.pickle", tmp_path / "said.npy"
    losses = [CombinedSettings(), CombinedFTSettings(), *STEEP]  # all formulas are in these
    given.write_bytes(pickle.dumps((losses, TRUTH, probability, WEIGHT)))
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER_BACKEND, given, said],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for settings, row in zip(losses, np.load(said), strict=True):
        value, gradient = value_and_gradient(settings, TRUTH, probability, WEIGHT)
        assert row[0] == pytest.approx(float(value), rel=1e-5)
        np.testing.assert_allclose(row[1:], gradient.ravel(), rtol=1e-4, atol=1e-7)
