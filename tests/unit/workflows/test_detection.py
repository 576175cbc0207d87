"""A detector on files: scored, behind a gate, used, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from cellid.cli.app import app
from cellid.config import GateSettings, InputSettings
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.io.images import open_image
from cellid.io.mask_files import MaskFiles
from cellid.io.tiff_writers import write_image
from cellid.io.writers import write_png
from cellid.models.classifier import Classifier
from cellid.models.detector import DetectorRun
from cellid.models.gate import Gate, detect_behind_gate
from cellid.report.detector import read_judged_detections
from cellid.workflows.detection import evaluate_detector
from cellid.workflows.object_tables import predict_objects
from cellid.workflows.prediction_job import PredictionJob


@pytest.fixture(scope="module")
def gate(tiny_classifier: Classifier) -> Gate:
    return Gate(tiny_classifier, GateSettings(tried=(0.0, 0.5, 1.0), margin_px=4))


@pytest.fixture(scope="module")
def report(tiny_detector: DetectorRun, tiny_dataset: Dataset, gate: Gate) -> Path:
    return evaluate_detector(tiny_detector, tiny_dataset, gate=gate)


def test_the_report_scores_what_the_table_of_boxes_says(
    report: Path, tiny_detector: DetectorRun, tiny_dataset: Dataset
) -> None:
    folder = tiny_detector.folder
    table = pd.read_csv(folder / "evaluation" / "detections.csv")
    assert set(table["image"]) == {"f8", "f9"}
    written = json.loads((folder / "report.json").read_text())
    in_force = table[table["score"] >= tiny_detector.config.threshold]
    scores = {name: interval["estimate"] for name, interval in written["scores"].items()}
    assert scores["n_found"] == len(in_force)
    assert scores["n_true"] == 12
    judged = read_judged_detections(folder / "evaluation")
    hits = sum(len(judged.objects.pair_up(image).iou) for image in ("f8", "f9"))
    assert scores["recall"] == pytest.approx(hits / 12)
    assert scores["precision"] == pytest.approx(hits / len(in_force))
    assert 0 <= written["coco"]["box"]["ap"] <= written["coco"]["box"]["ap_50"] <= 1
    page = report.read_text(encoding="utf-8")
    for part in ("AP at IoU 0.5", "Other thresholds", "What a gate loses", "adhesion-detector"):
        assert part.split()[-1] in page
    assert page.count("<figcaption>") == 2
    assert {"scores.png", "gate.png", "curves.png"} <= {path.name for path in folder.iterdir()}


def test_a_gate_that_lets_all_through_changes_nothing(
    tiny_detector: DetectorRun, tiny_dataset: Dataset, gate: Gate
) -> None:
    image = tiny_dataset.image("f8")
    judged = gate.judge(image, None)
    alone = tiny_detector.detect(image)
    found, looked_at = detect_behind_gate(tiny_detector, gate, image, None, judged, 0.0)
    assert looked_at == 1
    np.testing.assert_array_equal(found.boxes, alone.boxes)
    np.testing.assert_array_equal(found.scores, alone.scores)
    none, looked_at = detect_behind_gate(tiny_detector, gate, image, None, judged, 1.1)
    assert (len(none), looked_at) == (0, 0)


def test_a_gate_is_open_in_images_of_another_pixel_size_too(
    tiny_detector: DetectorRun, tiny_dataset: Dataset, gate: Gate
) -> None:
    image = np.kron(tiny_dataset.image("f8"), np.ones((2, 2), np.uint8))
    judged = gate.judge(image, 0.5)
    found, looked_at = detect_behind_gate(tiny_detector, gate, image, 0.5, judged, 0.0)
    assert looked_at == 1
    np.testing.assert_array_equal(found.boxes, tiny_detector.detect(image, 0.5).boxes)
    y, x = (found.boxes[0, :2] + found.boxes[0, 2:]) / 2
    y0, x0, y1, x1 = judged.boxes.T
    judged.probabilities[:] = (y0 <= y) & (y < y1) & (x0 <= x) & (x < x1)
    opened = judged.boxes[judged.probabilities > 0]
    some, looked_at = detect_behind_gate(tiny_detector, gate, image, 0.5, judged, 0.5)
    centres = (some.boxes[:, :2] + some.boxes[:, 2:]) / 2
    assert looked_at < 1
    assert len(some) > 0
    assert (centres >= opened[:, :2].min(axis=0) - 2).all()
    assert (centres < opened[:, 2:].max(axis=0) + 2).all()


def test_what_is_found_behind_a_gate_lies_in_open_patches(
    tiny_detector: DetectorRun, tiny_dataset: Dataset, gate: Gate
) -> None:
    image = np.tile(tiny_dataset.image("f8"), (3, 1))
    judged = gate.judge(image, None)
    judged.probabilities[:] = judged.boxes[:, 0] >= 150
    found, looked_at = detect_behind_gate(tiny_detector, gate, image, None, judged, 0.5)
    opened = judged.boxes[judged.boxes[:, 0] >= 150, 0].min()
    centres = (found.boxes[:, 0] + found.boxes[:, 2]) / 2
    assert len(found) > 0
    assert centres.min() >= opened
    assert 0.1 < looked_at < 0.5


def test_the_curve_of_a_gate_begins_with_the_detector_alone(
    report: Path, tiny_detector: DetectorRun
) -> None:
    written = json.loads(report.with_name("report.json").read_text())
    curve = pd.DataFrame(written["gate"])
    assert curve["threshold"].tolist() == [0, 0.5, 1]
    assert curve["looked_at"].iloc[0] == 1
    for score in ("recall", "precision", "f1"):
        assert curve[score].iloc[0] == pytest.approx(written["scores"][score]["estimate"], abs=1e-6)
    assert curve["looked_at"].is_monotonic_decreasing
    assert (curve["seconds"] >= curve["seconds_gate"]).all()


def test_the_threshold_is_the_best_on_validation(
    tiny_detector: DetectorRun, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    evaluate_detector(tiny_detector, tiny_dataset, tmp_path, "validation")
    judged = read_judged_detections(tmp_path / "evaluation")
    assert not (tmp_path / "gate.png").exists()
    table = judged.objects.sweep(tiny_detector.config.recipe.predict.min_score)
    in_force = table.iloc[(table["score"] - tiny_detector.config.threshold).abs().argmin()]
    assert in_force["f1"] == pytest.approx(table["f1"].max(), abs=1e-3)


def test_files_are_measured_and_one_that_cannot_be_read_stops_none(
    tiny_detector: DetectorRun, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    image = tiny_dataset.image("f8")
    write_image(images / "b.tif", image, pixel_size_um=0.5)
    write_image(images / "colour.tif", np.dstack([image] * 3))
    (images / "a.tif").write_bytes(b"no image")
    write_png(tmp_path / "cells" / "b.png", np.full(image.shape, 255, np.uint8))
    scale = InputSettings(pixel_size_um=1.0)
    job = PredictionJob([images], out, scale, say=lambda _: None)
    problems = predict_objects(tiny_detector, job, cells=MaskFiles.of(tmp_path / "cells"))
    assert {Path(name).name for name in problems} == {"a.tif", "colour.tif"}
    objects = pd.read_csv(out / "objects.csv")
    counts = pd.read_csv(out / "counts.csv").iloc[0]
    cells = pd.read_csv(out / "cells.csv").iloc[0]
    found = tiny_detector.detect(image, 1.0)
    n_in_force = int((found.scores >= tiny_detector.config.threshold).sum())
    assert counts["n_objects"] == len(objects) <= n_in_force
    assert (counts["n_cells"], counts["looked_at"]) == (1, 1)
    assert cells["n_adhesions"] == len(objects)
    assert (objects["score"] >= tiny_detector.config.threshold - 1e-4).all()
    labels = open_image(out / "labels" / "b.tif").read()
    areas = np.bincount(labels.ravel())[1:]
    assert objects["area"].tolist() == areas[areas > 0].tolist()
    assert objects["area_um2"].tolist() == objects["area"].tolist()
    assert (out / "overlays" / "b.png").exists()


def test_images_of_another_pixel_size_are_brought_to_the_training_images(
    tiny_detector: DetectorRun, tiny_dataset: Dataset
) -> None:
    image = tiny_dataset.image("f8")
    twice = np.kron(image, np.ones((2, 2), image.dtype))
    found, of_twice = tiny_detector.detect(image, 1.0), tiny_detector.detect(twice, 0.5)
    n = min(5, len(found))
    np.testing.assert_allclose(of_twice.boxes[:n] / 2, found.boxes[:n], atol=1.5)


def test_commands_know_what_a_run_does(
    tiny_detector: DetectorRun, tiny_classifier: Classifier, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    def done(*arguments: object) -> str:
        result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    run, classifier = tiny_detector.folder, tiny_classifier.folder
    image = tiny_dataset.folder / "images" / "f8.tif"
    out = tmp_path / "out"
    evaluated = ("evaluate", run, "--dataset", tiny_dataset.folder)
    assert "report:" in done(*evaluated, "--out", out, "--gate", classifier)
    done(*evaluated)
    assert f"report: {run / 'report.html'}" in done("report", run)
    options = ("--out", tmp_path / "found", "--gate", classifier, "--gate-threshold", 0)
    assert "objects.csv" in done("predict", run, image, *options)
    assert "objects.min_area_px = 5" in done("settings", "--preset", "adhesion-detector")

    def refused(*arguments: object) -> str:
        result = CliRunner().invoke(app, list(map(str, arguments)))
        assert isinstance(result.exception, CellidError)
        return str(result.exception)

    gated = ("predict", classifier, image, "--out", tmp_path / "other", "--gate", classifier)
    assert "the run of a detector" in refused(*gated)
    assert "several only if all" in refused("evaluate", run, classifier, "--dataset", run)
    assert "a run that classifies patches" in refused(*evaluated, "--gate", run)
    wrong = ("predict", run, image, "--out", tmp_path / "other", "--cells", tmp_path / "nothing")
    assert "a folder of images" in refused(*wrong)
