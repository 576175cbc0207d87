import pandas as pd

from cellid.evaluation.tracks import read_tracks
from cellid.tracking.gaps import split_at_gaps
from cellid.types import Tracks


def tracks(frames, parents):
    """Tracks from the frames in which each has a spot, and the parent of each."""
    spots = pd.DataFrame(
        [(track, frame, 7) for track in frames for frame in frames[track]],
        columns=["track", "frame", "label"],
        dtype="int64",
    )
    lineage = pd.DataFrame(
        [(track, min(seen), max(seen), parents[track]) for track, seen in frames.items()],
        columns=["track", "begin", "end", "parent"],
        dtype="int64",
    )
    return Tracks(spots, lineage)


def test_pieces_descend_from_each_other_and_daughters_from_the_last_piece() -> None:
    # 2 misses frames 2, 4 and 5 and divides into 1 and 4; 4 misses frame 9
    seen = {1: [7, 8], 2: [0, 1, 3, 6], 3: [0, 1, 2], 4: [7, 8, 10]}

    spots, table = split_at_gaps(tracks(seen, {1: 2, 2: 0, 3: 0, 4: 2}))

    assert table.to_numpy().tolist() == [
        [1, 7, 8, 6],
        [2, 0, 1, 0],
        [3, 0, 2, 0],
        [4, 7, 8, 6],
        [5, 3, 3, 2],
        [6, 6, 6, 5],
        [7, 10, 10, 4],
    ]
    assert spots["track"].tolist() == [1, 1, 2, 2, 5, 6, 3, 3, 3, 4, 4, 7]
    assert spots["label"].eq(7).all()
    assert read_tracks(table).divides.tolist() == [False] * 5 + [True, False]


def test_the_rows_keep_their_order_and_index() -> None:
    whole = tracks({1: [0, 2], 2: [0, 1]}, {1: 0, 2: 0})
    shuffled = whole.spots.iloc[[3, 1, 0, 2]]

    spots, _ = split_at_gaps(Tracks(shuffled, whole.lineage))

    assert spots.index.tolist() == [3, 1, 0, 2]
    assert spots["track"].tolist() == [2, 3, 1, 2]


def test_no_tracks_are_no_pieces() -> None:
    spots, table = split_at_gaps(tracks({}, {}))

    assert len(spots) == len(table) == 0
    assert list(table) == ["L", "B", "E", "P"]
