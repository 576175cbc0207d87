"""What a network is compiled with."""

from typing import get_args

import keras
import numpy as np
import pytest

from cellid.config import LossSettings, TrainSettings
from cellid.training.train import compile_model


@pytest.mark.parametrize("kind", get_args(get_args(LossSettings)[0]))
def test_every_loss_is_learned_by(kind: type) -> None:
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    mask = np.zeros((4, 16, 16, 1), np.float32)
    mask[:, 4:9, 5:11] = 1
    image = mask + rng.normal(0, 0.3, mask.shape)
    known = (rng.random(mask.shape[:3]) < 0.8).astype(np.float32)
    inputs = keras.Input((16, 16, 1))
    convolution = keras.layers.Conv2D(1, 3, activation="sigmoid", padding="same")
    model = keras.Model(inputs, convolution(inputs))
    compile_model(model, TrainSettings(loss=kind()), rate=0.05)
    assert model.loss.name == kind().name
    losses = [model.train_on_batch(image, mask, sample_weight=known)[0] for _ in range(40)]
    assert np.isfinite(losses).all()
    probability = model.predict_on_batch(image)
    assert probability[mask == 1].mean() > probability[mask == 0].mean() + 0.3
    assert float(model.loss(mask, probability, known)) < 0.7 * losses[0]
