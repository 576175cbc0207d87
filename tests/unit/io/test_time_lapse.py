"""Time-lapses put together from the names of their files."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellid.config import InputSettings
from cellid.errors import CellidError
from cellid.io.tiff_writers import StackWriter, write_image
from cellid.io.time_lapse import TimeLapse, find_time_lapses


def make(folder: Path, *names: str, shape: tuple[int, int] = (8, 9)) -> Path:
    for name in names:
        write_image(folder / name, np.zeros(shape, np.uint8), pixel_size_um=1.24)
    return folder


def find(folder: Path, **settings: object) -> dict[str, TimeLapse]:
    lapses, _ = find_time_lapses([folder], InputSettings.model_validate(settings))
    return {lapse.name: lapse for lapse in lapses}


def test_incucyte_names_give_well_site_and_time(tmp_path: Path) -> None:
    times = ("00d00h00m", "00d02h00m", "00d08h00m", "00d10h00m")
    make(tmp_path, *(f"VID_A{well}_2_{time}.tif" for well in (1, 10) for time in times))
    found = find(tmp_path)
    assert list(found) == ["VID_A1_2", "VID_A10_2"]
    lapse = found["VID_A1_2"]
    assert (lapse.well, lapse.site, lapse.frame_h) == ("A1", "2", 2.0)
    assert list(lapse.points) == [0, 1, 4, 5]
    assert lapse.missing() == [2, 3]
    assert lapse.time_h(4) == 8
    assert lapse.describe() == (
        "VID_A1_2: 6 frames (2 missing: 2, 3) of 8×9 uint8, every 120 min, 1.24 µm/px"
    )


def test_raw_incucyte_scans_lie_in_folders_of_their_times(tmp_path: Path) -> None:
    scans = tmp_path / "EssenFiles/ScanData/2611"
    make(scans, *(f"21/{clock}/77/B3-1-{c}.tif" for clock in ("1000", "1200") for c in ("P", "C1")))
    found = find(tmp_path)
    assert {name: list(lapse.points) for name, lapse in found.items()} == {"B3-1": [0, 1]}
    assert found["B3-1"].frame_h == 2


def test_else_the_last_number_of_a_name_counts_the_frames(tmp_path: Path) -> None:
    make(tmp_path, "plate/dish t1.tif", "plate/dish t2.tif", "plate/dish t10.tif")
    make(tmp_path, "plate/dish t1_nuclear.tif", "other/003.tif", "other/004.tif")
    lapses, problems = find_time_lapses([tmp_path], InputSettings(frame_minutes=30))
    assert [(one.name, list(one.points)) for one in lapses] == [
        ("other", [0, 1]),
        ("plate_dish", [0, 1, 9]),
    ]
    assert lapses[1].time_h(9) == 4.5
    assert problems == {}
    stain = tmp_path / "plate/dish t1_nuclear.tif"
    lapses, problems = find_time_lapses([stain], InputSettings())
    assert (lapses, list(problems)) == ([], [str(stain)])


def test_leica_exports_are_frames_of_their_first_channel(tmp_path: Path) -> None:
    make(
        tmp_path,
        *(f"S{s}_t{t:02d}_ch{c:02d}.tif" for s in (1, 2) for t in range(3) for c in (0, 1)),
    )
    make(tmp_path, "dish_007_ch00.tif", "dish_009_ch00.tif")
    lapses, problems = find_time_lapses([tmp_path], InputSettings())
    assert {one.name: list(one.points) for one in lapses} == {
        "dish": [0, 1],
        "S1": [0, 1, 2],
        "S2": [0, 1, 2],
    }
    assert {point.file.path.stem[-4:] for point in lapses[1].points.values()} == {"ch00"}
    assert problems == {}


def test_a_pattern_says_how_names_are_to_be_read(tmp_path: Path) -> None:
    make(tmp_path, "A1/s2_x7_00.tif", "A1/s2_y8_05.tif", "B1/s1_q9_05.tif", "notes.tif")
    lapses, problems = find_time_lapses(
        [tmp_path], InputSettings(frame_pattern="{well}/s{site}_*_{time}.tif")
    )
    assert [(one.name, one.well, one.site, list(one.points)) for one in lapses] == [
        ("A1_2", "A1", "2", [0, 1]),
        ("B1_1", "B1", "1", [0]),
    ]
    assert list(problems) == [str(tmp_path / "notes.tif")]


@pytest.mark.parametrize("pattern", ["frame.tif", "{time}_{time}.tif"])
def test_a_pattern_that_is_none_is_told(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(CellidError, match=r"input\.frame_pattern"):
        find(make(tmp_path, "a1.tif"), frame_pattern=pattern)


def test_a_stack_is_a_time_lapse(tmp_path: Path) -> None:
    with StackWriter(tmp_path / "film.tif", 3, None) as stack:
        for level in range(3):
            stack.write(np.full((4, 5), level, np.uint16))
    lapse = find(tmp_path, axes="TYX")["film"]
    assert [lapse.points[i].page for i in range(3)] == [0, 1, 2]
    assert np.isnan(lapse.time_h(1))


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        ({"axes": "TYX", "TimeIncrement": 30.0, "TimeIncrementUnit": "min"}, "ome"),
        ({"axes": "TYX", "TimeIncrement": 1800.0}, "ome"),
        ({"axes": "TYX", "TimeIncrement": 1.8e6, "TimeIncrementUnit": "ms"}, "ome"),
        ({"axes": "TYX", "finterval": 1800.0}, "imagej"),
        ({"axes": "TYX", "finterval": 30, "tunit": "min"}, "imagej"),
        ({"axes": "TYX", "finterval": 0.5, "tunit": "hours"}, "imagej"),
    ],
)
def test_a_stack_says_how_long_a_frame_is(
    metadata: dict[str, object], kind: str, tmp_path: Path
) -> None:
    path = tmp_path / f"film.{'ome.' * (kind == 'ome')}tif"
    tifffile.imwrite(path, np.zeros((3, 8, 9), np.uint8), metadata=metadata, **{kind: True})
    assert find(tmp_path)["film"].frame_h == pytest.approx(0.5)
    assert find(tmp_path, frame_minutes=15)["film"].frame_h == 0.25


@pytest.mark.parametrize("interval", [0, -1, "nonsense"])
def test_an_interval_that_is_none_is_not_believed(interval: object, tmp_path: Path) -> None:
    description = f"ImageJ=1.54f\nimages=2\nframes=2\nhyperstack=true\nfinterval={interval}\n"
    with tifffile.TiffWriter(tmp_path / "film.tif") as tif:
        for page in range(2):
            image = np.zeros((8, 9), np.uint8)
            tif.write(image, description=None if page else description, metadata=None)
    assert find(tmp_path)["film"].frame_h is None


def test_names_alike_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        make(tmp_path / folder, "VID_A1_1_00d00h00m.tif")
    assert list(find(tmp_path)) == ["x_VID_A1_1", "y_VID_A1_1"]
    for folder in ("x", "y"):
        with StackWriter(tmp_path / folder / "film.tif", 2, None) as stack:
            stack.write(np.zeros((4, 5), np.uint16))
            stack.write(np.zeros((4, 5), np.uint16))
    assert {"film", "film_2"} < set(find(tmp_path))


def test_damaged_files_and_frames_of_another_size_are_listed(tmp_path: Path) -> None:
    make(tmp_path, "a_1.tif", "a_2.tif", "a_4.tif")
    make(tmp_path, "a_3.tif", shape=(5, 5))
    (tmp_path / "a_2.tif").write_bytes(b"")
    lapses, problems = find_time_lapses([tmp_path], InputSettings())
    assert list(lapses[0].points) == [0, 3]
    assert {Path(name).name for name in problems} == {"a_2.tif", "a_3.tif"}


def test_intervals_that_waver_are_one_frame(tmp_path: Path) -> None:
    minutes = np.cumsum([0, *([119, 121, 120, 122] * 20), 241, 119])
    make(
        tmp_path,
        *(f"VID_A1_1_{m // 1440:02d}d{m // 60 % 24:02d}h{m % 60:02d}m.tif" for m in minutes),
    )
    lapse = find(tmp_path)["VID_A1_1"]
    assert lapse.missing() == [81]
    assert lapse.n_frames == 84
    assert lapse.frame_h == pytest.approx(2.008, abs=0.001)


def test_irregular_times_are_counted_through(tmp_path: Path) -> None:
    make(tmp_path, *(f"a_{n}.tif" for n in (0, 10, 11, 12, 20, 30, 40, 50)))
    assert list(find(tmp_path)["a"].points) == [0, 1, 2, 3, 4, 5, 6, 7]


def test_two_images_of_one_frame_are_told(tmp_path: Path) -> None:
    make(tmp_path, "a_1.tif", "a_01.tif")
    with pytest.raises(CellidError, match="one image a field and frame"):
        find(tmp_path)


def test_a_stack_of_other_axes_than_time_is_told_how(tmp_path: Path) -> None:
    write_image(tmp_path / "plain.tif", np.zeros((5, 8, 9), np.uint8), "CYX")
    lapses, problems = find_time_lapses([tmp_path], InputSettings())
    assert lapses == []
    assert "5×8×9, none of them T; if it is a stack, say --axes TYX" in "".join(problems.values())


def test_one_frame_is_described_as_one(tmp_path: Path) -> None:
    write_image(tmp_path / "a_1.tif", np.zeros((8, 9), np.uint8))
    lapse = find(tmp_path)["a"]
    assert lapse.describe() == ("a: 1 frame of 8×9 uint8, unknown interval, unknown pixel size")
