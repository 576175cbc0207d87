"""What README tells a new user to type works as it stands."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cellid.io.writers import write_png

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", README, flags=re.S)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.strip()]


def _command(start: str) -> list[str]:
    (line,) = [c for c in COMMANDS if c.startswith(start) and "…" not in c]
    return shlex.split(line)


@pytest.mark.slow
def test_demo_ends_with_a_report(tmp_path: Path) -> None:
    _, script = _command("python3 data_pipeline/demo.py")
    command = [sys.executable, str(PROJECT / script), "--out", str(tmp_path / "demo")]
    command += ["--set", "train.epochs=1", "--set", "model.filters=4"]  # else it takes minutes
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = Path(done.stdout.strip().splitlines()[-1].removeprefix("report: "))
    assert (tmp_path / report).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_test_command_is_what_ci_runs() -> None:
    _, script = _command("python3 tests/run.py")
    assert f"python3 {script}" in (PROJECT / ".ci" / "run").read_text(encoding="utf-8")


def test_commands_on_own_images(
    pairs: Path,
    cellid: Callable[..., int],
    small: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for kind in ("phase", "stain"):
        shutil.copytree(pairs / kind, tmp_path / "images" / kind)
    for images in ("new-images", "time-lapse"):
        shutil.copytree(pairs / "phase", tmp_path / images)
    monkeypatch.chdir(tmp_path)
    assert cellid(*_command("cellid label-and-train")[1:], *small) == 0
    for named in ("my-run/dataset/contact_sheet.png", "my-run/report.html", "my-run/recipe.toml"):
        assert named in README
        assert (tmp_path / named).exists()
    assert cellid(*_command("cellid predict my-run")[1:]) == 0
    for named in ("nuclei/labels/*.tif", "nuclei/overlays/*.png", "nuclei/objects.csv"):
        assert named in README
        assert list(tmp_path.glob(named))
    assert _shown_page(_command("cellid page")[1:]).startswith("<!doctype html>")
    assert cellid(*_command("cellid track")[1:]) == 0
    assert "tracks/tracks.html" in README
    assert (tmp_path / "tracks/tracks.html").exists()
    tables = ("tracks.csv", "lineage.csv", "divisions.csv", "drift.csv")
    for named in (*tables, "tracked.tif", "movie.mp4", "trackmate.xml"):
        assert f"`{named}`" in README
        assert list(tmp_path.glob(f"tracks/*/{named}"))


def _shown_page(arguments: list[str]) -> str:
    """Return the page that a command serves, which Ctrl-C then ends without a word."""
    command = [sys.executable, "-m", "cellid", *arguments, "--port", "0"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | {"PYTHONUNBUFFERED": "1"}, **streams) as server:
        try:
            line = next((line for line in server.stdout if "http://" in line), "")
            assert line, server.stderr.read()
            address = re.findall(r"http://\S+", line)[0]
            with urllib.request.urlopen(address) as answer:
                page = answer.read().decode().lower()
            server.send_signal(signal.SIGINT)
            assert server.wait(timeout=60) == 0
            assert server.stderr.read() == ""
        finally:
            server.kill()
    return page


@pytest.mark.slow
def test_commands_on_focal_adhesions(
    cellid: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(1)
    for number in range(8):
        mask = np.zeros((64, 96), np.uint8)
        for x, y in random.integers(4, (44, 60), (4, 2)):  # the right half is empty
            mask[y - 2 : y + 2, x - 3 : x + 3] = 255
        write_png(tmp_path / "masks" / f"{number}.png", mask)
        light = random.normal(30, 5, mask.shape) + mask // 2
        write_png(tmp_path / "images" / f"{number}.png", light.clip(0, 255).astype(np.uint8))
    monkeypatch.chdir(tmp_path)
    small = ("patches.size_px=16", "patches.input_px=32", "train.epochs=1")
    small = [word for setting in small for word in ("--set", setting)]
    assert cellid(*_command("cellid label --phase")[1:]) == 0
    assert cellid(*_command("cellid train adhesions --preset adhesion-classifier")[1:], *small) == 0
    assert cellid("evaluate", "my-classifier", "--dataset", "adhesions") == 0
    assert (tmp_path / "my-classifier" / "report.html").exists()
    assert cellid(*_command("cellid explain")[1:]) == 0
    assert (tmp_path / "why" / "explain.html").exists()
    shutil.copytree(tmp_path / "images", tmp_path / "new-images")
    small = ("train.epochs=1", "train.window_px=64", "train.batch_size=2", "model.filters=8")
    small = [word for setting in small for word in ("--set", setting)]
    assert cellid(*_command("cellid train adhesions --preset adhesion-detector")[1:], *small) == 0
    assert cellid(*_command("cellid predict my-detector")[1:]) == 0
    for named in ("objects.csv", "cells.csv", "labels"):
        assert f"`measured/{named}" in README
        assert (tmp_path / "measured" / named).exists()
    gate = ("--gate", "my-classifier")
    assert cellid("evaluate", "my-detector", "--dataset", "adhesions", *gate) == 0
    assert (tmp_path / "my-detector" / "gate.png").exists()

    (tmp_path / "adhesions").rename(tmp_path / "dataset")
    small = ("train.epochs=1", "train.window_px=64", "train.batch_size=2")
    small += ("model.filters=16", "model.hidden=64", "model.mask_filters=16")
    small = [word for setting in small for word in ("--set", setting)]
    assert cellid(*_command("cellid train dataset --preset cell-instances")[1:], *small) == 0
    assert cellid(*_command("cellid predict my-outliner")[1:]) == 0
    for named in ("instances.json", "objects.csv", "labels"):
        assert f"`outlined/{named}" in README
        assert (tmp_path / "outlined" / named).exists()
    assert cellid("evaluate", "my-outliner", "--dataset", "dataset") == 0


def test_settings_named_in_readme_exist() -> None:
    from cellid.config import ClassifierRecipe, DetectorRecipe, Recipe
    from cellid.recipes import setting_names

    named = set(re.findall(r"--set ([a-z_.]+)=", README))
    assert named
    kinds = (Recipe, ClassifierRecipe, DetectorRecipe)
    assert named <= {name for kind in kinds for name in setting_names(kind)}
