from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.tracking.exports import writing_movie
from cellid.tracking.exports.movie import FRAMES_PER_SECOND, draw_tracks


def write(path: Path, movie, interval_h: float | None = None) -> None:
    with writing_movie(path, movie.tracks, interval_h) as writer:
        for frame, (image, labels) in enumerate(zip(movie.images, movie.labels, strict=True)):
            writer.write(frame, image, labels)


def read(path: Path) -> list[np.ndarray]:
    video = cv2.VideoCapture(str(path))
    assert video.get(cv2.CAP_PROP_FPS) == FRAMES_PER_SECOND
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    return frames


@pytest.mark.parametrize("kind", ["movie", "empty_movie"])
def test_every_frame_comes_back(tmp_path: Path, kind: str, request) -> None:
    write(tmp_path / "tracks.mp4", request.getfixturevalue(kind), interval_h=2.0)

    frames = read(tmp_path / "tracks.mp4")

    assert [frame.shape for frame in frames] == [(16 + 40, 60, 3)] * 5  # with a caption
    assert [path.name for path in tmp_path.iterdir()] == ["tracks.mp4"]


def test_browsers_slides_and_players_show_it(tmp_path: Path, movie) -> None:
    write(tmp_path / "tracks.mp4", movie)

    with av.open(tmp_path / "tracks.mp4") as file:
        (video,) = file.streams.video
        assert (video.codec_context.name, video.pix_fmt) == ("h264", "yuv420p")
    content = (tmp_path / "tracks.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # plays while it is loaded


def test_the_same_frames_give_the_same_file(tmp_path: Path, movie) -> None:
    write(tmp_path / "a.mp4", movie)
    write(tmp_path / "b.mp4", movie)

    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_movie_cut_short_by_an_error_is_not_there(tmp_path: Path, movie) -> None:
    blank = replace(movie, labels=[*movie.labels[:3], *[np.zeros_like(movie.labels[3])] * 2])

    with pytest.raises(CellidError, match="labels of frame 3"):
        write(tmp_path / "tracks.mp4", blank)

    assert not list(tmp_path.iterdir())


def test_a_track_keeps_its_colour_and_its_neighbour_has_another(movie) -> None:
    pictures = [
        draw_tracks(image, tracks)
        for image, tracks in zip(movie.images, movie.expected, strict=True)
    ]

    first, later = pictures[0][30, 27], pictures[4][31, 31]  # left edge of track 2
    np.testing.assert_array_equal(first, later)
    assert not np.array_equal(first, pictures[0][10, 7])
    red, green, blue = pictures[0][30, 30].tolist()  # within
    assert red == green == blue


def test_colour_frames_show_their_first_channel(tmp_path: Path, movie) -> None:
    with writing_movie(tmp_path / "tracks.mp4", movie.tracks) as writer:
        writer.write(0, np.stack([movie.images[0]] * 2, axis=2), movie.labels[0])

    assert len(read(tmp_path / "tracks.mp4")) == 1


def test_large_frames_are_shrunk_to_even_sides() -> None:
    labels = np.zeros((1999, 3001), np.int32)
    labels[500:700, 500:700] = 1

    picture = draw_tracks(np.ones((1999, 3001), np.uint8), labels)

    assert picture.shape == (852, 1280, 3)
    assert (picture != picture[..., :1]).any()
