import xml.etree.ElementTree as ET
from pathlib import Path

import geff
import pytest
from geff.convert import from_trackmate_xml_to_geff

from cellid.tracking.exports import write_trackmate

AREA = 49.0


def write(path: Path, movie, **options) -> ET.Element:
    write_trackmate(path, movie.tracks, movie.shape, len(movie.labels), **options)
    return ET.parse(path).getroot()


def links(root: ET.Element) -> dict[str, set[tuple[str, str]]]:
    """Links of each track as (track, frame) before and after."""
    spots = {s.get("ID"): f"{s.get('name')}@{s.get('FRAME')}" for s in root.iter("Spot")}
    return {
        track.get("TRACK_ID"): {
            (spots[edge.get("SPOT_SOURCE_ID")], spots[edge.get("SPOT_TARGET_ID")])
            for edge in track.iter("Edge")
        }
        for track in root.iter("Track")
    }


def test_a_division_is_a_link_to_each_daughter_and_a_gap_a_long_one(tmp_path: Path, movie) -> None:
    root = write(tmp_path / "tracks.xml", movie)

    assert links(root) == {
        "1": {
            ("1@0", "1@1"),
            ("1@1", "3@2"),
            ("1@1", f"{movie.far}@2"),
            ("3@2", "3@3"),
            ("3@3", "3@4"),
            (f"{movie.far}@2", f"{movie.far}@3"),
            (f"{movie.far}@3", f"{movie.far}@4"),
        },
        "2": {("2@0", "2@1"), ("2@1", "2@3"), ("2@3", "2@4")},
    }
    assert [t.get("NUMBER_SPOTS") for t in root.iter("Track")] == ["8", "4"]
    assert [t.get("TRACK_ID") for t in root.find("Model/FilteredTracks")] == ["1", "2"]


def test_spots_lie_in_their_frames_in_physical_units(tmp_path: Path, movie) -> None:
    root = write(tmp_path / "tracks.xml", movie, pixel_size_um=0.5, interval_h=2.0, image="a&b.tif")

    model = root.find("Model")
    assert model.attrib == {"spatialunits": "micron", "timeunits": "hour"}
    frames = model.findall("AllSpots/SpotsInFrame")
    assert [(f.get("frame"), len(f)) for f in frames] == [
        ("0", 2),
        ("1", 2),
        ("2", 2),
        ("3", 3),
        ("4", 4),
    ]
    spot = frames[4].find("Spot[@name='4']")
    assert float(spot.get("POSITION_X")) == 25
    assert float(spot.get("POSITION_Y")) == 10
    assert float(spot.get("POSITION_T")) == 8
    assert float(spot.get("RADIUS")) == pytest.approx((AREA / 3.14159265) ** 0.5 / 2)
    image = root.find("Settings/ImageData")
    assert image.get("filename") == "a&b.tif"
    assert (image.get("width"), image.get("height"), image.get("nframes")) == ("60", "40", "5")
    assert (image.get("pixelwidth"), image.get("timeinterval")) == ("0.5", "2.0")


def test_whatever_a_spot_or_link_has_is_declared(tmp_path: Path, movie) -> None:
    root = write(tmp_path / "tracks.xml", movie)

    declared = {f.get("feature") for f in root.iter("Feature")} | {"ID", "name"}
    used = {key for tag in ("Spot", "Edge", "Track") for e in root.iter(tag) for key in e.attrib}
    assert used == declared


def test_trackmate_finds_all_elements_it_asks_for(tmp_path: Path, empty_movie) -> None:
    root = write(tmp_path / "tracks.xml", empty_movie)

    # Those whose absence stops TmXmlReader or makes it complain
    for path in (
        "Model/FeatureDeclarations/SpotFeatures",
        "Model/FeatureDeclarations/EdgeFeatures",
        "Model/FeatureDeclarations/TrackFeatures",
        "Model/AllSpots",
        "Model/AllTracks",
        "Model/FilteredTracks",
        "Settings/ImageData",
        "Settings/BasicSettings",
        "Settings/DetectorSettings[@DETECTOR_NAME]",
        "Settings/InitialSpotFilter",
        "Settings/SpotFilterCollection",
        "Settings/TrackerSettings[@TRACKER_NAME]",
        "Settings/TrackFilterCollection",
        "Settings/AnalyzerCollection/SpotAnalyzers",
        "Settings/AnalyzerCollection/EdgeAnalyzers",
        "Settings/AnalyzerCollection/TrackAnalyzers",
        "GUIState[@state]",
    ):
        assert root.find(path) is not None, path
    assert not list(root.iter("Spot"))
    assert not list(root.iter("Track"))


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_another_reader_of_trackmate_files_finds_the_graph(tmp_path: Path, movie) -> None:
    write(tmp_path / "tracks.xml", movie, pixel_size_um=0.5)

    from_trackmate_xml_to_geff(tmp_path / "tracks.xml", tmp_path / "tracks.geff")

    graph, metadata = geff.read(tmp_path / "tracks.geff")
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (13, 10)
    assert {axis.unit for axis in metadata.axes} == {"micron", "frame"}
    lineages = {graph.nodes[node].get("TRACK_ID") for node in graph}
    assert lineages == {1, 2, None}


def test_the_same_tracks_give_the_same_file(tmp_path: Path, movie) -> None:
    write(tmp_path / "a.xml", movie)
    write(tmp_path / "b.xml", movie)

    assert (tmp_path / "a.xml").read_bytes() == (tmp_path / "b.xml").read_bytes()
