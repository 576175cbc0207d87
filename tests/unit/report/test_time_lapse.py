import math
import re
import weakref
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cellid.config import EvaluateSettings
from cellid.report.figures import DARK, LIGHT
from cellid.report.time_lapse import FollowedPlate, write_time_lapse_report
from cellid.report.time_lapse.figures import draw_drift, draw_growth, draw_lineages, draw_speeds
from cellid.report.time_lapse.lineage import find_families
from cellid.report.time_lapse.measures import (
    EVERYTHING,
    measure_growth,
    measure_rates,
)
from cellid.report.time_lapse.summary import (
    SpeedQuantiles,
    count_divisions,
    measure_speeds,
    summarise_tracks,
)
from cellid.types import Tracks

from .test_html import Page
from .time_lapses import DOUBLING_H, FRAME_H, N_FRAMES, STEP_PX, make_plate

SETTINGS = EvaluateSettings(bootstrap_samples=200)


def family():
    """A nucleus that divides into 2 and 3, of which 2 divides into 4 and 5; 6 is alone."""
    lineage = pd.DataFrame(
        [(1, 0, 3, 0), (2, 4, 6, 1), (3, 4, 9, 1), (4, 7, 9, 2), (5, 7, 9, 2), (6, 0, 9, 0)],
        columns=["track", "begin", "end", "parent"],
    )
    rows = [
        (track, frame, 0.0, 2.0 * frame)
        for track, begin, end, _ in lineage.itertuples(index=False)
        for frame in range(begin, end + 1)
    ]
    spots = pd.DataFrame(rows, columns=["track", "frame", "y_stable", "x_stable"])
    return Tracks(spots, lineage)


def count_all(tracks):
    return {name: count_divisions(each) for name, each in tracks.items()}


@pytest.mark.filterwarnings("error")
def test_an_empty_plate_has_a_page(tmp_path):
    counts = pd.DataFrame({"field": "f", "well": "A1", "frame": range(10), "n_nuclei": 0})
    counts[["n_calibrated", "n_low", "n_high"]] = 0.0
    page = write_time_lapse_report(FollowedPlate(counts, {}), [], tmp_path, SETTINGS, {})
    assert not re.search(r"\bnan\b", page.read_text())


@pytest.mark.filterwarnings("error")
def test_growth_from_no_nuclei_is_drawn_without_a_logarithm():
    counts = pd.DataFrame({"field": "f", "well": "A1", "frame": range(10), "n_nuclei": 0.0})
    growth = measure_growth(FollowedPlate(counts, {}), SETTINGS)
    figure = draw_growth(growth, {"A1": EVERYTHING}, "field", "frame", LIGHT)
    figure.canvas.draw()
    assert figure.axes[0].get_yscale() == "linear"


def test_doubling_times_and_divisions_are_those_put_in():
    plate, tracks = make_plate()
    rates = measure_rates(plate, count_all(tracks), SETTINGS)

    assert rates["level"].tolist() == ["condition"] * 2 + ["well"] * 4
    assert rates["n_fields"].tolist() == [6, 6, 3, 3, 3, 3]
    for condition, doubling in DOUBLING_H.items():
        row = rates.set_index("name").loc[condition]
        assert row["doubling"] == pytest.approx(doubling, rel=0.15)
        assert row["growth"] == pytest.approx(math.log(2) / row["doubling"])
        assert row["doubling_low"] < row["doubling"] < row["doubling_high"]
        # What divides at a rate within an hour doubles a little later than by that rate
        assert row["divisions"] == pytest.approx(math.log(2) / doubling, rel=0.15)
        assert row["divisions_low"] < row["divisions"] < row["divisions_high"]


def test_growth_is_the_mean_of_fields_with_its_interval():
    plate, _ = make_plate(sites=4)
    growth = measure_growth(plate, SETTINGS)
    first = growth[(growth["name"] == "A1") & (growth["frame"] == 20)].iloc[0]
    seen = plate.counts.query("well == 'A1' and frame == 20")["n_nuclei"]
    assert first["mean"] == seen.mean()
    assert seen.min() <= first["low"] < seen.mean() < first["high"] <= seen.max()
    assert first["time"] == 20 * FRAME_H  # since the first frame, whenever that was
    assert len(growth) == (2 + 4) * N_FRAMES


def test_a_missing_count_is_interpolated_and_calibrated_counts_come_first():
    counts = make_plate(wells=("A1",), sites=2)[0].counts
    counts["n_calibrated"] = 2 * counts["n_nuclei"]
    counts.loc[counts["frame"].isin([2, 3, 4]), "n_calibrated"] = [90, np.nan, 94, 70, 50, 70]
    counts.loc[counts["frame"] == N_FRAMES - 1, "n_calibrated"] = [np.nan, 60]
    growth = measure_growth(FollowedPlate(counts, {}, frame_h=2.0), SETTINGS)
    assert growth.loc[growth["frame"] == 3, "mean"].tolist() == [71, 71]
    assert growth.loc[growth["frame"] == N_FRAMES - 1, "mean"].tolist() == [60, 60]
    assert growth.loc[growth["frame"] == 0, "mean"].tolist() == [80, 80]


def test_one_field_has_no_interval():
    plate, tracks = make_plate(wells=("A1",), sites=1)
    assert measure_growth(plate, SETTINGS)[["low", "high"]].isna().all(axis=None)
    rates = measure_rates(plate, count_all(tracks), SETTINGS)
    assert rates["doubling"].notna().all()
    assert rates[["doubling_low", "growth_high", "divisions_low"]].isna().all(axis=None)


def test_what_does_not_grow_has_no_doubling_time():
    counts = pd.DataFrame({"field": "f", "well": None, "frame": range(10), "n_nuclei": 2.0})
    row = measure_rates(FollowedPlate(counts, {}), count_all({"f": family()}), SETTINGS).iloc[0]
    assert row["growth"] == 0
    assert math.isnan(row["doubling"])
    # 2 divisions; 31 spots are not in the last frame
    assert row["divisions"] == pytest.approx(2 / (4 + 3 + 5 + 2 + 2 + 9))


def test_speeds_are_in_micrometres_an_hour_where_both_are_known(tmp_path):
    plate, tracks = make_plate()
    speeds = summarise_tracks(plate, tracks.items(), tmp_path / "speeds.csv").speeds
    for condition, step in STEP_PX.items():
        assert speeds[condition].quantile(0.5) == pytest.approx(step * 1.5 / FRAME_H, rel=0.1)
    unknown = replace(plate, pixel_size_um=None, frame_h=None)
    speeds = summarise_tracks(unknown, tracks.items(), tmp_path / "speeds.csv").speeds
    assert speeds["control"].quantile(0.5) == pytest.approx(STEP_PX["control"], rel=0.1)


def test_quantiles_of_parts_are_those_of_all():
    speeds = np.random.default_rng(0).lognormal(1, 1, 5000)
    speeds[:600] = 0
    quantiles = SpeedQuantiles()
    for part in np.array_split(speeds, 7):
        quantiles.add(pd.Series(part))
    assert len(quantiles) == 5000
    for share in (0, 0.1, 0.5, 0.95, 1):
        expected = np.quantile(speeds, share, method="lower")
        assert quantiles.quantile(share) == pytest.approx(expected, rel=0.005)


def test_the_tracks_of_one_field_are_held_at_a_time(tmp_path):
    plate, tracks = make_plate(("A1",), 3)
    alive = []

    def read():
        for name, each in tracks.items():
            copied = Tracks(each.spots.copy(), each.lineage)
            alive.append(weakref.ref(copied.spots))
            yield name, copied
            del copied
            assert sum(spots() is not None for spots in alive) <= 1

    summarise_tracks(plate, read(), tmp_path / "speeds.csv")
    speeds = pd.read_csv(tmp_path / "speeds.csv")
    assert speeds.groupby("field").size().to_dict() == {
        name: len(measure_speeds(each, 1.0)) for name, each in tracks.items()
    }


def test_speed_counts_frames_not_seen_and_leaves_short_tracks_out():
    tracks = family()
    spots = tracks.spots[tracks.spots["frame"] != 8]
    speeds = measure_speeds(Tracks(spots, tracks.lineage), 1.0)
    assert speeds["track"].tolist() == [1, 3, 6]
    assert speeds["n_steps"].tolist() == [3, 4, 8]
    assert speeds["speed"].tolist() == [2, 2, 2]


def test_a_family_tree_has_mothers_between_their_daughters():
    (tree,) = find_families("f", family(), 6)
    assert tree.founder == 1
    rows = tree.lines.set_index("track")["row"]
    assert rows.to_dict() == {1: 1.25, 2: 0.5, 3: 2, 4: 0, 5: 1}
    figure = draw_lineages([tree], 2.0, "h", LIGHT)
    (axes,) = figure.axes
    lives = [path.vertices[:, 0].tolist() for c in axes.collections for path in c.get_paths()]
    assert lives == [[0, 6], [8, 12], [8, 18], [14, 18], [14, 18]]
    assert len(axes.lines) == 4


def test_the_largest_families_of_all_fields_come_first(tmp_path):
    plate, tracks = make_plate()
    families = summarise_tracks(plate, tracks.items(), tmp_path / "speeds.csv").families
    sizes = [len(each.lines) for each in families]
    every = [len(f.lines) for name in tracks for f in find_families(name, tracks[name], 99)]
    assert sizes == sorted(every, reverse=True)[:6]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_figures_show_what_was_measured(tmp_path, theme):
    plate, tracks = make_plate()
    growth = measure_growth(plate, SETTINGS)
    wells = dict(zip(plate.counts["well"], plate.counts["condition"], strict=True))
    by_condition, by_well = draw_growth(growth, wells, "field", "h", theme).axes
    assert by_condition.get_yscale() == "log"
    curve = growth[growth["name"] == "control"]
    np.testing.assert_array_equal(by_condition.lines[0].get_ydata(), curve["mean"])
    colours = [line.get_color() for line in by_well.lines]
    assert colours[0] == colours[1] == by_condition.lines[0].get_color() != colours[2]
    speeds = summarise_tracks(plate, tracks.items(), tmp_path / "speeds.csv").speeds
    (speed,) = draw_speeds(speeds, "µm/h", theme).axes
    names = [label.get_text() for label in speed.get_yticklabels()]
    assert [name.partition(" (")[0] for name in names] == list(DOUBLING_H)
    down, right = draw_drift({"A1_1": plate.drifts["A1_1"]}, 2.0, "h", theme).axes
    drift = plate.drifts["A1_1"]
    np.testing.assert_array_equal(down.lines[0].get_ydata(), drift["shift_y_px"])
    np.testing.assert_array_equal(right.lines[0].get_ydata(), drift["shift_x_px"])
    assert down.lines[1].get_xdata().tolist() == [18.0]


def write(plate, tracks, folder):
    page = write_time_lapse_report(plate, tracks.items(), folder, SETTINGS, {"Images": "<frames>"})
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|\burl\(", text)
    parsed = Page(text)
    assert not re.search(r"\bnan\b", parsed.words())
    return parsed


@pytest.fixture
def no_pictures(monkeypatch):
    """Draw figures and leave their encoding, which takes longest, to one test."""
    monkeypatch.setattr("cellid.report.time_lapse.page.encode_figure", lambda figure: b"")


def test_the_page_stands_alone_and_tells_the_numbers(tmp_path):
    plate, tracks = make_plate(wells=("A1", "B1"), sites=2)
    plate.counts.loc[7, "n_nuclei"] = np.nan
    plate.counts["n_calibrated"] = 1.1 * plate.counts["n_nuclei"]
    plate.counts["n_low"] = plate.counts["n_nuclei"]
    plate.counts["n_high"] = 1.2 * plate.counts["n_nuclei"]

    page = write(plate, tracks, tmp_path)

    assert all(address.startswith(("data:image/png", "#")) for address in page.addresses)
    words = page.words()
    assert "4 fields in 2 wells, 2 conditions, 100 frames over 48 h" in words
    assert "Could not be used, and interpolated between others: 1 frame." in words
    assert "for each nucleus found, 1.10 were labelled" in words
    assert re.search(r"control \(2 fields\): 44 nuclei .* doubles in 2\d(\.\d)? h \(", words)
    assert "drug <2 µM>" in words
    assert "no interval" not in words
    assert pd.read_csv(tmp_path / "growth.csv")["level"].unique().tolist() == ["condition", "well"]
    assert len(pd.read_csv(tmp_path / "rates.csv")) == 4
    assert set(pd.read_csv(tmp_path / "speeds.csv")["well"]) == {"A1", "B1"}


def test_without_map_pixel_size_and_times_the_page_is_in_pixels_and_frames(tmp_path, no_pictures):
    words = write(*make_plate(("A1",), 1, known=False), tmp_path).words()
    assert "over 24 frames" in words
    assert f"{EVERYTHING} (1 field)" in words
    assert "px/frame" in words
    assert "no interval" in words


def test_a_page_of_joint_wells_counts_wells(tmp_path, no_pictures):
    plate, tracks = make_plate(("A1", "A2"), 1)
    wells = {name.removesuffix("_1"): each for name, each in tracks.items()}
    joint = replace(plate, counts=plate.counts.drop(columns="field"), unit="well")
    words = write(joint, wells, tmp_path).words()
    assert "Time-lapses of 2 wells, 1 condition " in words
    assert "control (2 wells): 40 nuclei a well become" in words
    assert "nuclei in overlaps are counted once" in words
    assert not re.search(r"\ba field|over fields|share its fate", words)
    assert pd.read_csv(tmp_path / "rates.csv")["n_wells"].tolist() == [2, 1, 1]
    assert set(pd.read_csv(tmp_path / "speeds.csv")["field"]) == {"A1", "A2"}


def test_frames_unlike_the_training_images_are_told(tmp_path, no_pictures):
    plate, tracks = make_plate(("A1",), 1)
    assert "unlike" not in write(plate, tracks, tmp_path).words()
    strange = replace(plate, unlike=["A1_1: 3 frames, noisier: noise +2.5"])
    assert (
        "you trust the counts. A1_1: 3 frames, noisier" in write(strange, tracks, tmp_path).words()
    )


def test_one_movie_is_loaded_and_the_others_when_they_are_played(tmp_path, no_pictures):
    plate, tracks = make_plate(("A1",), 2)
    movies = {"A1_1": "A1_1/movie.mp4", "A1 #2": "A1 #2/movie.mp4"}
    write_time_lapse_report(replace(plate, movies=movies), tracks.items(), tmp_path, SETTINGS, {})
    text = (tmp_path / "tracks.html").read_text()
    shown = re.findall(r'<video controls preload=(\w+) src="(.*?)"', text)
    assert shown == [("metadata", "A1_1/movie.mp4"), ("none", "A1%20%232/movie.mp4")]


def test_counts_alone_have_a_page(tmp_path, no_pictures):
    counts = make_plate(("A1",), 1)[0].counts
    words = write(FollowedPlate(counts, {}, frame_h=2.0), {}, tmp_path).words()
    assert words.count("Nothing to show") == 4
