"""A small simulated experiment, run once through the whole job."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cellid.cli import main
from cellid.config import SimulateSettings
from cellid.simulate import write_simulation

SMALL = (
    "train.epochs=3",
    "train.window_px=96",
    "train.batch_size=2",
    "model.filters=4",
    "model.depth=3",
    "crops.size=160",
    "evaluate.bootstrap_samples=100",
)


@pytest.fixture(scope="session")
def cellid() -> Callable[..., int]:
    """Run the command line in this process and return its exit status."""

    def run(*arguments: object) -> int:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        return int(stop.value.code or 0)

    return run


@pytest.fixture(scope="session")
def small() -> list[str]:
    """Settings that make a training of seconds."""
    return [word for setting in SMALL for word in ("--set", setting)]


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small fields in `phase/` and `stain/`, truth beside them."""
    settings = SimulateSettings(
        wells=("A1", "A2", "A3", "B1", "B2", "B3"),
        tiles=1,
        frames=1,
        height_px=320,
        width_px=330,
        cells_per_mm2=400,
        dye_negative=0,
    )
    return write_simulation(settings, tmp_path_factory.mktemp("simulation") / "pairs")


@pytest.fixture(scope="session")
def finished(
    pairs: Path,
    cellid: Callable[..., int],
    small: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The run folder after the whole job; do not write to it."""
    run = tmp_path_factory.mktemp("finished") / "run"
    folders = ["--phase", pairs / "phase", "--stain", pairs / "stain", "--out", run]
    assert cellid("label-and-train", *folders, *small) == 0
    return run


@pytest.fixture
def finished_copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run folder, to be spoiled."""
    return Path(shutil.copytree(finished, tmp_path / "run"))
