"""A classifier of patches on files: scored, used, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from cellid.cli.app import app
from cellid.config import OutputSettings
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.evaluation.classification import best_threshold, roc_auc
from cellid.io.tiff_writers import write_image
from cellid.io.writers import write_png
from cellid.models.classifier import Classifier
from cellid.report.classifier import read_judged_patches
from cellid.workflows.classification import (
    evaluate_classifier,
    predict_classes,
    train_on_patches,
)
from cellid.workflows.prediction_job import PredictionJob


@pytest.fixture(scope="module")
def report(tiny_classifier: Classifier, tiny_dataset: Dataset) -> Path:
    return evaluate_classifier(tiny_classifier, tiny_dataset.folder)


def test_the_report_scores_what_the_table_of_patches_says(
    report: Path, tiny_classifier: Classifier
) -> None:
    folder = tiny_classifier.folder
    table = pd.read_csv(folder / "evaluation" / "patches.csv")
    assert set(table["group"]) == {"f8", "f9"}
    written = json.loads((folder / "report.json").read_text())
    called = table["probability"] >= tiny_classifier.config.threshold
    hits = int((called & table["positive"]).sum())
    scores = written["scores"]["focal"]
    assert scores["recall"]["estimate"] == pytest.approx(hits / table["positive"].sum())
    assert scores["precision"]["estimate"] == pytest.approx(hits / called.sum())
    assert scores["accuracy"]["estimate"] == pytest.approx((called == table["positive"]).mean())
    auc = roc_auc(table["positive"].to_numpy(), table["probability"].to_numpy())
    assert scores["roc_auc"]["estimate"] == pytest.approx(auc)
    assert scores["f1"]["low"] <= scores["f1"]["estimate"] <= scores["f1"]["high"]
    assert written["confusions"][1][1] == hits
    assert sum(map(sum, written["confusions"])) == len(table)
    misses = written["scores"]["non_focal"]["recall"]["estimate"]
    assert misses == pytest.approx(
        (~called & ~table["positive"]).sum() / (~table["positive"]).sum()
    )
    page = report.read_text(encoding="utf-8")
    wrong = int((called & ~table["positive"]).sum())
    assert f"non_focal, called focal: {wrong} patch" in page
    for part in ("Confusion matrix", "ROC-AUC", "thresholds would give", "adhesion-classifier"):
        assert part in page


def test_the_threshold_is_the_best_on_validation(
    tiny_classifier: Classifier, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    evaluate_classifier(tiny_classifier, tiny_dataset.folder, tmp_path, "validation")
    judged = read_judged_patches(tmp_path / "evaluation")
    threshold, f1 = best_threshold(judged.positive, judged.probabilities)
    assert tiny_classifier.config.threshold == pytest.approx(threshold, abs=1e-5)
    assert judged.intervals()["f1"].estimate == pytest.approx(f1)


def test_files_are_predicted_and_one_that_cannot_be_read_stops_none(
    tiny_classifier: Classifier, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    image = tiny_dataset.image("f8")
    write_image(images / "b.tif", image)
    write_image(images / "colour.tif", np.dstack([image] * 3))
    (images / "a.tif").write_bytes(b"no image")
    said: list[str] = []
    outputs = OutputSettings(probability=True)
    job = PredictionJob([images], out, outputs=outputs, say=said.append)
    problems = predict_classes(tiny_classifier, job)
    assert {Path(name).name for name in problems} == {"a.tif", "colour.tif"}
    left_out = [line.splitlines()[0] for line in said if line.startswith("left out")]
    files = (images / "a.tif", f"{images / 'colour.tif'}: image")
    assert sorted(left_out) == [f"left out: {file}" for file in files]
    table = pd.read_csv(out / "patches.csv")
    assert list(table) == ["file", "frame", "y0", "x0", "y1", "x1", "probability", "class"]
    assert len(table) == 7 * 8  # of 16 px, half over each other, in 64×72
    assert tuple(table[["y1", "x1"]].max()) == image.shape
    positive = table["class"] == "focal"
    assert table.loc[positive, "probability"].min() >= tiny_classifier.config.threshold - 1e-5
    assert (table.loc[~positive, "class"] == "non_focal").all()
    assert sorted(path.name for path in (out / "overlays").iterdir()) == ["b.png"]
    assert (out / "probability" / "b.tif").exists()
    with pytest.raises(CellidError, match="a new or empty folder"):
        predict_classes(tiny_classifier, PredictionJob([images], out))


def test_commands_know_what_a_run_does(
    tiny_classifier: Classifier, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    def done(*arguments: object) -> str:
        result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    folder, image = tiny_classifier.folder, tiny_dataset.folder / "images" / "f8.tif"
    out = tmp_path / "out"
    done("evaluate", folder, "--dataset", tiny_dataset.folder, "--out", out)
    assert f"report: {folder / 'report.html'}" in done("report", folder)
    assert "patches.csv" in done("predict", folder, image, "--out", tmp_path / "predicted")
    options = ("--preset", "adhesion-classifier", "--out", out / "run", "--set", "train.epochs=1")
    sizes = ("--set", "patches.size_px=16", "--set", "patches.input_px=32")
    assert "cellid evaluate" in done("train", tiny_dataset.folder, *options, *sizes)

    def refused(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments))
        assert isinstance(result.exception, CellidError)
        return str(result.exception)

    run = str(tiny_classifier.folder)
    assert "several only if all find objects" in refused("evaluate", run, run, "--dataset", run)
    assert "a run that finds nuclei" in refused("track", run, run, "--out", str(tmp_path / "out"))
    preset = ("--preset", "adhesion-classifier", "--out", str(tmp_path / "out"))
    assert "the preset of another task" in refused("label", "--phase", run, "--stain", run, *preset)
    listed = done("settings", "--preset", "adhesion-classifier")
    assert "patches.min_object_px = 10" in listed
    assert "labels.method" not in listed


def test_folders_by_class_are_trained_on_and_scored(
    tiny_classifier: Classifier, tmp_path: Path
) -> None:
    """Bright and dark patches, four of each of six images."""
    random = np.random.default_rng(0)
    for name, level in (("focal", 160), ("non_focal", 80)):
        for number in range(24):
            patch = random.normal(level, 20, (16, 16)).clip(0, 255).astype(np.uint8)
            write_png(tmp_path / "images" / name / f"cell{number // 4}_{number}.png", patch)
    recipe = tiny_classifier.config.recipe
    values = recipe.patches.model_copy(update={"source_pattern": "{id}_*.png", "scaling": "range"})
    recipe = recipe.model_copy(
        update={"patches": values, "train": recipe.train.model_copy(update={"epochs": 2})}
    )
    said: list[str] = []
    run = train_on_patches(tmp_path / "images", tmp_path / "run", recipe, say=said.append)
    assert said[0] == "train: 32 patches of 32 images in 4 groups: 16 focal (50%), 16 non_focal"
    evaluate_classifier(run, tmp_path / "images")
    table = pd.read_csv(tmp_path / "run" / "evaluation" / "patches.csv")
    assert table["group"].nunique() == 1
    assert table["positive"].sum() == 4
    assert len(table) == 8
    write_png(tmp_path / "images" / "focal" / "cell9_0.png", np.zeros((20, 12), np.uint8))
    with pytest.raises(CellidError, match="score other images with --split all"):
        evaluate_classifier(run, tmp_path / "images")
    with pytest.raises(CellidError, match="subfolders focal and non_focal"):
        train_on_patches(tmp_path, tmp_path / "none", recipe)
