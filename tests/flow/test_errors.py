"""Mistakes of a user's end in four lines that say what to do, and in no traceback."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellid.io.tiff_writers import write_image

Cellid = Callable[..., int]


@pytest.fixture
def fields(pairs: Path, tmp_path: Path) -> Path:
    """A copy of the pairs, to be spoiled."""
    return Path(shutil.copytree(pairs, tmp_path / "fields"))


@pytest.fixture
def fails(cellid: Cellid, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command line, check that it fails as it should, and return what it said."""

    def run(*arguments: object, status: int = 2) -> str:
        ended = cellid(*arguments)
        captured = capsys.readouterr()
        said = captured.out + captured.err
        assert ended == status, said
        assert "expected:" in said
        assert "got:" in said
        assert "remedy:" in said
        assert "Traceback" not in said
        return said

    return run


def _label(fields: Path, *more: str) -> list[object]:
    folders = ["--phase", fields / "phase", "--stain", fields / "stain"]
    return ["label", *folders, "--out", fields / "out", "--set", "crops.size=160", *more]


def test_no_pairs_names_the_files_seen(fails: Callable[..., str], tmp_path: Path) -> None:
    for folder, name in (("phase", "alpha.tif"), ("stain", "beta.tif")):
        write_image(tmp_path / folder / name, np.eye(64, dtype=np.uint8))
    said = fails(*_label(tmp_path))
    assert "alpha.tif" in said
    assert "beta.tif" in said


def test_wrong_folder(fails: Callable[..., str], tmp_path: Path) -> None:
    assert "nowhere" in fails(*_label(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda path: write_image(path, np.ones((100, 100), np.uint8) * np.arange(100)), "pixels"),
        (lambda path: write_image(path, np.full((320, 330), 7, np.uint8)), "every pixel 7"),
        (lambda path: path.write_bytes(path.read_bytes()[:9000]), "cut short"),
        (lambda path: path.write_bytes(b""), "empty"),
    ],
)
def test_bad_pair_is_left_out_and_listed(
    fields: Path,
    cellid: Cellid,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], object],
    word: str,
) -> None:
    victim = sorted((fields / "phase").iterdir())[0]
    before = len(list((fields / "phase").iterdir()))
    spoil(victim)
    assert cellid(*_label(fields)) == 0
    said = capsys.readouterr().out
    assert "left out" in said
    assert word in said
    manifest = (fields / "out" / "manifest.csv").read_text(encoding="utf-8")
    assert victim.name not in manifest
    assert manifest.count("\n") - 1 == (before - 1) * 4


def test_only_bad_pairs(fields: Path, fails: Callable[..., str]) -> None:
    for path in (fields / "stain").iterdir():
        write_image(path, np.full((320, 330), 7, np.uint8))
    fails(*_label(fields))
    assert not (fields / "out").exists()
    assert not list(fields.glob(".tmp*"))


def test_all_crops_dropped(fields: Path, fails: Callable[..., str]) -> None:
    assert "dropped" in fails(*_label(fields, "--set", "select.max_nucleus_share=0.00001"))
    assert not (fields / "out").exists()


def test_shifted_pair_is_left_out(
    fields: Path, cellid: Cellid, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = sorted((fields / "stain").iterdir())[0]
    write_image(victim, np.roll(tifffile.imread(victim), 30, axis=1))
    assert cellid(*_label(fields)) == 0
    assert "shift" in capsys.readouterr().out


def test_unknown_setting_names_the_nearest(fails: Callable[..., str], tmp_path: Path) -> None:
    assert "train.epochs" in fails(*_label(tmp_path, "--set", "train.epoch=3"))


def test_existing_output(fields: Path, fails: Callable[..., str]) -> None:
    (fields / "out").mkdir()
    (fields / "out" / "mine.txt").write_text("mine", encoding="utf-8")
    assert "--overwrite" in fails(*_label(fields))
    assert (fields / "out" / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_finished_job_is_not_done_again(
    finished_copy: Path, pairs: Path, fails: Callable[..., str]
) -> None:
    folders = ["--phase", pairs / "phase", "--stain", pairs / "stain"]
    assert "--overwrite" in fails("label-and-train", *folders, "--out", finished_copy)


def test_too_few_fields(pairs: Path, fails: Callable[..., str], tmp_path: Path) -> None:
    for folder in ("phase", "stain"):
        first = sorted((pairs / folder).iterdir())[0]
        (tmp_path / folder).mkdir()
        shutil.copy(first, tmp_path / folder)
    folders = ["--phase", tmp_path / "phase", "--stain", tmp_path / "stain"]
    assert "validation" in fails("label-and-train", *folders, "--out", tmp_path / "run")


def test_no_space_left(
    fields: Path, fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert "no space left" in fails(*_label(fields), status=1)
    assert not (fields / "out").exists()


def test_run_of_another_version(
    finished_copy: Path, pairs: Path, fails: Callable[..., str], tmp_path: Path
) -> None:
    config = json.loads((finished_copy / "config.json").read_text(encoding="utf-8"))
    config["version"] = 99
    (finished_copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    said = fails("predict", finished_copy, pairs / "phase", "--out", tmp_path / "out")
    assert "version 99" in said


def test_damaged_weights(
    finished_copy: Path, pairs: Path, fails: Callable[..., str], tmp_path: Path
) -> None:
    weights = finished_copy / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:1000])
    said = fails("predict", finished_copy, pairs / "phase", "--out", tmp_path / "out")
    assert "model.weights.h5" in said


def test_predict_refuses_what_it_cannot_read(
    finished: Path, fails: Callable[..., str], tmp_path: Path
) -> None:
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.zeros((5, 64, 64), np.uint8), metadata=None)
    assert "axes" in fails("predict", finished, stack, "--out", tmp_path / "out")
