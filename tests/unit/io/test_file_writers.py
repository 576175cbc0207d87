"""Files written whole or not at all."""

import errno
import json
import os
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from cellid.errors import CellidError
from cellid.io import tiff_writers
from cellid.io.images import open_image
from cellid.io.tiff_writers import (
    WRITABLE_AXES,
    LabelStackWriter,
    StackWriter,
    write_image,
    write_labels,
)
from cellid.io.writers import new_folder, replacing, write_json, write_png, write_table, write_text

RANDOM = np.random.default_rng(0)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.weights.h5"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.name.endswith(".weights.h5")
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert names(path.parent) == ["a.weights.h5"]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")

    def fail_halfway() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail_halfway()
    assert path.read_text() == "before"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("code", "message"),
    [(errno.ENOSPC, "no space left"), (errno.EROFS, "Read-only file system")],
)
def test_a_disk_that_takes_no_more_is_told(tmp_path: Path, code: int, message: str) -> None:
    def write() -> None:
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise OSError(code, os.strerror(code))

    with pytest.raises(CellidError, match=message):
        write()
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_write_that_meets_a_full_disk_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(CellidError, match="no space left"),
        replacing(tmp_path / "a.txt"),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x" * 4096)


def test_an_error_of_another_file_stays_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.txt"):
        (tmp_path / "input.txt").read_text()


def test_files_are_readable_by_others_as_the_umask_says(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "µm\n")
    (tmp_path / "plain.txt").touch()
    modes = [stat.S_IMODE((tmp_path / n).stat().st_mode) for n in ("a.txt", "plain.txt")]
    assert modes[0] == modes[1]
    assert (tmp_path / "a.txt").read_bytes() == "µm\n".encode()


def test_an_output_folder_is_new_unless_asked(tmp_path: Path) -> None:
    out = new_folder(tmp_path / "deep" / "out", overwrite=False)
    assert new_folder(out, overwrite=False) == out, "an empty folder will do"
    (out / "result.csv").touch()
    with pytest.raises(CellidError, match=r"result\.csv"):
        new_folder(out, overwrite=False)
    with pytest.raises(CellidError, match=r"name another folder$"):
        new_folder(out, overwrite=None)
    assert new_folder(out, overwrite=True) == out
    assert names(out) == ["result.csv"]
    with pytest.raises(CellidError, match="a file"):
        new_folder(out / "result.csv", overwrite=True)


def test_json_is_plain(tmp_path: Path) -> None:
    value = {"a": np.float32(0.5), "b": np.arange(2), "c": Path("x"), "d": float("nan"), "µ": (1,)}
    write_json(tmp_path / "a.json", value)
    read = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert read == {"a": 0.5, "b": [0, 1], "c": "x", "d": None, "µ": [1]}


def test_tables_come_back(tmp_path: Path) -> None:
    table = pd.DataFrame({"label": [1, 2], "area": [3.5, 4.25]})
    write_table(tmp_path / "a.csv", table)
    assert (tmp_path / "a.csv").read_text() == "label,area\n1,3.5\n2,4.25\n"


@pytest.mark.parametrize("shape", [(9, 11), (9, 11, 3)])
def test_png_comes_back(tmp_path: Path, shape: tuple[int, ...]) -> None:
    image = RANDOM.integers(0, 255, shape).astype(np.uint8)
    write_png(tmp_path / "a.png", image[::-1])
    read = open_image(tmp_path / "a.png")
    for channel in range(read.n_channels):
        expected = image[::-1] if image.ndim == 2 else image[::-1, :, channel]
        np.testing.assert_array_equal(read.read(channel=channel), expected)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("axes", WRITABLE_AXES)
def test_images_come_back_with_axes_and_pixel_size(tmp_path: Path, axes: str, dtype: str) -> None:
    sizes = {"T": 4, "C": 3 if axes == "YXC" else 2, "Y": 9, "X": 11}
    image = RANDOM.integers(0, 255, [sizes[a] for a in axes]).astype(dtype)
    write_image(tmp_path / "a.tif", image, axes, 0.65)
    read = open_image(tmp_path / "a.tif")
    assert (read.axes, read.shape, read.dtype) == (axes, image.shape, image.dtype)
    assert read.pixel_size_um == pytest.approx(0.65, rel=1e-5)
    for channel in range(read.n_channels):
        for frame in range(read.n_frames):
            at = {"T": frame, "C": channel}
            expected = image[tuple(at.get(a, slice(None)) for a in axes)]
            np.testing.assert_array_equal(read.read(frame, channel), expected)


def test_the_same_pixels_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.tif", "b.tif"):
        write_image(tmp_path / name, np.eye(9, dtype=np.uint8), pixel_size_um=1.24)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


@pytest.mark.parametrize(
    ("largest", "dtype"), [(0, "u2"), (300, "u2"), (65_535, "u2"), (65_536, "u4"), (70_001, "u4")]
)
def test_labels_are_never_clipped(tmp_path: Path, largest: int, dtype: str) -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[4:9, 5:9] = largest
    write_labels(tmp_path / "a.tif", labels)
    read = open_image(tmp_path / "a.tif")
    assert read.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(read.read(), labels)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.pages.first.compression == tifffile.COMPRESSION.ADOBE_DEFLATE


def test_past_four_gigabytes_it_is_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.ones((20, 30), np.int32)
    for limit, big in ((20 * 30 * 2, False), (20 * 30 * 2 - 1, True)):
        monkeypatch.setattr(tiff_writers, "CLASSIC_TIFF_BYTES", limit)
        write_labels(tmp_path / "a.tif", labels)
        with LabelStackWriter(tmp_path / "s.tif", 1) as stack:
            stack.write(labels)
        for name in ("a.tif", "s.tif"):
            with tifffile.TiffFile(tmp_path / name) as tif:
                assert tif.is_bigtiff is big
            np.testing.assert_array_equal(open_image(tmp_path / name).read(), labels)


def test_a_label_stack_widens_when_it_must(tmp_path: Path) -> None:
    pages = RANDOM.integers(0, 65_536, (6, 20, 30)).astype(np.int32)
    pages[3, 0, 0] = 65_536
    with LabelStackWriter(tmp_path / "a.tif", 6, 1.24) as stack:
        for page in pages:
            stack.write(page)
    read = open_image(tmp_path / "a.tif")
    assert (read.axes, read.dtype) == ("TYX", np.dtype(np.uint32))
    assert read.pixel_size_um == pytest.approx(1.24, rel=1e-5)
    np.testing.assert_array_equal(list(read.frames()), pages)
    assert names(tmp_path) == ["a.tif"]


@pytest.mark.parametrize("n_written", [0, 2, 4])
def test_a_stack_of_another_length_is_not_left_behind(tmp_path: Path, n_written: int) -> None:
    def write() -> None:
        with StackWriter(tmp_path / "a.tif", 3) as stack:
            for _ in range(n_written):
                stack.write(np.zeros((5, 6), np.float32))

    with pytest.raises(CellidError, match=f"{n_written} frames"):
        write()
    assert names(tmp_path) == []


def test_an_error_in_a_stack_leaves_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with LabelStackWriter(tmp_path / "a.tif", 3) as stack:
            stack.write(np.ones((5, 6), np.int32))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert names(tmp_path) == []


def test_a_file_where_a_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "found").write_text("in the way")
    with pytest.raises(CellidError, match="a place that can be written to"):
        write_text(tmp_path / "found" / "a.txt", "text")
