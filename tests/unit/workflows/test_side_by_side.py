"""A U-Net, a detector and a Mask R-CNN in one table."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from cellid.cli.app import app
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.evaluation.instances import label_instances, match_instances
from cellid.models.detector import DetectorRun
from cellid.models.instance_run import InstanceRun
from cellid.models.run import Run
from cellid.prediction import find_nuclei
from cellid.workflows.any_run import at_threshold
from cellid.workflows.detection import evaluate_detector
from cellid.workflows.side_by_side import evaluate_side_by_side, find_instances


def test_all_are_scored_alike_and_as_on_their_own(
    tiny_run: Run, tiny_instances: InstanceRun, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    runs = map(str, (tiny_run.folder, tiny_instances.folder))
    command = ["evaluate", *runs, "--dataset", str(tiny_dataset.folder), "--out", str(out)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert f"report: {out / 'side_by_side.html'}" in result.output
    table = pd.read_csv(out / "side_by_side.csv").set_index("network")
    assert list(table.index) == ["U-Net, watershed", "Mask R-CNN"]

    evaluate_detector(tiny_instances, tiny_dataset, tmp_path / "alone")
    alone = json.loads((tmp_path / "alone" / "report.json").read_text())
    for name in ("precision", "recall", "f1", "n_found", "count_mae"):
        expected = alone["scores"][name]["estimate"]
        assert table.loc["Mask R-CNN", name] == pytest.approx(expected, nan_ok=True)
    assert table.loc["Mask R-CNN", "ap_50"] == pytest.approx(alone["coco"]["mask"]["ap_50"])

    matched = n_found = 0
    for name in ("f8", "f9"):
        found = label_instances(find_nuclei(tiny_run, tiny_dataset.image(name), 1.0).labels)
        true = label_instances(tiny_dataset.labels(name))
        matched += match_instances(true, found, by="mask", iou_threshold=0.5).true_positives
        n_found += len(found)
    assert matched > 0
    assert table.loc["U-Net, watershed", "recall"] == pytest.approx(matched / 12)
    assert table.loc["U-Net, watershed", "n_found"] == n_found
    assert (table["seconds"] > 0).all()
    page = (out / "side_by_side.html").read_text(encoding="utf-8")
    assert page.count("<figcaption>") == 2 * 2
    assert "Masks are matched" in page


def test_a_u_net_is_as_sure_as_its_pixels(tiny_run: Run, tiny_dataset: Dataset) -> None:
    image = tiny_dataset.image("f8")
    nuclei, found = find_nuclei(tiny_run, image, 1.0), find_instances(tiny_run, image, 1.0)
    sure = [
        nuclei.probability[nuclei.labels == number].mean() for number in np.unique(nuclei.labels)
    ]
    assert len(found) > 1
    np.testing.assert_allclose(found.scores, sure[1:], rtol=1e-5)
    assert len(find_instances(at_threshold(tiny_run, 1.0), image, 1.0)) == 0


def test_boxes_are_all_that_a_detector_knows(
    tiny_run: Run, tiny_detector: DetectorRun, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    page = evaluate_side_by_side([tiny_run, tiny_detector], tiny_dataset, tmp_path, "validation")
    assert "Boxes are matched" in page.read_text(encoding="utf-8")
    table = pd.read_csv(tmp_path / "side_by_side.csv").set_index("network")
    assert np.isfinite(table.loc["RetinaNet", "ap"])


def test_an_empty_split_is_told(
    tiny_run: Run, tiny_instances: InstanceRun, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    empty = Dataset(tiny_dataset.folder, tiny_dataset.info, tiny_dataset.manifest[:3])
    with pytest.raises(CellidError, match="test split"):
        evaluate_side_by_side([tiny_run, tiny_instances], empty, tmp_path)
