"""The classifier's network and what comes before it."""

import keras
import numpy as np
import pytest

from cellid.config import BackboneSettings, ClassifierRecipe, PatchSettings
from cellid.errors import CellidError
from cellid.models.classifier import Classifier, build_classifier, standardise
from cellid.runs import ClassifierConfig


def test_the_network_is_a_resnet_with_one_channel_and_one_answer() -> None:
    model = build_classifier(BackboneSettings(), 1)
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    # torchvision's 11,689,512, less two channels of the stem, 512 × 1000 + 1000 for 513
    assert trained == 11_689_512 - 2 * 64 * 49 - 513_000 + 513
    parts = [model.get_layer(name).output for name in ("layer4", "pool")]
    both = keras.Model(model.input, [*parts, model.output])
    maps, pooled, answer = both(np.zeros((2, 65, 64, 1), np.float32), training=False)
    assert maps.shape == (2, 3, 2, 512)
    assert pooled.shape == (2, 512)
    assert answer.shape == (2, 1)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(answer), 0.5 + 0 * answer)


def test_patches_are_as_large_as_where_it_learned_and_of_its_channels() -> None:
    settings = ClassifierRecipe(patches=PatchSettings(size_px=60, input_px=32))
    config = ClassifierConfig(
        recipe=settings, n_channels=1, pixel_size_um=0.2, threshold=0.5, provenance={}
    )
    run = Classifier("nowhere", config, None)  # type: ignore[arg-type]
    assert run.patch_px(None) == 60
    assert run.patch_px(0.1) == 120
    field = run.prepare(np.full((80, 90), 255, np.uint8))
    cut = run.cut(field, np.array([[0, 0, 60, 60], [20, 30, 80, 90]]), 60)
    assert cut.shape == (2, 32, 32, 1)
    np.testing.assert_allclose(cut, 1, rtol=1e-6)
    np.testing.assert_allclose(standardise(np.array([0.0, 0.5], np.float32)), [-1, 0])
    with pytest.raises(CellidError, match="1 channel, as the network was trained on"):
        run.prepare(np.zeros((80, 90, 3), np.uint8))
