"""A run on other data sets, on the command line: what is done once, left out and rescaled."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from cellid.cli import main
from cellid.dataset import Dataset
from cellid.models.run import Run
from cellid.workflows.generalisation import name_folders


def generalise(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["generalise", *map(str, arguments)])
    return int(stop.value.code or 0)


@pytest.fixture
def other(tiny_dataset: Dataset, tmp_path: Path) -> Path:
    """Another data set: the tiny one, with one crop dropped and pixels half as wide."""
    folder = Path(shutil.copytree(tiny_dataset.folder, tmp_path / "other"))
    manifest = (folder / "manifest.csv").read_text(encoding="utf-8")
    (folder / "manifest.csv").write_text(manifest.replace("True", "False", 1), encoding="utf-8")
    about = (folder / "dataset.json").read_text(encoding="utf-8")
    (folder / "dataset.json").write_text(
        about.replace('"pixel_size_um": 1.0', '"pixel_size_um": 0.5'), encoding="utf-8"
    )
    return folder


def test_data_sets_are_evaluated_once_and_bad_ones_told(
    tiny_run: Run,
    tiny_dataset: Dataset,
    other: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    bad = [tmp_path / "nowhere", tiny_dataset.folder]
    assert generalise(tiny_run.folder, other, *bad, "--out", out) == 1
    said = capsys.readouterr().out
    assert "left out: nowhere" in said
    assert "left out: dataset" in said  # it was trained on that
    assert (out / "generalisation.html").exists()
    images = pd.read_csv(out / "images.csv").groupby("dataset")["id"].apply(list)
    assert images["its own"] == ["f8", "f9"]
    assert images["other"] == [f"f{i}" for i in range(1, 10)]
    (counts,) = out.glob("evaluations/*/counts.csv")
    assert set(pd.read_csv(counts)["scale"]) == {tiny_run.config.scale / 2}
    before = counts.stat().st_mtime_ns

    assert generalise(tiny_run.folder, other, "--out", out) == 0
    assert counts.stat().st_mtime_ns == before
    assert generalise(tiny_run.folder, other, "--out", out, "--match-size") == 2
    assert generalise(tiny_run.folder, other, "--out", out, "--split", "test") == 0
    assert pd.read_csv(counts)["id"].tolist() == ["f8", "f9"]
    matched = tmp_path / "matched"
    assert generalise(tiny_run.folder, other, "--out", matched, "--match-size") == 0
    (counts,) = matched.glob("evaluations/*/counts.csv")
    # the nuclei are as wide in pixels
    assert set(pd.read_csv(counts)["scale"]) == {tiny_run.config.scale}


def test_folders_are_told_apart_by_their_parents(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a/dataset", "b/dataset", "c", "a/dataset")]
    assert list(name_folders(folders)) == ["a/dataset", "b/dataset", "c"]
    assert list(name_folders(folders[:1])) == ["dataset"]
