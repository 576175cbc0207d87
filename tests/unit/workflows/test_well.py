"""Fields of a well that overlap are followed together."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cellid.config import InputSettings, TrackOutputSettings, TrackSettings
from cellid.io.images import open_image
from cellid.io.tiff_writers import write_image
from cellid.models.run import Run
from cellid.workflows import well
from cellid.workflows.time_lapse import track

from .disks import draw_disks

N_FRAMES, SHAPE, STEP_PX = 6, (97, 121), 81
GROUND = np.random.default_rng(0).normal(0, 800, (SHAPE[0], SHAPE[1] + STEP_PX))
# y, x in the first frame; the first walks from the left field into the right one
STARTS = np.array([(30, 70), (70, 30), (64, 100), (40, 170)])
STEPS = np.array([(0, 7), (0, 0), (0, 0), (0, 0)])


@pytest.fixture
def follow(disk_run: Run, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Write two fields that overlap and return what follows them."""
    for number in range(N_FRAMES):
        picture = draw_disks(STARTS + number * STEPS, GROUND)
        for site, x0 in ((1, 0), (2, STEP_PX)):
            name = f"VID_C3_{site}_00d{2 * number:02d}h00m.tif"
            write_image(tmp_path / "frames" / name, picture[:, x0 : x0 + SHAPE[1]])

    def do(grid: tuple[int, int], **more: Any) -> dict[str, str]:
        following = more.pop("following", TrackSettings())
        settings = InputSettings(), following, TrackOutputSettings(formats=(), movie=False)
        return track(disk_run, [tmp_path / "frames"], tmp_path / "out", *settings, None, grid)

    return do


Follow = Callable[..., dict[str, str]]


def test_a_nucleus_keeps_its_number_from_field_to_field(follow: Follow, tmp_path: Path) -> None:
    assert follow((1, 2)) == {}

    folder = tmp_path / "out" / "wells" / "C3"
    places = pd.read_csv(folder / "tiles.csv")
    np.testing.assert_allclose(places[["y_px", "x_px"]], [(0, 0), (0, STEP_PX)], atol=0.5)
    assert pd.read_csv(folder / "counts.csv")["n_nuclei"].tolist() == [4] * N_FRAMES
    tracks = pd.read_csv(folder / "tracks.csv")
    assert tracks["track"].nunique() == 4
    walker = tracks[tracks["track"] == tracks.loc[(tracks["x_px"] - 70).abs().idxmin(), "track"]]
    np.testing.assert_allclose(walker["x_px"], 70 + 7 * walker["frame"], atol=1)
    assert walker["site"].nunique() == 2
    left, right = (open_image(folder / f"VID_C3_{site}.tif") for site in (1, 2))
    assert left.read(0)[30, 70] == right.read(5)[30, 105 - STEP_PX] == walker["track"].iloc[0]


def test_the_page_counts_each_nucleus_of_a_well_once(follow: Follow, tmp_path: Path) -> None:
    follow((1, 2))
    growth = pd.read_csv(tmp_path / "out" / "growth.csv")
    assert growth.loc[growth["level"] == "well", "mean"].tolist() == [4] * N_FRAMES
    assert growth["time"].tolist()[:N_FRAMES] == [2.0 * frame for frame in range(N_FRAMES)]
    fields = pd.read_csv(tmp_path / "out" / "counts.csv").groupby("frame")["n_nuclei"].sum()
    assert (fields > 4).any()  # one lies in both fields
    speeds = pd.read_csv(tmp_path / "out" / "speeds.csv")
    assert speeds["speed"].max() == pytest.approx(7 / 2, rel=0.05)
    assert len(speeds) == 4


def test_wells_are_followed_again_only_where_something_changed(
    follow: Follow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow((1, 2))
    follow_well, followed = well._follow_well, []
    monkeypatch.setattr(well, "_follow_well", lambda *a: (followed.append(a), follow_well(*a)))
    follow((1, 2))
    assert not followed
    follow((1, 2), following=TrackSettings(max_gap_frames=1))
    assert len(followed) == 1
    later = max((tmp_path / "frames").iterdir())
    later.rename(tmp_path / later.name)
    follow((1, 2), following=TrackSettings(max_gap_frames=1))
    assert len(followed) == 2


def test_a_well_that_was_interrupted_ends_the_same(
    follow: Follow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow((1, 2))
    folder = tmp_path / "out" / "wells" / "C3"
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(well, "_count", stop)
        with pytest.raises(KeyboardInterrupt):
            follow((1, 2), following=TrackSettings(divisions=False))
    (folder / ".tmp-0a1b2c3d-VID_C3_1.tif").write_text("half")  # as a killed process leaves it
    follow((1, 2))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole


def test_a_well_of_other_rows_and_columns_is_told_and_its_fields_are_there(
    follow: Follow, tmp_path: Path
) -> None:
    problems = follow((2, 2))
    assert list(problems) == ["well C3"]
    assert "2×2" in problems["well C3"]
    assert (tmp_path / "out" / "VID_C3_2" / "tracks.csv").exists()
    assert "n_fields" in pd.read_csv(tmp_path / "out" / "growth.csv")
