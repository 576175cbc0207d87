"""A run folder loaded, on this backend and on others, or refused."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.models.inference import infer_maps
from cellid.models.network import build_network
from cellid.models.run import Run, load_run, network_scale, preprocess
from cellid.recipes import load_recipe
from cellid.runs import WEIGHTS, read_config


@pytest.fixture
def copy(tiny_run: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run.folder, tmp_path / "run"))


def edit(folder: Path, change: Callable[[dict], None]) -> None:
    path = folder / "config.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "config.json").unlink(), "No such file"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json"),
        (lambda folder: (folder / "config.json").write_text("[3]"), "config.json"),
        (lambda folder: (folder / "config.json").write_bytes(b"\xff"), "config.json"),
        (lambda folder: edit(folder, lambda v: v.update(version=9)), "version 9"),
        (lambda folder: edit(folder, lambda v: v.update(scal=9)), "did you mean scale"),
        (lambda folder: edit(folder, lambda v: v.pop("scale")), "setting scale"),
        (lambda folder: edit(folder, lambda v: v["recipe"]["model"].update(filters=4)), "weights"),
        (lambda folder: edit(folder, lambda v: v["recipe"]["model"].update(depth=3)), "weights"),
        (lambda folder: (folder / "model.weights.h5").unlink(), "weights of the network"),
        (lambda folder: (folder / "model.weights.h5").write_bytes(b"half"), "weights of the"),
        (lambda folder: os.truncate(folder / "model.weights.h5", 9000), "weights of the network"),
    ],
)
@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_a_damaged_run_is_refused(damage: Callable[[Path], object], words: str, copy: Path) -> None:
    damage(copy)
    with pytest.raises(CellidError, match=words):
        load_run(copy)


def test_an_unfinished_run_is_told_from_no_run(copy: Path, tmp_path: Path) -> None:
    (copy / "config.json").unlink()
    (copy / "checkpoint").mkdir()
    with pytest.raises(CellidError, match="has not finished"):
        read_config(copy)
    with pytest.raises(CellidError, match="finished training, with config"):
        read_config(tmp_path / "nowhere")


def test_the_scale_makes_up_for_the_pixel_size(tiny_run: Run) -> None:
    assert tiny_run.config.pixel_size_um == 1.0
    assert tiny_run.input_scale(1.0) == tiny_run.config.scale
    assert tiny_run.input_scale(0.5) == tiny_run.config.scale / 2
    assert tiny_run.input_scale(None) == tiny_run.config.scale
    unknown = tiny_run.config.model_copy(update={"pixel_size_um": None})
    assert Run(tiny_run.folder, unknown, tiny_run.model).input_scale(0.5) == unknown.scale


def test_the_network_s_scale_brings_nuclei_to_their_size() -> None:
    assert network_scale(load_recipe("thesis"), 20.0) == 1
    assert network_scale(load_recipe("fast"), 28.0) == 0.5
    image = np.random.default_rng(0).random((101, 60))
    assert preprocess(image, 0.5, 14.0).shape == (50, 30)
    with_channels = preprocess(np.stack([image, image], axis=-1), 0.5, 14.0)
    assert with_channels.shape == (50, 30, 2)


PREDICT = """
import sys
from pathlib import Path
import keras
import numpy as np
from cellid.models.inference import infer_maps
from cellid.models.run import load_run

run = load_run(Path(sys.argv[1]))
image = np.load(sys.argv[2])
np.save(sys.argv[3], infer_maps(run.model, run.config.recipe.model, image, 64, 2))
print(keras.backend.backend())
"""


@pytest.fixture(params=["trained U-Net", "c-ResUnet in colour"])
def run(request: pytest.FixtureRequest, copy: Path, tiny_run: Run) -> Run:
    if request.param == "trained U-Net":
        return tiny_run
    colour = {"architecture": "c-resunet"}
    edit(copy, lambda v: (v.update(n_channels=3), v["recipe"]["model"].update(colour)))
    build_network(read_config(copy).recipe.model, n_channels=3).save_weights(copy / WEIGHTS)
    return load_run(copy)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_gives_the_same_probability(backend: str, run: Run, tmp_path: Path) -> None:
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    shape = (70, 101, run.config.n_channels)
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.save(tmp_path / "image.npy", image)
    paths = [str(tmp_path / "image.npy"), str(tmp_path / "probability.npy")]
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, str(run.folder), *paths],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert backend in done.stdout
    here = infer_maps(run.model, run.config.recipe.model, image, 64, 2)
    assert np.ptp(here) > 1e-3
    np.testing.assert_allclose(np.load(paths[1]), here, atol=1e-4)
