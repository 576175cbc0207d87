"""Fields of a well that overlap are followed together."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellid.config import InputSettings, TrackOutputSettings, TrackSettings
from cellid.io.images import open_image
from cellid.io.tiff_writers import write_image
from cellid.models.run import Run
from cellid.workflows.time_lapse import track

N_FRAMES, SHAPE, STEP_PX = 6, (97, 121), 81
# y, x in the first frame; the first walks from the left field into the right one
STARTS = np.array([(30, 70), (70, 30), (64, 100), (40, 170)])
STEPS = np.array([(0, 7), (0, 0), (0, 0), (0, 0)])


def logistic(batch: np.ndarray, training: bool) -> np.ndarray:
    """Stand for a network: bright is nucleus."""
    return 1 / (1 + np.exp(-6 * (batch - 0.4)))


def draw(number: int) -> np.ndarray:
    """Return the well in frame ``number``: bright disks on a ground that stays."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1] + STEP_PX]
    distance = np.min([np.hypot(y - cy, x - cx) for cy, cx in STARTS + number * STEPS], axis=0)
    ground = np.random.default_rng(0).normal(0, 800, y.shape)
    return (3000 + ground + 9000 / (1 + np.exp(2 * (distance - 6)))).astype(np.uint16)


@pytest.fixture
def run(tiny_run: Run) -> Run:
    config = tiny_run.config.model_copy(
        update={
            **{"scale": 1.0, "nucleus_diameter_px": 12.0, "nucleus_area_px": np.pi * 36},
            **{"threshold": 0.5, "seed_distance_px": 5.0, "min_area_px": 20.0},
        }
    )
    return Run(tiny_run.folder, config, logistic)  # type: ignore[arg-type]


def follow(run: Run, tmp_path: Path, grid: tuple[int, int]) -> dict[str, str]:
    for number in range(N_FRAMES):
        for site, x0 in ((1, 0), (2, STEP_PX)):
            name = f"VID_C3_{site}_00d{2 * number:02d}h00m.tif"
            write_image(tmp_path / "frames" / name, draw(number)[:, x0 : x0 + SHAPE[1]])
    outputs = TrackOutputSettings(formats=(), movie=False)
    settings = InputSettings(), TrackSettings(), outputs
    return track(run, [tmp_path / "frames"], tmp_path / "out", *settings, tiles=grid)


def test_a_nucleus_keeps_its_number_from_field_to_field(run: Run, tmp_path: Path) -> None:
    assert follow(run, tmp_path, (1, 2)) == {}

    well = tmp_path / "out" / "wells" / "C3"
    places = pd.read_csv(well / "tiles.csv")
    np.testing.assert_allclose(places[["y_px", "x_px"]], [(0, 0), (0, STEP_PX)], atol=0.5)
    assert pd.read_csv(well / "counts.csv")["n_nuclei"].tolist() == [4] * N_FRAMES
    tracks = pd.read_csv(well / "tracks.csv")
    assert tracks["track"].nunique() == 4
    walker = tracks[tracks["track"] == tracks.loc[(tracks["x_px"] - 70).abs().idxmin(), "track"]]
    np.testing.assert_allclose(walker["x_px"], 70 + 7 * walker["frame"], atol=1)
    assert walker["site"].nunique() == 2
    left, right = (open_image(well / f"VID_C3_{site}.tif") for site in (1, 2))
    assert left.read(0)[30, 70] == right.read(5)[30, 105 - STEP_PX] == walker["track"].iloc[0]


def test_a_well_of_other_rows_and_columns_is_told_and_its_fields_are_there(
    run: Run, tmp_path: Path
) -> None:
    problems = follow(run, tmp_path, (2, 2))
    assert list(problems) == ["well C3"]
    assert "2×2" in problems["well C3"]
    assert (tmp_path / "out" / "VID_C3_2" / "tracks.csv").exists()
