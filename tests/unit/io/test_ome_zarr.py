"""OME-Zarr: images, plates and time-lapses of them."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from cellid.config import InputSettings
from cellid.errors import CellidError
from cellid.io.folders import list_images
from cellid.io.images import open_image
from cellid.io.time_lapse import find_time_lapses

STACK = np.random.default_rng(0).integers(1, 60_000, (4, 2, 24, 32)).astype(np.uint16)
AXES = [
    {"name": "t", "type": "time", "unit": "minute"},
    {"name": "c", "type": "channel"},
    {"name": "y", "type": "space", "unit": "nanometer"},
    {"name": "x", "type": "space", "unit": "nanometer"},
]


def describe(folder: Path, version: int, about: dict) -> zarr.Group:
    attributes = {"ome": {"version": "0.5", **about}} if version == 3 else about
    return zarr.create_group(folder, zarr_format=version, attributes=attributes)


def write(folder: Path, version: int = 2, pixels: np.ndarray = STACK, **options: object) -> Path:
    image = {
        "axes": AXES[-pixels.ndim :],
        "datasets": [
            {
                "path": "0",
                "coordinateTransformations": [
                    {"type": "scale", "scale": [15, 1, 620, 620][-pixels.ndim :]}
                ],
            }
        ],
        "coordinateTransformations": [{"type": "scale", "scale": [2, 1, 2, 2][-pixels.ndim :]}],
    }
    if version == 2:
        options["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
    chunks = (*(1,) * (pixels.ndim - 2), 16, 16)
    group = describe(folder, version, {"multiscales": [image]})
    group.create_array("0", data=pixels, chunks=chunks, **options)
    return folder


@pytest.mark.parametrize(
    ("version", "options"),
    [(2, {}), (3, {}), (3, {"shards": (2, 2, 32, 32)}), (2, {"compressors": None})],
)
def test_a_time_lapse_is_read_plane_by_plane(version: int, options: dict, tmp_path: Path) -> None:
    folder = write(tmp_path / "film.zarr", version, **options)
    assert list_images(tmp_path) == list_images(folder) == (folder,)
    image = pickle.loads(pickle.dumps(open_image(folder)))  # as a worker process gets it
    assert (image.axes, image.shape, image.dtype) == ("TCYX", STACK.shape, np.uint16)
    assert image.pixel_size_um == pytest.approx(1.24)
    assert image.frame_h == pytest.approx(0.5)
    np.testing.assert_array_equal(list(image.frames(channel=1)), STACK[:, 1])
    np.testing.assert_array_equal(list(open_image(folder, "ZCYX").frames(1, 3)), [STACK[3, 1]])
    lapses, problems = find_time_lapses([tmp_path], InputSettings())
    assert [(one.name, one.n_frames, one.frame_h) for one in lapses] == [("film", 4, 0.5)]
    assert problems == {}


@pytest.mark.parametrize("version", [2, 3])
def test_only_the_files_of_a_plane_are_read(version: int, tmp_path: Path) -> None:
    image = open_image(write(tmp_path / "film.zarr", version))
    parts = image.list_parts(2, channel=1)
    assert len(parts) == 4
    for path in (tmp_path / "film.zarr/0").rglob("*"):
        if (
            path.is_file()
            and path not in parts
            and not path.name.endswith(("rray", "ttrs", ".json"))
        ):
            path.write_bytes(b"not the pixels of any plane")
    np.testing.assert_array_equal(image.read(2, channel=1), STACK[2, 1])
    with pytest.raises(CellidError, match="a whole image file"):
        image.read(2, channel=0)
    parts[0].unlink()  # as Zarr leaves out chunks without a signal
    assert (image.read(2, channel=1) == 0).mean() == 1 / 3
    for part in parts[1:]:
        part.unlink()
    with pytest.raises(CellidError, match=r"no pixels of the plane \(2, 1\) of TC"):
        image.read(2, channel=1)


def test_what_is_damaged_or_no_image_is_told(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.zarr")
    without_array = write(tmp_path / "array.zarr")
    shutil.rmtree(without_array / "0")
    (write(tmp_path / "json.zarr") / ".zattrs").write_text("{")
    (tmp_path / "empty.zarr").mkdir()
    describe(tmp_path / "labels.zarr", 3, {"labels": ["nuclei"]})
    short = describe(tmp_path / "axes.zarr", 2, zarr.open_group(whole, mode="r").attrs.asdict())
    short.create_array("0", data=STACK[0])
    lapses, problems = find_time_lapses([tmp_path], InputSettings())
    assert [one.name for one in lapses] == ["whole"]
    told = {Path(name).stem: problem for name, problem in problems.items()}
    assert set(told) == {"array", "json", "empty", "labels", "axes"}
    assert "no array 0" in told["array"]
    assert "OME-Zarr image" in told["labels"]
    assert "3 axes, where it says 4" in told["axes"]


@pytest.mark.parametrize(
    ("x_scale", "unit", "expected"),
    [
        (620, "micrometer", None),
        (620, "", None),
        (0.62, "micrometer", 1.24),
        (700, "nanometer", None),
    ],
)
def test_pixel_sizes_are_believed_if_they_can_be(
    x_scale: float, unit: str, expected: float | None, tmp_path: Path
) -> None:
    group = zarr.open_group(write(tmp_path / "a.zarr", pixels=STACK[0, 0]), mode="r+")
    image = group.attrs["multiscales"][0]
    scale = [0.62 if unit == "micrometer" and x_scale < 1 else 620, x_scale]
    image["datasets"][0]["coordinateTransformations"][0]["scale"] = scale
    for axis in image["axes"]:
        axis["unit"] = unit
    group.attrs["multiscales"] = [image]
    assert open_image(tmp_path / "a.zarr").pixel_size_um == expected


def test_images_from_before_axes_were_said(tmp_path: Path) -> None:
    folder = tmp_path / "old.zarr"
    group = describe(folder, 2, {"multiscales": [{"datasets": [{"path": "0"}]}]})
    group.create_array("0", data=STACK[:, :, None])
    image = open_image(folder)
    assert (image.axes, image.pixel_size_um, image.frame_h) == ("TCYX", None, None)


@pytest.mark.parametrize("version", [2, 3])
def test_the_fields_of_a_plate_know_their_wells(version: int, tmp_path: Path) -> None:
    plate = tmp_path / "plate.zarr"
    wells = ["A/1", "B/03", "C/1"]
    describe(plate, version, {"plate": {"wells": [{"path": well} for well in wells]}})
    for well in wells[:2]:  # the third has not been written yet
        describe(plate / well, version, {"well": {"images": [{"path": "0"}, {"path": "1"}]}})
        for site in "01":
            write(plate / well / site, version)
    lapses, problems = find_time_lapses([tmp_path], InputSettings())
    assert [(one.name, one.well, one.site, one.n_frames) for one in lapses] == [
        ("plate_A_1_0", "A1", "0", 4),
        ("plate_A_1_1", "A1", "1", 4),
        ("plate_B_03_0", "B3", "0", 4),
        ("plate_B_03_1", "B3", "1", 4),
    ]
    assert [Path(name).relative_to(plate).as_posix() for name in problems] == ["C/1"]
    assert lapses[2].first.label == "plate.zarr/B/03/0"
    one_well, _ = find_time_lapses([plate / "B/03"], InputSettings())
    assert [one.name for one in one_well] == ["plate_B_03_0", "plate_B_03_1"]


def test_series_as_bioformats2raw_writes_them_are_images_each(tmp_path: Path) -> None:
    for day in (1, 2):
        folder = tmp_path / f"day{day}.zarr"
        describe(folder, 2, {"bioformats2raw.layout": 3})
        for series in "01":
            write(folder / series, pixels=STACK[0, 0])
    lapses, problems = find_time_lapses([tmp_path], InputSettings())
    assert [(one.name, list(one.points)) for one in lapses] == [
        ("day_0", [0, 1]),
        ("day_1", [0, 1]),
    ]
    assert problems == {}
