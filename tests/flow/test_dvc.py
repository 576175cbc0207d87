"""The pipeline of data_pipeline/dvc.yaml: run, changed, stored, and fetched into a second clone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from cellid.io.writers import write_png
from cellid.recipes import load_any_recipe

PIPELINE = Path(__file__).parents[2] / "data_pipeline"
PARTS = ("dvc.yaml", "params.yaml", "import_published.py", ".dvc", ".gitignore", "recipes")
PARAMS = """
images: {form: coco, folder: images}
tiles: {rows: 3, columns: 3, window: 2}
evaluate: {split: test}
"""
RECIPE = """
preset = "fast"
log_to = "none"
[model]
filters = 2
depth = 2
[train]
epochs = 1
batch_size = 2
window_px = 32
[evaluate]
bootstrap_samples = 100
"""
STAGES = ["import", "tile", "train", "evaluate"]


def run(folder: Path, *command: str) -> str:
    """Run a command, this environment's programs before others, and return what it prints."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {"cwd": folder, "env": {**os.environ, "PATH": programs}}
    done = subprocess.run(command, **settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=tests", "-c", "user.email=tests@example.org")
    return run(folder, "git", *who, *words)


def dvc(folder: Path, *words: str) -> str:
    return run(folder, sys.executable, "-m", "dvc", *words)


def ran(output: str) -> list[str]:
    return [stage for stage in STAGES if f"Running stage '{stage}'" in output]


def read_all(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def draw_images(folder: Path) -> None:
    """Write eight images of bright squares, some of which overlap, and COCO's file of them."""
    random = np.random.default_rng(1)
    images, annotations = [], []
    for number in range(8):
        image = np.full((80, 96), 60, np.float32)
        for x, y in [(8, 8), (14, 12), (60, 10), (30, 50), (70, 52)]:
            cv2.rectangle(image, (x, y), (x + 11, y + 11), 160, -1)
            corners = [x, y, x + 12, y, x + 12, y + 12, x, y + 12]
            annotations.append({"image_id": number, "segmentation": [corners]})
        image += random.normal(0, 8, image.shape)
        write_png(folder / f"{number}.png", image.clip(0, 255).astype(np.uint8))
        images.append({"id": number, "file_name": f"{number}.png", "height": 80, "width": 96})
    content = {"images": images, "annotations": annotations}
    (folder / "outlines.json").write_text(json.dumps(content))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with the pipeline, small settings, images, and a remote to store them in."""
    folder = tmp_path / "project"
    folder.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (PIPELINE / part).is_dir() else shutil.copy
        copy(PIPELINE / part, folder / part)
    (folder / "params.yaml").write_text(PARAMS)
    (folder / "recipes" / "instances.toml").write_text(RECIPE)
    draw_images(folder / "images")
    git(folder, "init", "--quiet")
    dvc(folder, "remote", "add", "--default", "shelf", str(tmp_path / "shelf"))
    dvc(folder, "add", "images")
    return folder


def test_shipped_settings_are_valid() -> None:
    recipe = load_any_recipe(None, PIPELINE / "recipes" / "instances.toml")
    assert recipe.preset == "cell-instances"
    assert recipe.log_to is None
    config = (PIPELINE / ".dvc" / "config").read_text()
    assert "analytics = false" in config


@pytest.mark.slow
def test_pipeline_runs_and_a_second_clone_gets_the_same_bytes(
    project: Path, tmp_path: Path
) -> None:
    assert ran(dvc(project, "repro")) == STAGES
    assert "up to date" in dvc(project, "status")
    git(project, "add", ".")
    tracked = git(project, "ls-files").split()
    assert {"dvc.lock", "dvc.yaml", "images.dvc"} <= set(tracked)
    assert not [name for name in tracked if name.startswith(("dataset", "tiles", "run", "scores"))]
    git(project, "commit", "--quiet", "--message", "First training")
    assert len(list((project / "tiles" / "images").iterdir())) == 8 * 4

    dvc(project, "push")
    git(tmp_path, "clone", "--quiet", str(project), "clone")
    clone = tmp_path / "clone"
    dvc(clone, "pull")
    for name in ("images", "dataset", "tiles", "run", "scores"):
        assert read_all(clone / name) == read_all(project / name)
    assert "up to date" in dvc(clone, "status")

    # A change of the training leaves data and tiles alone
    recipe = clone / "recipes" / "instances.toml"
    recipe.write_text(RECIPE.replace("epochs = 1", "epochs = 2"))
    assert "train.epochs" in dvc(clone, "params", "diff")
    assert ran(dvc(clone, "repro", "--dry", "--force-downstream")) == ["train", "evaluate"]
