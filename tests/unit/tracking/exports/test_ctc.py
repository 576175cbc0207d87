from pathlib import Path

import numpy as np
import pytest
import tifffile
from ctc_metrics.scripts.validate import validate_sequence
from ctc_metrics.utils.filesystem import parse_masks, read_tracking_file

from cellid.errors import CellidError
from cellid.tracking.exports import writing_baxter, writing_ctc
from cellid.tracking.exports.ctc import CtcWriter


def write(folder: Path, movie, **options) -> None:
    with writing_ctc(folder, movie.tracks, len(movie.labels), **options) as ctc:
        for frame, labels in enumerate(movie.labels):
            ctc.write(frame, labels)


def test_the_challenges_reader_finds_the_results_valid(tmp_path: Path, movie) -> None:
    folder = tmp_path / "01_RES"
    write(folder, movie)

    assert validate_sequence(str(folder), threads=1) == {"Valid": 1}
    masks = [Path(path).name for path in parse_masks(str(folder))]
    assert masks == [f"mask00{frame}.tif" for frame in range(5)]


def test_pieces_around_a_gap_are_parent_and_child(tmp_path: Path, movie) -> None:
    write(tmp_path / "01_RES", movie)

    after_gap = movie.far + 1
    assert read_tracking_file(str(tmp_path / "01_RES/res_track.txt")).tolist() == [
        [1, 0, 1, 0],
        [2, 0, 1, 0],
        [3, 2, 4, 1],
        [4, 4, 4, 0],
        [movie.far, 2, 4, 1],
        [after_gap, 3, 4, 2],
    ]
    written = np.stack([tifffile.imread(p) for p in parse_masks(str(tmp_path / "01_RES"))])
    expected = np.array(movie.expected)
    expected[3:][expected[3:] == 2] = after_gap
    np.testing.assert_array_equal(written, expected)
    assert written.dtype == np.uint32


@pytest.mark.parametrize(("n_frames", "name"), [(1000, "mask007.tif"), (1001, "mask0007.tif")])
def test_masks_have_as_many_digits_as_the_last_needs(
    tmp_path: Path, empty_movie, n_frames: int, name: str
) -> None:
    writer = CtcWriter(tmp_path, empty_movie.tracks, n_frames, pixel_size_um=None)

    writer.write(7, empty_movie.labels[0])

    assert (tmp_path / name).is_file()


def test_without_nuclei_no_track_is_listed(tmp_path: Path, empty_movie) -> None:
    write(tmp_path / "01_RES", empty_movie)

    assert (tmp_path / "01_RES/res_track.txt").read_text() == ""
    mask = tifffile.imread(tmp_path / "01_RES/mask004.tif")
    assert mask.dtype == np.uint16
    assert not mask.any()


def test_a_missing_mask_leaves_no_folder(tmp_path: Path, movie) -> None:
    with (
        pytest.raises(CellidError, match="5 frames"),
        writing_ctc(tmp_path / "01_RES", movie.tracks, 5) as ctc,
    ):
        ctc.write(0, movie.labels[0])

    assert not list(tmp_path.iterdir())


def test_results_are_replaced_when_asked_only(tmp_path: Path, movie, empty_movie) -> None:
    write(tmp_path / "01_RES", movie)
    with pytest.raises(CellidError, match="not taken"):
        write(tmp_path / "01_RES", empty_movie)

    write(tmp_path / "01_RES", empty_movie, overwrite=True)

    assert (tmp_path / "01_RES/res_track.txt").read_text() == ""


def test_the_baxter_algorithms_find_the_same_files(tmp_path: Path, movie) -> None:
    write(tmp_path / "01_RES", movie)

    with writing_baxter(tmp_path / "plate", "B2_1", movie.tracks, 5, version="_x") as baxter:
        for frame, labels in enumerate(movie.labels):
            baxter.write(frame, labels)

    folder = tmp_path / "plate/Analysis/CellData_x/RES/B2_1_RES"
    for path in (tmp_path / "01_RES").iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()
