"""A classifier that looks at what is bright, explained on bright disks and on images."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from cellid.cli import main
from cellid.config import ClassifierRecipe, ExplainSettings, InputSettings
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.io.tiff_writers import write_image
from cellid.models.classifier import Classifier
from cellid.recipes import load_any_recipe
from cellid.runs import ClassifierConfig
from cellid.workflows.explanation import explain

PLAIN = ExplainSettings(embedding="none")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """Calls a patch of 16 px positive by its mean brightness above the background."""
    inputs = keras.Input((None, None, 1))
    bright = layers.Conv2D(2, 1, activation="relu", name="layer4")(
        layers.AveragePooling2D(4)(inputs)
    )
    score = layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling2D()(bright))
    model = keras.Model(inputs, score)
    model.set_weights(
        [
            np.float32([[[[1, -1]]]]),
            np.float32([0.1, -0.1]),
            np.float32([[20], [-20]]),
            np.float32([-2]),
        ]
    )
    recipe = load_any_recipe(
        "adhesion-classifier",
        overrides=["patches.size_px=16", "patches.input_px=32", "evaluate.bootstrap_samples=100"],
    )
    assert isinstance(recipe, ClassifierRecipe)
    config = ClassifierConfig(
        recipe=recipe, n_channels=1, pixel_size_um=None, threshold=0.5, provenance={"by": "hand"}
    )
    return Classifier(tmp_path_factory.mktemp("explained") / "run", config, model)


def run(
    classifier: Classifier, path: Path, out: Path, settings: ExplainSettings = PLAIN, **options
) -> dict[str, str]:
    return explain(
        classifier, [path], out, settings, InputSettings(), say=lambda _: None, **options
    )


def test_on_a_data_set_the_heat_is_held_against_the_objects(
    classifier: Classifier, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    assert not run(classifier, tiny_dataset.folder, tmp_path, ExplainSettings(max_embedded=20))
    heat = pd.read_csv(tmp_path / "heat.csv")
    assert set(heat["file"]) == {"f8", "f9"}  # the test split
    assert set(heat["true"]) == {"focal", "non_focal"}
    positive = heat[heat["true"] == "focal"]
    assert (positive["share"] > 1.5 * positive["chance"]).mean() > 0.9
    assert heat.loc[heat["true"] == "non_focal", "share"].isna().all()
    places = pd.read_csv(tmp_path / "embedding.csv")
    assert len(places) == 20 < len(heat)
    page = (tmp_path / "explain.html").read_text(encoding="utf-8")
    assert f"{len(heat)} patches of 2 images" in page
    assert "Rightly called “focal”" in page
    assert f"Of {len(heat)} patches 20 were embedded" in page


def test_of_images_nothing_is_known_and_a_bad_one_is_left_out(
    classifier: Classifier, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    for name in ("a", "b"):
        write_image(images / f"{name}.tif", tiny_dataset.image("f8"), pixel_size_um=None)
    write_image(images / "colour.tif", np.zeros((20, 20, 3), np.uint8), pixel_size_um=None)
    (images / "torn.tif").write_bytes(b"II*\0")
    out = tmp_path / "out"
    problems = run(classifier, images, out)
    assert {Path(name).name for name in problems} == {"colour.tif", "torn.tif"}
    heat = pd.read_csv(out / "heat.csv")
    assert {"true", "share"}.isdisjoint(heat)
    assert (heat.groupby("file")["probability"].count() == 4 * 5).all()  # 64 × 72 by 16 px
    page = (out / "explain.html").read_text(encoding="utf-8")
    assert "Called “focal”" in page
    assert "True objects are not known" in page
    with pytest.raises(CellidError, match="empty folder"):
        run(classifier, images, out)


def test_nothing_to_explain_is_said(
    classifier: Classifier, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(CellidError, match="another --split"):
        run(classifier, tiny_dataset.folder, tmp_path / "out", split="dusk")


def test_a_wrong_choice_is_refused_before_keras_starts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["explain", "run", "images", "--out", "out", "--method", "magic"])
    assert "gradcam++" in capsys.readouterr().err
