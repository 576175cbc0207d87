from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellid.errors import CellidError
from cellid.tracking.exports import writing_label_stack
from cellid.types import Tracks


def write(path: Path, movie, tracks: Tracks) -> None:
    with writing_label_stack(path, tracks, len(movie.labels), 0.5) as stack:
        for frame, labels in enumerate(movie.labels):
            stack.write(frame, labels)


def test_objects_have_the_numbers_of_their_tracks(tmp_path: Path, movie) -> None:
    write(tmp_path / "tracks.tif", movie, movie.tracks)

    with tifffile.TiffFile(tmp_path / "tracks.tif") as tif:
        assert tif.series[0].axes == "TYX"
        written = tif.asarray()
        assert tif.pages[0].tags["XResolution"].value == (2, 1)
    assert written.dtype == np.uint32
    np.testing.assert_array_equal(written, movie.expected)


def test_sixteen_bits_are_enough_for_the_first_65535_tracks(tmp_path: Path, movie) -> None:
    few = Tracks(movie.tracks.spots.query("track < 65536"), movie.tracks.lineage)
    write(tmp_path / "tracks.tif", movie, few)

    written = tifffile.imread(tmp_path / "tracks.tif")

    assert written.dtype == np.uint16
    np.testing.assert_array_equal(written, np.where(np.array(movie.expected) < 65536, written, 0))
    assert set(np.unique(written)) == {0, 1, 2, 3, 4}


def test_a_movie_without_nuclei_is_black(tmp_path: Path, empty_movie) -> None:
    write(tmp_path / "tracks.tif", empty_movie, empty_movie.tracks)

    assert not tifffile.imread(tmp_path / "tracks.tif").any()


def test_a_stack_with_a_frame_too_few_is_not_there(tmp_path: Path, movie) -> None:
    with (
        pytest.raises(CellidError, match="5 frames"),
        writing_label_stack(tmp_path / "tracks.tif", movie.tracks, 5) as stack,
    ):
        stack.write(0, movie.labels[0])

    assert not list(tmp_path.iterdir())


def test_labels_of_another_time_lapse_are_refused(tmp_path: Path, movie, empty_movie) -> None:
    with pytest.raises(CellidError, match="labels of frame 0"):
        write(tmp_path / "tracks.tif", empty_movie, movie.tracks)
