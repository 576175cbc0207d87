"""A learning curve through the command line, interrupted and gone on with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cellid.dataset import read_dataset
from cellid.dataset.manifest import write_manifest
from cellid.training import loop

Cellid = Callable[..., int]


@pytest.fixture
def dataset(finished_copy: Path) -> Path:
    """A data set of two training fields, for a curve of two sizes."""
    folder = finished_copy / "dataset"
    manifest = read_dataset(folder).manifest
    groups = manifest.loc[manifest["kept"] & (manifest["split"] == "train"), "group"].unique()
    write_manifest(folder, manifest[~manifest["group"].isin(groups[2:])])
    return folder


def test_an_interrupted_curve_goes_on_and_trains_nothing_twice(
    dataset: Path,
    cellid: Cellid,
    small: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "curve"
    first, second = out / "fields-01-repeat-1", out / "fields-02-repeat-1"
    command = ["learning-curve", dataset, "--out", out, *small]
    command += ["--set", "train.epochs=2", "--set", "model.depth=1"]
    write_checkpoint = loop.write_checkpoint

    def write_and_stop(folder: Path, *state: Any) -> None:
        write_checkpoint(folder, *state)
        if folder.parent == second:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "write_checkpoint", write_and_stop)
        assert cellid(*command, "--repeats", 1) == 130
    before = {path: path.stat().st_mtime_ns for path in first.rglob("*") if path.is_file()}
    assert first / "evaluation" / "evaluation.json" in before
    assert not (second / "config.json").exists()
    capsys.readouterr()

    assert cellid(*command, "--repeats", 1) == 0
    said = capsys.readouterr().out
    assert said.count("training:") == 1
    assert "going on after epoch 1" in said
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    table = pd.read_csv(out / "learning_curve.csv")
    assert table["n_groups"].tolist() == [1, 2]
    assert table["run"].tolist() == [first.name, second.name]
    assert table["instance_f1"].between(0, 1).all()
    for name in ("learning_curve.png", "report.html"):
        assert (out / name).exists()

    assert cellid(*command, "--set", "train.batch_size=3") == 2
    assert "another recipe or data set" in capsys.readouterr().err
