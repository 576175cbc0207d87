import json
from pathlib import Path

import pandas as pd
import pytest

from cellid.tracking.exports import read_tables, write_napari, write_tables
from cellid.types import Tracks


def test_napari_gets_vertices_and_mothers(tmp_path: Path, movie) -> None:
    write_napari(tmp_path / "tracks.csv", tmp_path / "graph.json", movie.tracks)

    table = pd.read_csv(tmp_path / "tracks.csv")
    assert list(table)[:4] == ["track", "t", "y", "x"]
    assert {"label", "confidence", "area"} < set(table)
    pd.testing.assert_frame_equal(
        table.iloc[:, :4],
        movie.tracks.spots[["track", "frame", "y", "x"]].rename(columns={"frame": "t"}),
    )
    graph = json.loads((tmp_path / "graph.json").read_text())
    assert {int(k): v for k, v in graph.items()} == {3: [1], movie.far: [1]}


def test_napari_gets_empty_files_of_no_nuclei(tmp_path: Path, empty_movie) -> None:
    write_napari(tmp_path / "tracks.csv", tmp_path / "graph.json", empty_movie.tracks)

    assert pd.read_csv(tmp_path / "tracks.csv").empty
    assert json.loads((tmp_path / "graph.json").read_text()) == {}


def test_tables_name_their_units(tmp_path: Path, movie) -> None:
    write_tables(tmp_path, movie.tracks, pixel_size_um=0.5, interval_h=2.0)

    tracks = pd.read_csv(tmp_path / "tracks.csv")
    assert tracks.columns.tolist() == [
        "track",
        "frame",
        "time_h",
        "label",
        "y_um",
        "x_um",
        "y_stable_um",
        "x_stable_um",
        "confidence",
        "area_um2",
    ]
    spots = movie.tracks.spots
    assert tracks["y_um"].tolist() == (spots["y"] / 2).tolist()
    assert tracks["x_stable_um"].tolist() == (spots["x_stable"] / 2).tolist()
    assert tracks["area_um2"].unique().tolist() == [49 / 4]
    assert tracks["time_h"].tolist() == (spots["frame"] * 2.0).tolist()
    lineage = pd.read_csv(tmp_path / "lineage.csv")
    assert lineage.to_dict("list") == {
        "track": [1, 2, 3, 4, movie.far],
        "begin": [0, 0, 2, 4, 2],
        "begin_h": [0.0, 0.0, 4.0, 8.0, 4.0],
        "end": [1, 4, 4, 4, 4],
        "end_h": [2.0, 8.0, 8.0, 8.0, 8.0],
        "parent": [0, 0, 1, 0, 1],
    }


def test_a_division_is_where_the_mother_was_last(tmp_path: Path, movie) -> None:
    write_tables(tmp_path, movie.tracks, interval_h=2.0)

    assert pd.read_csv(tmp_path / "divisions.csv").to_dict("records") == [
        {
            "mother": 1,
            "daughters": f"3 {movie.far}",
            "frame": 1,
            "time_h": 2.0,
            "y_px": 10.0,
            "x_px": 12.0,
            "y_stable_px": 9.0,
            "x_stable_px": 14.0,
        }
    ]


def test_without_calibration_tables_are_in_pixels_and_frames(tmp_path: Path, movie) -> None:
    write_tables(tmp_path, movie.tracks)

    tracks = pd.read_csv(tmp_path / "tracks.csv")
    assert tracks["y_px"].tolist() == movie.tracks.spots["y"].tolist()
    assert tracks["area_px"].unique().tolist() == [49]
    assert "time_h" not in tracks


def test_no_nuclei_give_tables_of_headers(tmp_path: Path, empty_movie) -> None:
    write_tables(tmp_path, empty_movie.tracks, 0.5, 2.0)

    for name in ("tracks", "lineage", "divisions"):
        table = pd.read_csv(tmp_path / f"{name}.csv")
        assert table.empty
        assert len(table.columns)


def test_all_lengths_have_the_units_and_what_names_a_spot_comes_first(
    tmp_path: Path, movie
) -> None:
    spots = movie.tracks.spots.assign(axis_major_length=10.0, score=0.5)
    shuffled = Tracks(spots[sorted(spots.columns)], movie.tracks.lineage)
    write_tables(tmp_path, shuffled, pixel_size_um=0.5)
    tracks = pd.read_csv(tmp_path / "tracks.csv")
    assert tracks.columns[:3].tolist() == ["track", "frame", "label"]
    assert (tracks["axis_major_length_um"] == 5).all()
    assert (tracks["score"] == 0.5).all()


@pytest.mark.parametrize(("pixel_size_um", "interval_h"), [(0.65, 0.5), (None, None)])
def test_tables_are_read_as_they_were_written(
    pixel_size_um: float | None, interval_h: float | None, tmp_path: Path, movie
) -> None:
    write_tables(tmp_path, movie.tracks, pixel_size_um, interval_h)
    again = read_tables(tmp_path, pixel_size_um)
    spots = movie.tracks.spots
    pd.testing.assert_frame_equal(again.spots[spots.columns], spots, check_dtype=False)
    pd.testing.assert_frame_equal(again.lineage, movie.tracks.lineage, check_dtype=False)
