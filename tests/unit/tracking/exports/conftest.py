"""A time-lapse with all that tracks can do, and one without nuclei."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from cellid.types import Labels, Tracks

SHAPE = (40, 60)
N_FRAMES = 5
HALF_PX = 3
FAR = 70_000  # beyond what 16 bits hold
# Place of each track's squares by frame: 1 divides into 3 and FAR, 2 misses frame 2,
# 4 is seen once
PLACES = {
    1: {0: (10, 10), 1: (10, 12)},
    2: {0: (30, 30), 1: (30, 31), 3: (30, 33), 4: (31, 34)},
    3: {2: (6, 12), 3: (5, 12), 4: (4, 12)},
    4: {4: (20, 50)},
    FAR: {2: (14, 12), 3: (15, 12), 4: (16, 12)},
}
MOTHERS = {1: 0, 2: 0, 3: 1, 4: 0, FAR: 1}


@dataclass(frozen=True)
class Movie:
    """Label images as they were detected, the tracks, and the labels they should become."""

    labels: list[Labels]
    tracks: Tracks
    expected: list[Labels]
    shape = SHAPE
    far = FAR

    @property
    def images(self) -> list[np.ndarray]:
        """Frames as a camera takes them."""
        return [np.where(labels > 0, 900, 200).astype(np.uint16) for labels in self.labels]


def make_tracks(rows: list[tuple[int, int, int, float, float]]) -> Tracks:
    spots = pd.DataFrame(rows, columns=["track", "frame", "label", "y", "x"])
    spots = spots.astype({"track": "int64", "frame": "int64", "label": "int64"})
    spots = spots.astype({"y": "float64", "x": "float64"})
    spots["y_stable"], spots["x_stable"] = spots["y"] - 1, spots["x"] + 2
    spots["confidence"] = np.where(spots["track"].diff() == 0, 0.9, np.nan)
    spots["area"] = float((2 * HALF_PX + 1) ** 2)
    frames = spots.groupby("track")["frame"].agg(["min", "max"])
    lineage = pd.DataFrame(
        {
            "track": frames.index,
            "begin": frames["min"].to_numpy(np.int64),
            "end": frames["max"].to_numpy(np.int64),
            "parent": np.array([MOTHERS[track] for track in frames.index], np.int64),
        }
    )
    return Tracks(spots, lineage)


@pytest.fixture(scope="session")
def movie() -> Movie:
    labels = [np.zeros(SHAPE, np.int32) for _ in range(N_FRAMES)]
    expected = [np.zeros(SHAPE, np.int32) for _ in range(N_FRAMES)]
    labels[0][:4, -4:] = 9  # no track's
    rows = []
    for track, places in PLACES.items():
        for frame, (y, x) in places.items():
            label = 7 - len([row for row in rows if row[1] == frame])
            square = np.s_[y - HALF_PX : y + HALF_PX + 1, x - HALF_PX : x + HALF_PX + 1]
            labels[frame][square], expected[frame][square] = label, track
            rows.append((track, frame, label, y, x))
    return Movie(labels, make_tracks(rows), expected)


@pytest.fixture(scope="session")
def empty_movie() -> Movie:
    blank = [np.zeros(SHAPE, np.int32) for _ in range(N_FRAMES)]
    return Movie(blank, make_tracks([]), blank)
