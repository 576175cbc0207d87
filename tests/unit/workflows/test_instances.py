"""A Mask R-CNN on files: scored, used, and what is refused."""

import errno
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from faster_coco_eval import COCO
from typer.testing import CliRunner

from cellid.cli.app import app
from cellid.config import InputSettings
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.evaluation.instances import detected_instances
from cellid.io.coco import CocoImage
from cellid.io.images import open_image
from cellid.io.outlines import read_outlines
from cellid.io.tiff_writers import write_image
from cellid.models.instance_run import InstanceRun
from cellid.report.detector import read_judged_detections
from cellid.types import Detections
from cellid.workflows.detection import evaluate_detector
from cellid.workflows.instance_tables import predict_instances
from cellid.workflows.prediction_job import PredictionJob


@pytest.fixture(scope="module")
def report(tiny_instances: InstanceRun, tiny_dataset: Dataset) -> Path:
    return evaluate_detector(tiny_instances, tiny_dataset)


def in_force(run: InstanceRun, image: np.ndarray) -> Detections:
    found = run.detect(image, 1.0)
    return found.chosen(found.scores >= run.config.threshold)


def test_the_report_scores_masks_and_boxes(
    report: Path, tiny_instances: InstanceRun, tiny_dataset: Dataset
) -> None:
    written = json.loads((tiny_instances.folder / "report.json").read_text())
    judged = read_judged_detections(tiny_instances.folder / "evaluation")
    found = [in_force(tiny_instances, tiny_dataset.image(name)) for name in ("f8", "f9")]
    scores = {name: interval["estimate"] for name, interval in written["scores"].items()}
    assert scores["n_found"] == sum(map(len, found))
    assert scores["n_true"] == 12
    hits = np.concatenate([judged.objects.pair_up(image).iou for image in ("f8", "f9")])
    assert scores["recall"] == pytest.approx(len(hits) / 12)
    if len(hits):
        assert scores["mean_matched_iou"] == pytest.approx(hits.mean())
    assert set(written["coco"]) == {"mask", "box"}
    assert written["coco"]["mask"] != written["coco"]["box"]
    page = report.read_text(encoding="utf-8")
    for part in ("Mask R-CNN", "Masks are matched", "cell-instances", "Compared by"):
        assert part in page
    assert page.count("<figcaption>") == 2
    assert {"scores.png", "curves.png"} <= {path.name for path in tiny_instances.folder.iterdir()}


def test_what_is_scored_is_what_was_found_to_the_pixel(
    report: Path, tiny_instances: InstanceRun, tiny_dataset: Dataset
) -> None:
    judged = read_judged_detections(tiny_instances.folder / "evaluation")
    for name in ("f8", "f9"):
        found = detected_instances(tiny_instances.detect(tiny_dataset.image(name), 1.0), (64, 72))
        read = judged.objects.pairs[name][1]
        np.testing.assert_allclose(read.boxes, found.boxes, atol=0.01)
        np.testing.assert_allclose(read.scores, found.scores, atol=1e-4)
        np.testing.assert_array_equal(read.masks.toarray(), found.masks.toarray())


def test_files_are_outlined_and_one_that_cannot_be_read_stops_none(
    tiny_instances: InstanceRun, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    image = tiny_dataset.image("f8")
    write_image(images / "b.tif", image, pixel_size_um=0.5)
    write_image(images / "colour.tif", np.dstack([image] * 3))
    (images / "a.tif").write_bytes(b"no image")
    scale = InputSettings(pixel_size_um=1.0)
    job = PredictionJob([images], out, scale, say=lambda _: None)
    problems = predict_instances(tiny_instances, job)
    assert {Path(name).name for name in problems} == {"a.tif", "colour.tif"}
    found = in_force(tiny_instances, image)
    masks = detected_instances(found, image.shape)
    drawn = masks.areas_px > 0
    objects = pd.read_csv(out / "objects.csv")
    assert pd.read_csv(out / "counts.csv")["n_objects"].item() == len(objects) == drawn.sum()
    assert objects["area"].tolist() == masks.areas_px[drawn].tolist()
    assert objects["area_um2"].tolist() == objects["area"].tolist()
    assert objects["score"].tolist() == pytest.approx(found.scores[drawn].tolist(), abs=1e-4)
    labels = open_image(out / "labels" / "b.tif").read()
    assert ((labels > 0) == (masks.masks.sum(axis=0).reshape(72, 64).T > 0)).all()
    assert set(np.unique(labels)) - {0} <= set(objects["label"])
    assert (out / "overlays" / "b.png").exists()
    pixels = read_outlines(out / "instances.json")["b.tif"].fill(image.shape)
    assert pixels.areas_px.tolist() == objects["area"].tolist()
    content = COCO(str(out / "instances.json"))
    assert [each["score"] for each in content.dataset["annotations"]] == pytest.approx(
        objects["score"].tolist(), abs=1e-4
    )
    assert content.dataset["categories"] == [{"id": 1, "name": "cell"}]


def test_where_outlines_cannot_be_written_no_table_stays(
    tiny_instances: InstanceRun,
    tiny_dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fill_the_disk(path: Path, images: Iterator[CocoImage], names: list[str]) -> None:
        next(images)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("cellid.workflows.instance_tables.write_coco", fill_the_disk)
    write_image(tmp_path / "a.tif", tiny_dataset.image("f8"))
    job = PredictionJob([tmp_path / "a.tif"], tmp_path / "out", say=lambda _: None)
    with pytest.raises(OSError, match="No space left") as told:
        predict_instances(tiny_instances, job)
    assert told.value.__traceback__  # which would keep what is half done alive
    left = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert [path.suffix for path in left] == [".png"]  # an overlay, whole


def test_commands_know_what_a_run_does(
    tiny_instances: InstanceRun, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    def done(*arguments: object) -> str:
        result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    run, image = tiny_instances.folder, tiny_dataset.folder / "images" / "f8.tif"
    assert "report:" in done("evaluate", run, "--dataset", tiny_dataset.folder)
    assert f"report: {run / 'report.html'}" in done("report", run)
    told = done("predict", run, image, "--out", tmp_path / "found")
    assert "1 file, 1 frame\n" in told
    assert "instances.json" in told
    transfer = done("settings", "--preset", "cell-instances-transfer")
    assert "train.head_epochs = 5" in transfer
    gated = ("predict", run, image, "--out", tmp_path / "gated", "--gate", run)
    result = CliRunner().invoke(app, list(map(str, gated)))
    assert isinstance(result.exception, CellidError)
    assert "outlines objects" in str(result.exception)
