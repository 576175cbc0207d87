"""The command that explains a Mask R-CNN: with labels, without, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from cellid.cli.app import app
from cellid.config import InputSettings, InstanceExplainSettings
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.io.tiff_writers import write_image
from cellid.models.instance_run import InstanceRun, build_network
from cellid.report.detector import read_judged_detections
from cellid.types import Detections
from cellid.workflows.detection import evaluate_detector
from cellid.workflows.instance_explanation import explain_instances


def explain(run: InstanceRun, path: Path, out: Path, **options) -> dict[str, str]:
    settings = InstanceExplainSettings(max_drawn=1)
    return explain_instances(
        run, [path], out, settings, InputSettings(), say=lambda _: None, **options
    )


@pytest.fixture(scope="module")
def untiled(tiny_instances: InstanceRun) -> InstanceRun:
    """The tiny run, which sees an image in one tile: half the time."""
    config = tiny_instances.config
    tiles = config.recipe.predict.tiles.model_copy(update={"tile_px": 80})
    predict = config.recipe.predict.model_copy(update={"tiles": tiles})
    recipe = config.recipe.model_copy(update={"predict": predict})
    return replace(tiny_instances, config=config.model_copy(update={"recipe": recipe}))


@pytest.fixture
def attentive(untiled: InstanceRun, monkeypatch: pytest.MonkeyPatch) -> InstanceRun:
    """The tiny run with attention in its network, untrained."""
    monkeypatch.setattr("cellid.nn.cbam._REDUCTION", 4)  # of the 8 channels of a tiny stage
    config = untiled.config
    network = config.recipe.model.model_copy(update={"attention": True})
    recipe = config.recipe.model_copy(update={"model": network})
    model = build_network(network, config.anchors, config.n_channels, seed=1)
    return replace(untiled, config=config.model_copy(update={"recipe": recipe}), model=model)


def test_the_whole_network_scores_as_it_is_evaluated(
    untiled: InstanceRun, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    assert not explain(untiled, tiny_dataset.folder, tmp_path)
    evaluate_detector(untiled, tiny_dataset, tmp_path / "judged")
    judged = read_judged_detections(tmp_path / "judged" / "evaluation")
    parts = pd.read_csv(tmp_path / "parts.csv").set_index("part")
    whole = parts.loc["whole"]
    assert whole["ap_50"] == pytest.approx(judged.objects.coco["mask"].ap_50, abs=1e-3)
    assert whole["f1"] == pytest.approx(judged.objects.intervals()["f1"].estimate, abs=1e-5)
    assert parts["share"].sum() == pytest.approx(1, abs=1e-4)
    rest = parts.drop("whole")
    assert list(rest.index) == [
        *("layer1", "layer2", "layer3", "layer4", "p2", "p3", "p4", "p5"),
        *("rpn", "box_head", "mask_head"),
    ]
    for score in ("ap_50", "f1"):
        lost = whole[score] - rest[score]
        np.testing.assert_allclose(rest[f"{score}_loss"], lost, atol=2e-5)
        inside = rest[f"{score}_loss"].between(
            rest[f"{score}_loss_low"] - 1e-5, rest[f"{score}_loss_high"] + 1e-5
        )
        assert inside.all()
    page = (tmp_path / "explain.html").read_text(encoding="utf-8")
    for said in (
        "Activation is not importance",
        "against the labels",
        "This network has no attention",
        "The first 1 of 2 images are drawn",
    ):
        assert said in page
    assert page.count("<figcaption>") == 1 + 4 + 4 + 4 + 2
    assert not (tmp_path / "channels.csv").exists()


def test_a_part_that_the_result_hangs_on_is_seen_to(
    untiled: InstanceRun,
    tiny_dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Round objects, found in their exact boxes, whose masks alone make them what they are
    boxes = [[10, 10, 23, 23], [30, 40, 43, 53]]
    grid = np.hypot(*(np.indices((28, 28)) - 13.5)) < 9  # a disk of half its box
    labels = np.zeros((64, 72), np.int32)
    for number, (y0, x0, y1, x1) in enumerate(boxes, start=1):
        rows, columns = np.indices((13, 13)) - 6
        labels[y0:y1, x0:x1][np.hypot(rows, columns) < 9 / 28 * 13] = number

    def find(detector, outputs, padded_shape, image_shape, judged=True, drawn=True):
        masks = np.stack([grid if drawn else np.ones_like(grid)] * 2)
        return Detections(boxes, [0.9, 0.8], [0, 0], masks)

    monkeypatch.setattr("cellid.models.mask_detector.MaskDetector.find", find)
    monkeypatch.setattr(Dataset, "labels", lambda dataset, name: labels)
    explain(untiled, tiny_dataset.folder, tmp_path)
    parts = pd.read_csv(tmp_path / "parts.csv").set_index("part")
    assert parts.loc["whole", ["ap_50", "f1"]].tolist() == [1, 1]
    assert parts.loc["mask_head", ["ap_50_loss", "f1_loss"]].tolist() == [1, 1]
    others = parts.drop(["whole", "mask_head"])
    assert not others[["ap_50_loss", "f1_loss"]].any(axis=None)
    page = (tmp_path / "explain.html").read_text(encoding="utf-8")
    assert "loses most without <b>Mask head</b>" in page


def test_of_images_the_whole_network_is_the_measure_and_a_bad_one_is_left_out(
    attentive: InstanceRun, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    write_image(images / "a.tif", tiny_dataset.image("f8"), pixel_size_um=None)
    write_image(images / "colour.tif", np.zeros((20, 20, 3), np.uint8))
    (images / "torn.tif").write_bytes(b"II*\0")
    problems = explain(attentive, images, out)
    assert {Path(name).name for name in problems} == {"colour.tif", "torn.tif"}
    parts = pd.read_csv(out / "parts.csv")
    whole = parts.iloc[0]
    assert whole["ap_50"] == whole["f1"] == 1
    assert parts["ap_50_loss_low"].isna().all()  # one image
    of_attention = parts[parts["part"] == "cbam"].set_index("ablation")
    assert set(of_attention.index) == {"identity", "even"}
    assert of_attention["share"].isna().all()
    assert parts["share"].sum() == pytest.approx(1, abs=1e-4)
    channels = pd.read_csv(out / "channels.csv")
    assert channels.groupby("attention").size().tolist() == [8] * 4
    assert channels["weight"].between(0, 1).all()
    page = (out / "explain.html").read_text(encoding="utf-8")
    for said in ("the whole network itself finds", "CBAM of layer1", "colour.tif", "no interval"):
        assert said in page
    assert page.count("<figcaption>") == 4 + 1 + 4 + 4 + 4 + 4 + 2
    with pytest.raises(CellidError, match="empty folder"):
        explain(attentive, images, out)


def test_nothing_to_explain_is_said(
    tiny_instances: InstanceRun, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(CellidError, match="another --split"):
        explain(tiny_instances, tiny_dataset.folder, tmp_path / "out", split="dusk")


def test_the_command_does_what_the_run_is_for(
    tiny_instances: InstanceRun, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    image = tmp_path / "small.tif"  # of one tile
    write_image(image, tiny_dataset.image("f8")[:48, :48], pixel_size_um=None)

    def invoke(run: Path, *options: str):
        given = ("explain", run, image, "--out", tmp_path / "out", *options)
        return CliRunner().invoke(app, list(map(str, given)))

    run = tiny_instances.folder
    assert invoke(run, "--max-drawn", "0").exit_code == 0
    page = (tmp_path / "out" / "explain.html").read_text(encoding="utf-8")
    assert "<figcaption>" not in page
    for option, value in (("--layer", "layer2"), ("--method", "gradcam"), ("--embedding", "none")):
        error = invoke(run, option, value).exception
        assert isinstance(error, CellidError)
        assert option in str(error)
        assert "classifies patches" in str(error)
    for task, options, said in (
        ("detect", (), "outlines objects"),
        ("segment", (), "classifies patches"),
        ("classify", ("--max-drawn", "2"), "--max-drawn"),
    ):
        other = tmp_path / task
        other.mkdir()
        (other / "config.json").write_text(f'{{"version": 2, "task": "{task}"}}')
        error = invoke(other, *options).exception
        assert isinstance(error, CellidError)
        assert said in str(error)
