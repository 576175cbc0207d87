from pathlib import Path

import geff
import numpy as np
import pytest
from geff.validate.data import ValidationConfig, validate_data

from cellid.errors import CellidError
from cellid.tracking.exports import write_geff
from cellid.types import Tracks

ALL_CHECKS = ValidationConfig(graph=True, tracklet=True, lineage=True)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory, movie) -> Path:
    path = tmp_path_factory.mktemp("geff") / "tracks.geff"
    write_geff(path, movie.tracks, pixel_size_um=0.5, interval_h=2.0)
    return path


def test_every_check_of_the_format_passes(calibrated: Path) -> None:
    geff.validate_structure(calibrated)
    reader = geff.GeffReader(calibrated)
    reader.read_node_props()
    reader.read_edge_props()
    validate_data(reader.build(), ALL_CHECKS)
    assert reader.metadata.track_node_props == {"tracklet": "track", "lineage": "lineage"}


def test_edges_are_links_gaps_and_divisions(calibrated: Path, movie) -> None:
    graph, _ = geff.read(calibrated)

    def name(node: int) -> tuple[int, int]:
        return int(graph.nodes[node]["track"]), int(graph.nodes[node]["t"])

    edges = {(name(a), name(b)): data.get("confidence") for a, b, data in graph.edges(data=True)}
    assert edges[(1, 1), (3, 2)] is None
    assert edges[(1, 1), (movie.far, 2)] is None
    assert edges[(2, 1), (2, 3)] == 0.9
    assert len(edges) == 10
    founders = {name(node)[0]: int(graph.nodes[node]["lineage"]) for node in graph}
    assert founders == {1: 1, 2: 2, 3: 1, 4: 4, movie.far: 1}


def test_positions_are_pixels_with_a_scale(calibrated: Path, movie) -> None:
    graph, metadata = geff.read(calibrated)

    spots = movie.tracks.spots
    for name in ("y", "x", "y_stable", "x_stable", "area", "label"):
        written = [graph.nodes[node][name] for node in sorted(graph)]
        np.testing.assert_array_equal(written, spots[name])
    t, y, x = metadata.axes
    assert (t.name, t.unit, t.scale, t.scaled_unit) == ("t", "frame", 2.0, "hour")
    assert (y.name, y.unit, y.scale, y.scaled_unit) == ("y", "pixel", 0.5, "micrometer")
    assert (x.name, x.min, x.max) == ("x", 10, 50)


def test_an_only_daughter_makes_tracks_no_tracklets(tmp_path: Path, movie) -> None:
    spots, lineage = movie.tracks.spots, movie.tracks.lineage
    lone = Tracks(spots.query("track != 3"), lineage.query("track != 3"))

    write_geff(tmp_path / "tracks.geff", lone)

    metadata = geff.GeffMetadata.read(tmp_path / "tracks.geff")
    assert metadata.track_node_props == {"lineage": "lineage"}
    assert [(axis.unit, axis.scale) for axis in metadata.axes] == [
        ("frame", None),
        ("pixel", None),
        ("pixel", None),
    ]


def test_a_graph_is_replaced_when_asked_only(tmp_path: Path, movie, empty_movie) -> None:
    path = tmp_path / "tracks.geff"
    write_geff(path, movie.tracks)
    with pytest.raises(CellidError, match="not taken"):
        write_geff(path, movie.tracks)

    write_geff(path, empty_movie.tracks, pixel_size_um=0.5, overwrite=True)

    assert geff.read(path)[0].number_of_nodes() == 0


def test_the_same_tracks_give_the_same_files(tmp_path: Path, calibrated: Path, movie) -> None:
    write_geff(tmp_path / "twin.geff", movie.tracks, pixel_size_um=0.5, interval_h=2.0)

    files = [path for path in calibrated.rglob("*") if path.is_file()]
    assert files
    for path in files:
        twin = tmp_path / "twin.geff" / path.relative_to(calibrated)
        assert twin.read_bytes() == path.read_bytes()
