"""A run that finds bright disks, without a training, and images with as many as asked for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cellid.apps.runs import OfferedRun, offer_runs
from cellid.io.tiff_writers import write_image
from cellid.io.writers import write_json
from cellid.models.run import Run
from cellid.recipes import load_recipe
from cellid.runs import AppearanceRange, InstanceRule, RunConfig

RADIUS_PX = 6


def find_bright(batch: np.ndarray, training: bool) -> np.ndarray:
    """Stand for a network: bright is nucleus."""
    return 1 / (1 + np.exp(-6 * (batch - 0.4)))


@pytest.fixture(scope="session")
def disk_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run; its folder has a `config.json`, but no weights."""
    config = RunConfig(
        recipe=load_recipe("fast"),
        n_channels=1,
        lines=("HeLa",),
        scale=1.0,
        nucleus_diameter_px=2.0 * RADIUS_PX,
        pixel_size_um=None,
        nucleus_area_px=np.pi * RADIUS_PX**2,
        instances=InstanceRule(threshold=0.4975, seed_distance_px=5.0, min_area_px=20.0),
        appearance={"noise": AppearanceRange(low=0, high=1e9, sd=1)},
        provenance={"dataset": "../../adalove/secret/cells"},
    )
    folder = tmp_path_factory.mktemp("runs of adalove") / "disks"
    folder.mkdir()
    write_json(folder / "config.json", config.model_dump(mode="json"))
    return Run(folder, config, find_bright)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def offered(disk_run: Run) -> OfferedRun:
    return offer_runs([disk_run.folder])["disks"]


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    """Write a stack with a frame for each number of disks, and return its path."""

    def stack(name: str, *numbers: int) -> Path:
        y, x = np.mgrid[:64, :240]
        frames = np.random.default_rng(1).normal(100, 2, (len(numbers), 64, 240))
        for frame, number in zip(frames, numbers, strict=True):
            for disk in range(number):
                frame[np.hypot(y - 32, x - 20 - 40 * disk) < RADIUS_PX] += 100
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        whole = frames.astype(np.uint8)
        write_image(path, whole if len(numbers) > 1 else whole[0], "TYX"[-whole.squeeze().ndim :])
        return path

    return stack
