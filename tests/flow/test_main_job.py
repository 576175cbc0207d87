"""The whole job on small simulated pairs, through the command line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from cellid.dataset import read_dataset
from cellid.io.images import open_image
from cellid.recipes import load_recipe

Cellid = Callable[..., int]


def test_run_folder_holds_all_that_is_promised(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert names >= {
        "config.json",
        "model.weights.h5",
        "recipe.toml",
        "history.csv",
        "curves.png",
        "report.json",
        "report.html",
        "evaluation",
        "dataset",
    }
    assert "checkpoint" not in names
    assert len(pd.read_csv(finished / "history.csv")) == 3


def test_labels_are_those_of_the_truth(finished: Path, pairs: Path) -> None:
    dataset = read_dataset(finished / "dataset")
    found = dataset.manifest.set_index("id")["n_nuclei"]
    true = 0
    for row in dataset.manifest.itertuples():
        truth = open_image(pairs / "truth" / Path(row.file).name).read()
        crop = truth[row.y0 : row.y1, row.x0 : row.x1]
        true += len(np.unique(crop)) - 1
    assert found.sum() == pytest.approx(true, rel=0.15)


def test_whole_fields_are_in_one_split_and_a_quarter_is_dropped(finished: Path) -> None:
    manifest = read_dataset(finished / "dataset").manifest
    assert len(manifest) == 6 * 4
    assert (manifest.groupby("group")["split"].nunique() == 1).all()
    assert set(manifest["split"]) == {"train", "validation", "test"}
    assert (manifest["reason"] == "few_nuclei").sum() == 6
    assert set(manifest["well"]) == {"A1", "A2", "A3", "B1", "B2", "B3"}


def test_report_stands_alone(finished: Path) -> None:
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert "data:image" in page
    assert 'src="http' not in page
    assert "object" in page.lower()
    json.loads((finished / "report.json").read_text(encoding="utf-8"))


def test_recipe_in_force_trains_the_same_again(
    finished: Path, cellid: Cellid, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    recipe = finished / "recipe.toml"
    assert load_recipe(file=recipe).train.epochs == 3
    assert cellid("train", finished / "dataset", "--out", again, "--recipe", recipe) == 0
    busy = ["epoch_s", "memory_mb"]  # how the machine was, not how the training went
    first, second = (
        pd.read_csv(folder / "history.csv").drop(columns=busy) for folder in (finished, again)
    )
    pd.testing.assert_frame_equal(first, second, rtol=0.05)


def test_predict_reads_image_stack_and_folder(
    finished: Path, pairs: Path, cellid: Cellid, tmp_path: Path
) -> None:
    phase = sorted((pairs / "phase").iterdir())
    frames = np.stack([open_image(path).read() for path in phase[:3]])
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, frames, metadata={"axes": "TYX"}, imagej=True)
    out = tmp_path / "nuclei"
    assert cellid("predict", finished, phase[0], stack, "--out", out, "--probability") == 0

    single = tifffile.imread(out / "labels" / f"{phase[0].stem}.tif")
    labels = tifffile.imread(out / "labels" / "stack.tif")
    assert labels.shape == frames.shape
    assert labels.dtype == np.uint16
    np.testing.assert_array_equal(labels[0], single)
    assert tifffile.imread(out / "probability" / "stack.tif").dtype == np.float32
    assert (out / "overlays" / "stack.png").exists()

    counts = pd.read_csv(out / "counts.csv")
    objects = pd.read_csv(out / "objects.csv")
    assert list(counts["file"]) == [phase[0].name, *["stack.tif"] * 3]
    assert list(counts["frame"]) == [0, 0, 1, 2]
    assert counts["well"][0] == "A1"
    for row in counts.itertuples():
        here = objects[(objects["file"] == row.file) & (objects["frame"] == row.frame)]
        assert len(here) == row.n_nuclei
    assert {"label", "area", "centroid-0", "bbox-3", "score", "area_um2"} <= set(objects)

    folder = tmp_path / "folder"
    assert cellid("predict", finished, pairs / "phase", "--out", folder, "--no-overlays") == 0
    assert len(list((folder / "labels").iterdir())) == 6
    assert not (folder / "overlays").exists()


def test_one_bad_file_does_not_stop_the_others(
    finished: Path, pairs: Path, cellid: Cellid, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = sorted((pairs / "phase").iterdir())[0]
    bad = tmp_path / "bad.tif"
    bad.write_bytes(good.read_bytes()[:5000])
    out = tmp_path / "nuclei"
    assert cellid("predict", finished, bad, good, "--out", out) == 1
    assert "bad.tif" in capsys.readouterr().out
    assert [path.stem for path in (out / "labels").iterdir()] == [good.stem]
    assert set(pd.read_csv(out / "counts.csv")["file"]) == {good.name}


def test_given_labels_score_a_run_against_truth(
    finished: Path, pairs: Path, cellid: Cellid, tmp_path: Path
) -> None:
    dataset, out = tmp_path / "truth", tmp_path / "report"
    settings = ["labels.method=given", "select.drop_lowest=0", "split.test_ids=['*']"]
    changed = [word for setting in settings for word in ("--set", setting)]
    folders = ["--phase", pairs / "phase", "--stain", pairs / "truth", "--out", dataset]
    assert cellid("label", *folders, *changed) == 0
    assert cellid("evaluate", finished, "--dataset", dataset, "--out", out) == 0
    assert (out / "report.html").exists()


def test_labels_are_judged_and_the_first_come_back(
    finished_copy: Path, cellid: Cellid, small: list[str], tmp_path: Path
) -> None:
    folder, out = finished_copy / "dataset", tmp_path / "folds"
    before = (folder / "manifest.csv").read_text(encoding="utf-8")
    two = [*small, "--set", "correct.folds=2", "--set", "correct.epochs=0.3"]
    assert cellid("correct", folder, "--out", out, "--apply", *two) == 0
    dataset = read_dataset(folder)
    judged = dataset.manifest[dataset.manifest["labelled_by"] == "model"]
    assert set(judged["split"]) == {"train", "validation"}
    objects = pd.read_csv(folder / "corrected" / "model" / "proposals.csv")
    assert set(objects["crop"]) <= set(judged["id"])
    assert {"keep"} <= set(objects["proposal"].dropna())
    assert (out / "proposals.html").exists()
    after = (folder / "manifest.csv").read_text(encoding="utf-8")
    assert cellid("correct", folder, "--out", out, "--apply", *two) == 0  # all is kept
    assert (folder / "manifest.csv").read_text(encoding="utf-8") == after
    assert cellid("undo-corrections", folder) == 0
    assert (folder / "manifest.csv").read_text(encoding="utf-8") == before


def test_report_is_written_again(finished: Path, finished_copy: Path, cellid: Cellid) -> None:
    (finished_copy / "report.json").unlink()
    (finished_copy / "report.html").unlink()
    assert cellid("report", finished_copy) == 0
    after = (finished_copy / "report.json").read_text(encoding="utf-8")
    before = (finished / "report.json").read_text(encoding="utf-8")
    assert after.replace(str(finished_copy), str(finished)) == before
    assert (finished_copy / "report.html").exists()


def test_doctor_sees_this_machine(cellid: Cellid, capsys: pytest.CaptureFixture[str]) -> None:
    assert cellid("doctor") == 0
    said = capsys.readouterr().out
    assert "GPU" in said
    assert said.rstrip().endswith("works")


def test_settings_can_be_listed(cellid: Cellid, capsys: pytest.CaptureFixture[str]) -> None:
    assert cellid("settings", "--set", "train.epochs=7") == 0
    assert "train.epochs = 7" in capsys.readouterr().out


def test_pure_and_mixed_classifiers_are_compared(
    pairs: Path,
    cellid: Cellid,
    small: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wells = {"A": ("A1", "A2", "A3"), "B": ("B1", "B2"), "C": ("B3",)}
    for line, names in wells.items():
        for kind in ("phase", "stain"):
            (tmp_path / line / kind).mkdir(parents=True)
            for name in names:
                file = f"VID_{name}_1_00d00h00m.tif"
                shutil.copy(pairs / kind / file, tmp_path / line / kind / file)
    lines = [word for line in wells for word in ("--line", f"{line}={tmp_path / line}")]
    run = tmp_path / "run"
    assert cellid("label-and-train", *lines, "--pure", "--out", run, *small) == 0
    said = capsys.readouterr().out
    assert "no classifier of C alone" in said
    assert "no classifier of B alone" in said
    assert (run / "pure" / "A" / "config.json").exists()
    report = (run / "report.html").read_text(encoding="utf-8")
    assert "Pure classifier" in report
    assert "Mixed classifier" in report


def test_without_a_test_field_validation_is_scored_and_said(
    pairs: Path,
    cellid: Cellid,
    small: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for kind in ("phase", "stain"):
        (tmp_path / kind).mkdir()
        for well in ("A1", "B2"):
            shutil.copy(pairs / kind / f"VID_{well}_1_00d00h00m.tif", tmp_path / kind)
    folders = ["--phase", tmp_path / "phase", "--stain", tmp_path / "stain"]
    assert cellid("label-and-train", *folders, "--out", tmp_path / "run", *small) == 0
    assert "flatters" in capsys.readouterr().out
    assert (tmp_path / "run" / "report.html").exists()
