"""Frames that a model was not trained for are told."""

import pandas as pd

from cellid.workflows.unlike import UnlikeFrames, tell_unlike


def counts(*found: tuple[str, float]) -> pd.DataFrame:
    return pd.DataFrame(found, columns=["unlike_in", "unlike_training"])


def told(unlike: UnlikeFrames) -> list[str]:
    lines: list[str] = []
    tell_unlike(unlike.describe(), lines.append)
    return lines


def test_nothing_is_told_of_frames_like_the_training_images() -> None:
    unlike = UnlikeFrames()
    unlike.add("A", counts(("", 0.0), ("focus", -2.0)))
    unlike.add("B", counts((None, float("nan"))))  # a frame that could not be read
    assert told(unlike) == []


def test_the_worst_of_each_file_is_told_first_with_its_frames() -> None:
    unlike = UnlikeFrames()
    unlike.add("A", counts(("noise", 2.5), ("", 0.0)))
    unlike.add("B", counts(("focus", -3.0)))
    unlike.add("A", counts(("crowding", 2.1)))  # the next frames of the same file
    for i in range(4):
        unlike.add(f"C{i}", counts(("focus", 2.2)))
    first, *rest = told(unlike)
    assert first.startswith("unlike the training images")
    assert rest[0] == "  B: 1 frame, out of focus, or of larger pixels: focus -3.0"
    assert rest[1] == "  A: 2 frames, noisier: noise +2.5"
    assert rest[-1] == "  and 1 more: see unlike_training in counts.csv"
