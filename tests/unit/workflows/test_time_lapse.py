"""From frames to tracks, with a stand-in network that finds what is bright."""

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
import tifffile

from cellid.config import (
    EvaluateSettings,
    InputSettings,
    OutputSettings,
    TrackOutputSettings,
    TrackSettings,
)
from cellid.errors import CellidError, DiskFullError
from cellid.io.images import open_image
from cellid.io.tiff_writers import write_image
from cellid.models.run import Run
from cellid.runs import AppearanceRange
from cellid.tracking.drift import DriftMeter
from cellid.workflows import field, field_pool, time_lapse, time_lapse_field
from cellid.workflows.prediction import predict
from cellid.workflows.prediction_job import PredictionJob
from cellid.workflows.time_lapse import track

from .disks import draw_disks

N_FRAMES = 7
GROUND = 300 * np.random.default_rng(0).random((97, 121))
# y, x in the first frame and the step of each; the last divides in frame 4
STARTS = np.array([(20, 20), (20, 60), (60, 30), (64, 90)])
STEPS = np.array([(1.0, 0.5), (0.0, 1.0), (-1.0, 0.5), (0.0, 0.0)])
EVERYTHING = TrackOutputSettings(formats=("ctc", "trackmate", "napari", "geff", "baxter"))
TABLES = TrackOutputSettings(formats=(), movie=False)


def draw(number: int) -> np.ndarray:
    """Return frame ``number``: bright disks on a ground that stays."""
    centres = [tuple(place) for place in STARTS + number * STEPS]
    if number >= 4:
        y, x = centres.pop()
        centres += [(y, x - 9), (y, x + 9)]
    return draw_disks(centres, GROUND)


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    for number in range(N_FRAMES):
        write_image(
            tmp_path / "frames" / f"VID_C3_1_00d{2 * number:02d}h00m.tif",
            draw(number),
            pixel_size_um=2.0,
        )
    return tmp_path / "frames"


@pytest.fixture
def follow(disk_run: Run, frames: Path) -> Callable[..., dict[str, str]]:
    def do(out: Path, outputs: TrackOutputSettings = TABLES, **more: Any) -> dict[str, str]:
        settings = more.pop("settings", InputSettings())
        following = more.pop("following", TrackSettings())
        images = more.pop("images", [frames])
        return track(more.pop("run", disk_run), images, out, settings, following, outputs, **more)

    return do


Follow = Callable[..., dict[str, str]]


def watch_network(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets an entry for every frame that the network sees from now on."""
    find_in_stream = time_lapse_field.find_in_stream
    found: list[int] = []

    def watch(*arguments: Any) -> Any:
        for each in find_in_stream(*arguments):
            found.append(1)
            yield each

    monkeypatch.setattr(time_lapse_field, "find_in_stream", watch)
    return found


def assert_same_files(expected: Path, folder: Path) -> None:
    names, of_expected = (
        {path.relative_to(each) for path in each.rglob("*") if path.is_file()}
        for each in (folder, expected)
    )
    assert names == of_expected
    for name in names:
        assert (folder / name).read_bytes() == (expected / name).read_bytes(), name


def test_nuclei_are_counted_followed_and_exported(
    tmp_path: Path, follow: Follow, capsys: pytest.CaptureFixture[str]
) -> None:
    assert follow(tmp_path / "out", EVERYTHING) == {}
    told = capsys.readouterr().out
    assert "VID_C3_1: 7 frames of 97×121 uint16, every 120 min, 2 µm/px\n1 time-lapse, 7" in told
    field = tmp_path / "out" / "VID_C3_1"
    counts = pd.read_csv(tmp_path / "out" / "counts.csv")
    assert counts["n_nuclei"].tolist() == [4] * 4 + [5] * 3
    assert counts["time_h"].tolist() == [0, 2, 4, 6, 8, 10, 12]
    assert set(counts["well"]) == {"C3"}
    lineage = pd.read_csv(field / "lineage.csv")
    born = lineage[lineage["parent"] > 0]
    assert (len(lineage), len(born)) == (6, 2)
    assert set(born["begin"]) == {4}
    tracks = pd.read_csv(field / "tracks.csv")
    first = tracks[tracks["track"] == tracks.loc[0, "track"]]
    np.testing.assert_allclose(first["y_um"], 2 * (20 + first["frame"]), atol=0.6)
    stack = open_image(field / "tracked.tif")
    assert stack.n_frames == N_FRAMES
    row = tracks.iloc[-1]
    page = stack.read(int(row["frame"]))
    assert page[round(row["y_um"] / 2), round(row["x_um"] / 2)] == row["track"]
    for name in ("01_RES/res_track.txt", "trackmate.xml", "napari-graph.json", "movie.mp4"):
        assert (field / name).stat().st_size > 20
    assert (field / "tracks.geff").is_dir()
    assert list((field / "baxter").rglob("res_track.txt"))
    assert not list((tmp_path / "out").rglob(".tmp-*"))


def test_what_was_interrupted_goes_on_and_ends_the_same(
    tmp_path: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field, "_CHUNK", 2)
    follow(tmp_path / "whole")
    add = DriftMeter.add
    seen: list[int] = []

    def stop(meter: DriftMeter, image: np.ndarray | None) -> None:
        seen.append(1)
        if len(seen) == 6:
            raise KeyboardInterrupt
        add(meter, image)

    monkeypatch.setattr(DriftMeter, "add", stop)
    with pytest.raises(KeyboardInterrupt):
        follow(tmp_path / "out")
    done = sorted(path.name for path in (tmp_path / "out/VID_C3_1/found").glob("*.counts.csv"))
    assert done == ["000000.counts.csv", "000002.counts.csv"]

    monkeypatch.setattr(DriftMeter, "add", add)
    found = watch_network(monkeypatch)
    follow(tmp_path / "out")
    assert len(found) == N_FRAMES - 4
    assert_same_files(tmp_path / "whole", tmp_path / "out")
    # All is done now; other settings of following need no network
    found.clear()
    follow(tmp_path / "out")
    follow(tmp_path / "out", following=TrackSettings(divisions=False))
    assert not found
    assert not pd.read_csv(tmp_path / "out/VID_C3_1/lineage.csv")["parent"].any()


def test_frames_that_a_running_experiment_adds_are_found_and_followed(
    tmp_path: Path, frames: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field, "_CHUNK", 2)
    follow(tmp_path / "whole")
    later = sorted(frames.iterdir())[5:]
    for path in later:
        path.rename(tmp_path / path.name)
    follow(tmp_path / "out")
    for path in later:
        (tmp_path / path.name).rename(path)
    found = watch_network(monkeypatch)
    follow(tmp_path / "out")
    assert len(found) == N_FRAMES - 4  # chunks of two whole ones stay
    assert_same_files(tmp_path / "whole", tmp_path / "out")


def write_stack(path: Path, numbers: Iterable[int]) -> None:
    frames = np.stack([draw(number) for number in numbers])
    tifffile.imwrite(path, frames, metadata={"axes": "TYX"}, ome=True)


@pytest.mark.parametrize(("first", "n_found"), [(0, N_FRAMES - 4), (1, N_FRAMES)])
def test_of_a_stack_that_grows_the_new_frames_are_found(
    tmp_path: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch, first: int, n_found: int
) -> None:
    monkeypatch.setattr(field, "_CHUNK", 2)
    stack = tmp_path / "stacks" / "a.ome.tif"
    stack.parent.mkdir()
    write_stack(stack, range(first, first + 5))
    follow(tmp_path / "out", images=[stack])
    write_stack(stack, range(N_FRAMES))
    found = watch_network(monkeypatch)
    follow(tmp_path / "out", images=[stack])
    assert len(found) == n_found
    follow(tmp_path / "whole", images=[stack])
    assert_same_files(tmp_path / "whole", tmp_path / "out")
    found.clear()
    follow(tmp_path / "out", images=[stack])
    assert not found


def test_an_image_that_changed_is_looked_at_again(
    tmp_path: Path, frames: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field, "_CHUNK", 2)
    changed = sorted(frames.iterdir())[2]
    whole = changed.read_bytes()
    changed.write_bytes(whole[: len(whole) // 2])
    follow(tmp_path / "out")
    changed.write_bytes(whole)
    found = watch_network(monkeypatch)
    assert follow(tmp_path / "out") == {}
    assert len(found) == 2
    follow(tmp_path / "whole")
    assert_same_files(tmp_path / "whole", tmp_path / "out")


@pytest.mark.parametrize("name", ["000002.tif", "000002.csv", "000002.counts.csv", "000002.json"])
def test_what_was_found_is_found_again_where_its_file_is_cut_short(
    tmp_path: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(field, "_CHUNK", 2)
    follow(tmp_path / "out", following=TrackSettings(divisions=False))
    path = tmp_path / "out/VID_C3_1/found" / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    found = watch_network(monkeypatch)
    follow(tmp_path / "out")
    assert len(found) == 2
    assert path.read_bytes() == whole


@pytest.mark.parametrize("name", ["tracks.csv", "drift.csv", "counts.csv"])
def test_a_table_that_was_cut_short_is_told(tmp_path: Path, follow: Follow, name: str) -> None:
    follow(tmp_path / "out")
    table = tmp_path / "out/VID_C3_1" / name
    whole = table.read_bytes()
    table.write_bytes(whole[:-5])
    with pytest.raises(CellidError, match=r"delete followed\.json"):
        follow(tmp_path / "out")
    (table.parent / "followed.json").unlink()
    follow(tmp_path / "out")
    assert table.read_bytes() == whole


def test_following_that_was_interrupted_leaves_nothing_that_looks_done(
    tmp_path: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(tmp_path / "out")
    lineage = (tmp_path / "out/VID_C3_1/lineage.csv").read_bytes()

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(time_lapse_field, "_name_frames", stop)
        with pytest.raises(KeyboardInterrupt):
            follow(tmp_path / "out", following=TrackSettings(divisions=False))
    assert (tmp_path / "out/VID_C3_1/lineage.csv").read_bytes() != lineage
    follow(tmp_path / "out")
    assert (tmp_path / "out/VID_C3_1/lineage.csv").read_bytes() == lineage


def test_what_a_killed_process_left_is_removed(tmp_path: Path, follow: Follow) -> None:
    folder = tmp_path / "out/VID_C3_1"
    follow(tmp_path / "out")
    (folder / "found/.tmp-0a1b2c3d-000000.tif").write_text("half")
    (folder / ".tmp-0a1b2c3d-01_RES").mkdir()
    follow(tmp_path / "out", following=TrackSettings(divisions=False))
    assert not list(folder.rglob(".tmp-*"))


def test_bad_frames_are_listed_and_followed_across(
    tmp_path: Path, frames: Path, follow: Follow
) -> None:
    names = sorted(path.name for path in frames.iterdir())
    (frames / names[1]).unlink()
    write_image(frames / names[3], np.zeros((97, 121), np.uint16), pixel_size_um=2.0)
    damaged = (frames / names[5]).read_bytes()
    (frames / names[5]).write_bytes(damaged[: len(damaged) // 2])
    problems = follow(tmp_path / "out")
    counts = pd.read_csv(tmp_path / "out" / "counts.csv")
    assert counts["n_nuclei"].isna().tolist() == [False, True, False, True, False, True, False]
    assert counts["problem"].notna().tolist() == [False, True, False, True, False, True, False]
    assert any(names[5] in problem for problem in problems.values())
    lineage = pd.read_csv(tmp_path / "out/VID_C3_1/lineage.csv")
    assert (lineage["begin"].eq(0) & lineage["end"].eq(6)).sum() >= 3


def test_frames_unlike_the_training_images_are_told(
    tmp_path: Path,
    disk_run: Run,
    frames: Path,
    follow: Follow,
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = {"focus": AppearanceRange(low=50.0, high=60.0, sd=0.5)}
    config = disk_run.config.model_copy(update={"appearance": known})
    unlike = Run(disk_run.folder, config, disk_run.model)
    follow(tmp_path / "tracks", run=unlike)
    assert "  VID_C3_1: 7 frames, " in capsys.readouterr().out
    quiet = OutputSettings(overlays=False)
    predict(unlike, PredictionJob([frames], tmp_path / "nuclei", outputs=quiet))
    assert "  VID_C3_1_00d00h00m.tif: 1 frame, " in capsys.readouterr().out


def test_an_empty_field_is_no_error(tmp_path: Path, disk_run: Run, follow: Follow) -> None:
    blind = Run(disk_run.folder, disk_run.config, lambda batch, training: np.zeros_like(batch))  # type: ignore[arg-type]
    assert follow(tmp_path / "out", EVERYTHING, run=blind) == {}
    counts = pd.read_csv(tmp_path / "out" / "counts.csv")
    assert counts["n_nuclei"].tolist() == [0] * N_FRAMES
    assert pd.read_csv(tmp_path / "out/VID_C3_1/tracks.csv").empty


def test_a_folder_of_other_settings_is_refused_unless_overwritten(
    tmp_path: Path, follow: Follow
) -> None:
    follow(tmp_path / "out")
    other = InputSettings(pixel_size_um=1.0)
    with pytest.raises(CellidError, match="another model and input settings"):
        follow(tmp_path / "out", settings=other)
    follow(tmp_path / "out", settings=other, overwrite=True)
    assert pd.read_csv(tmp_path / "out/VID_C3_1/tracks.csv")["y_um"].max() < 97


@pytest.mark.parametrize("place", [".", "..", "tracks"])
def test_tracks_are_not_written_among_the_images(frames: Path, follow: Follow, place: str) -> None:
    inputs = sorted(frames.iterdir())
    with pytest.raises(CellidError, match="a folder of its own"):
        follow(frames / place, overwrite=True)
    assert sorted(frames.iterdir()) == inputs


def test_a_field_without_a_frame_to_use_is_told_by_its_reason(
    tmp_path: Path, frames: Path, follow: Follow
) -> None:
    for number in range(2):
        write_image(frames / f"black_{number}.tif", np.zeros((97, 121), np.uint16))
    problems = follow(tmp_path / "out", TrackOutputSettings(formats=()))
    assert list(problems) == ["black"]
    assert "every pixel 0" in problems["black"]
    assert set(pd.read_csv(tmp_path / "out/counts.csv")["field"]) == {"VID_C3_1"}
    with pytest.raises(CellidError, match="1 problem, as told above"):
        follow(tmp_path / "none", images=[frames / f"black_{i}.tif" for i in range(2)])


def test_a_full_disk_ends_the_batch_and_the_same_command_goes_on(
    tmp_path: Path, frames: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        for name in ("VID_B1_1", "VID_D1_1"):
            write_image(frames / f"{name}_00d{2 * number:02d}h00m.tif", draw(number))
    write_tables, written = time_lapse_field.write_tables, []

    def fill(folder: Path, *rest: Any) -> None:
        written.append(folder.name)
        with monkeypatch.context() as patch:
            if folder.name != "VID_B1_1":
                patch.setattr(os, "fsync", Mock(side_effect=OSError(errno.ENOSPC, "full")))
            write_tables(folder, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(time_lapse_field, "write_tables", fill)
        with pytest.raises(DiskFullError, match="no space left"):
            follow(tmp_path / "out")
    assert written == ["VID_B1_1", "VID_C3_1"]
    found = watch_network(monkeypatch)
    assert follow(tmp_path / "out") == {}
    assert len(found) == 2  # of the field that was not begun


def test_nuclei_are_followed_across_a_chunk_without_any(
    tmp_path: Path, frames: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field, "_CHUNK", 1)
    sorted(frames.iterdir())[2].unlink()
    assert follow(tmp_path / "out", EVERYTHING) == {}
    lineage = pd.read_csv(tmp_path / "out/VID_C3_1/lineage.csv")
    assert (lineage["begin"].eq(0) & lineage["end"].eq(6)).sum() >= 3


def test_a_folder_without_frames_is_told(tmp_path: Path, follow: Follow) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(CellidError, match="frames of a time-lapse"):
        follow(tmp_path / "out", images=[tmp_path / "nothing"])


def test_counts_are_calibrated_on_the_stained_test_fields(
    tmp_path: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = SimpleNamespace(
        settings=EvaluateSettings(),
        config=SimpleNamespace(recipe=SimpleNamespace(seed=1)),
        crops=pd.DataFrame({"field": ["a", "a", "b"]}),
    )
    counts = pd.DataFrame({"true": [30, 10, 20], "instances": [15, 5, 20]})
    monkeypatch.setattr(time_lapse, "score_evaluation", lambda _: judged)
    monkeypatch.setattr(time_lapse, "count_crops", lambda _: counts)
    follow(tmp_path / "out")
    first = pd.read_csv(tmp_path / "out" / "counts.csv").iloc[0]
    assert first[["n_nuclei", "n_calibrated", "n_low", "n_high"]].tolist() == [4, 6, 4, 8]


def test_frames_can_be_written_without_their_drift(
    tmp_path: Path, frames: Path, follow: Follow
) -> None:
    for number, path in enumerate(sorted(frames.iterdir())):
        moved = np.roll(draw(0), (2 * number, -number), (0, 1))
        write_image(path, moved, pixel_size_um=2.0)
    follow(tmp_path / "out", TrackOutputSettings(formats=(), movie=False, stabilised=True))
    stack = open_image(tmp_path / "out/VID_C3_1/stabilised.tif")
    first, last = stack.read(0).astype(float), stack.read(N_FRAMES - 1).astype(float)
    inside = np.s_[20:-20, 20:-20]
    assert np.abs(first - last)[inside].mean() < 0.1 * np.abs(first - draw(0).mean())[inside].mean()
    tracks = pd.read_csv(tmp_path / "out/VID_C3_1/tracks.csv")
    assert tracks.groupby("track")["y_stable_um"].std().max() < 0.5


@pytest.mark.slow
def test_processes_share_out_the_fields_and_find_the_same(
    tmp_path: Path, tiny_run: Run, follow: Follow, capfd: pytest.CaptureFixture[str]
) -> None:
    damaged = (("damaged", 1), ("damaged", 2))
    for name, number in (("a", 1), ("a", 2), ("b", 1), ("b", 2), *damaged):
        write_image(tmp_path / "plate" / f"{name}_{number}.tif", draw(number), pixel_size_um=1.0)
    path = tmp_path / "plate" / "damaged_2.tif"
    path.write_bytes(path.read_bytes()[:-2000])
    images = {"run": tiny_run, "images": [tmp_path / "plate"]}
    alone = follow(tmp_path / "alone", **images)
    capfd.readouterr()
    assert follow(tmp_path / "shared", workers=2, **images) == alone
    assert "WARNING" not in capfd.readouterr().err  # of TensorFlow's compiled parts
    assert list(alone) == ["damaged, frame 1"]
    for name in ("counts.csv", "a/tracks.csv", "b/tracked.tif"):
        assert (tmp_path / "shared" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_no_process_is_started_where_all_is_done(
    tmp_path: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(tmp_path / "out")
    monkeypatch.setattr(field_pool, "multiprocessing", None)
    assert follow(tmp_path / "out", workers=2) == {}
