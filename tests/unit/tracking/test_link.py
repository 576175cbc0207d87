import math

import numpy as np
import pandas as pd
import pytest

from cellid.config import TrackSettings
from cellid.errors import CellidError
from cellid.tracking.link import follow

from .movies import N_FRAMES, bystanders, movie

SETTINGS = TrackSettings()


def numbers_of(tracks, who):
    """The track of a nucleus in each frame in which it is seen."""
    spots = tracks.spots[tracks.spots["who"] == who].sort_values("frame")
    return spots["track"].tolist()


def keeps_number(tracks, who):
    return len(set(numbers_of(tracks, who))) == 1


def test_every_nucleus_keeps_its_number() -> None:
    tracks = follow(movie(bystanders()), SETTINGS)

    assert len(tracks.lineage) == 20
    assert tracks.spots.groupby("track")["who"].nunique().eq(1).all()
    assert tracks.lineage["track"].tolist() == list(range(1, 21))
    assert tracks.lineage[["begin", "end", "parent"]].eq([0, N_FRAMES - 1, 0]).all(axis=None)
    assert tracks.spots.equals(tracks.spots.sort_values(["track", "frame"], ignore_index=True))


def test_confidence_is_a_probability_and_lower_where_rivals_are_near() -> None:
    crowd = [(f, f"near {i}", 0.0, 3.0 * i, 400.0) for f in range(N_FRAMES) for i in range(2)]
    spots = follow(movie([*bystanders(), *crowd]), SETTINGS).spots

    first = spots.groupby("track").cumcount() == 0
    assert spots.loc[first, "confidence"].isna().all()
    assert spots.loc[~first, "confidence"].between(0, 1).all()
    is_crowd = spots["who"].str.startswith("near")
    sure = spots.groupby(is_crowd)["confidence"].mean()
    assert sure[True] < 0.95 < sure[False]


def test_nuclei_that_go_straight_cross() -> None:
    rows = [
        (
            f,
            f"{'east' if v > 0 else 'west'} {i}",
            60.0 * i + (5 if v > 0 else 0),
            200 + v * (f - 11.4),
            400,
        )
        for f in range(N_FRAMES)
        for i in range(6)
        for v in (8.0, -8.0)
    ]
    tracks = follow(movie(rows), SETTINGS)

    assert len(tracks.lineage) == 12
    assert tracks.spots.groupby("track")["who"].nunique().eq(1).all()


def dividing(at, sister="two"):
    """A mother that divides at a frame into two of half its size."""
    rng = np.random.default_rng(1)
    rows = []
    for frame in range(N_FRAMES):
        y, x = rng.normal(0, 1, 2)
        if frame < at:
            rows.append((frame, "mother", y, x, 500))
        else:
            rows += [(frame, "one", y, x - 11, 260), (frame, sister, y, x + 11, 240)]
    return rows


@pytest.mark.parametrize("at", [1, 10, N_FRAMES - 1])
def test_a_mother_ends_and_two_daughters_begin(at: int) -> None:
    tracks = follow(movie([*bystanders(), *dividing(at)]), SETTINGS)

    lineage = tracks.lineage.set_index("track")
    mother, *daughters = (numbers_of(tracks, who)[0] for who in ("mother", "one", "two"))
    assert all(keeps_number(tracks, who) for who in ("mother", "one", "two"))
    assert len({mother, *daughters}) == 3
    assert lineage.loc[mother, "end"] == at - 1
    assert lineage.loc[daughters, "begin"].eq(at).all()
    assert lineage.loc[daughters, "parent"].eq(mother).all()
    assert lineage["parent"].gt(0).sum() == 2


def test_nothing_divides_where_nuclei_do_not() -> None:
    tracks = follow(movie([*bystanders(), *dividing(10)]), TrackSettings(divisions=False))

    assert tracks.lineage["parent"].eq(0).all()


def test_a_nucleus_that_enters_beside_another_is_no_daughter() -> None:
    rows = [(f, "old", 0.0, 0.3 * (f % 3), 500 + f % 5) for f in range(N_FRAMES)]
    rows += [(f, "new", 0.0, 30.0 + 0.3 * (f % 2), 500 - f % 7) for f in range(9, N_FRAMES)]
    tracks = follow(movie([*bystanders(), *rows]), SETTINGS)

    assert keeps_number(tracks, "old")
    assert tracks.lineage["parent"].eq(0).all()


@pytest.mark.parametrize(("unseen", "n_tracks"), [(1, 1), (2, 1), (3, 2)])
def test_a_nucleus_keeps_its_number_over_a_short_gap(unseen: int, n_tracks: int) -> None:
    rows = [
        (frame, "hidden", 0.0, 0.5 * (frame % 3), 400)
        for frame in range(N_FRAMES)
        if not 10 <= frame < 10 + unseen
    ]
    tracks = follow(movie([*bystanders(), *rows]), SETTINGS)

    assert len(set(numbers_of(tracks, "hidden"))) == n_tracks


def test_missing_frames_are_no_gap() -> None:
    spots = movie(bystanders())
    tracks = follow(spots[~spots["frame"].between(8, 12)], TrackSettings(max_gap_frames=0))

    assert len(tracks.lineage) == 20
    assert tracks.spots.groupby("track")["who"].nunique().eq(1).all()


@pytest.mark.parametrize("sizes", [(300, 600), (600, 300)])
@pytest.mark.parametrize("turns_back", [True, False])
def test_nuclei_part_by_size_after_a_collision(sizes: tuple, turns_back: bool) -> None:
    rows = []
    for frame in range(N_FRAMES):
        x = 4.0 * (frame - 12)
        left, right = (-abs(x), abs(x)) if turns_back else (x, -x)
        if abs(x) < 10:
            rows.append((frame, "both", 0.0, 0.0, sum(sizes) * 0.97))
        else:
            rows += [(frame, "a", 0.0, left, sizes[0]), (frame, "b", 0.0, right, sizes[1])]
    tracks = follow(movie([*bystanders(), *rows]), SETTINGS)

    assert keeps_number(tracks, "a")
    assert keeps_number(tracks, "b")
    assert set(numbers_of(tracks, "both")) <= {*numbers_of(tracks, "a"), *numbers_of(tracks, "b")}
    assert tracks.lineage["parent"].eq(0).all()


def test_nuclei_appear_and_vanish() -> None:
    rows = [(f, "early", 0.0, 0.0 + f % 2, 400) for f in range(8)]
    rows += [(f, "late", 0.0, 150.0 + f % 2, 400) for f in range(15, N_FRAMES)]
    tracks = follow(movie([*bystanders(), *rows]), SETTINGS)

    assert len(tracks.lineage) == 22
    ends = tracks.lineage.set_index("track")
    assert ends.loc[numbers_of(tracks, "early")[0], "end"] == 7
    assert ends.loc[numbers_of(tracks, "late")[0], "begin"] == 15


def test_a_single_nucleus_is_followed() -> None:
    rows = [(frame, "alone", 0.0, 2.0 * frame, 400) for frame in range(N_FRAMES)]

    assert keeps_number(follow(movie(rows), SETTINGS), "alone")


def test_a_single_frame_has_tracks_of_one_spot() -> None:
    tracks = follow(movie(bystanders(1)), SETTINGS)

    assert tracks.lineage["begin"].eq(0).all()
    assert tracks.lineage["end"].eq(0).all()
    assert len(tracks.lineage) == len(tracks.spots) == 20


def test_no_nuclei_have_no_tracks() -> None:
    tracks = follow(movie([]), SETTINGS)

    assert len(tracks.spots) == len(tracks.lineage) == 0
    assert {"track", "confidence", "who"} <= set(tracks.spots)
    assert list(tracks.lineage) == ["track", "begin", "end", "parent"]


def test_the_order_and_numbers_of_spots_change_nothing() -> None:
    spots = movie([*bystanders(), *dividing(10)])
    shuffled = spots.sample(frac=1, random_state=3)
    shuffled["label"] = shuffled.groupby("frame").cumcount() + 7

    one, other = follow(spots, SETTINGS), follow(shuffled, SETTINGS)

    pd.testing.assert_frame_equal(one.lineage, other.lineage)
    pd.testing.assert_frame_equal(
        one.spots.drop(columns="label"), other.spots.drop(columns="label")
    )


def test_the_unit_of_length_hardly_matters() -> None:
    spots = movie([*bystanders(), *dividing(10)])
    larger = spots.assign(
        area=spots["area"] * 9, **{c: spots[c] * 3 for c in ("y_stable", "x_stable")}
    )

    pd.testing.assert_frame_equal(follow(spots, SETTINGS).lineage, follow(larger, SETTINGS).lineage)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"area": 0.0}, "areas"),
        ({"y_stable": math.nan}, "finite"),
        ({"label": 1}, "label once"),
    ],
)
def test_spots_that_make_no_sense_are_refused(change: dict, expected: str) -> None:
    with pytest.raises(CellidError, match=expected):
        follow(movie(bystanders(2)).assign(**change), SETTINGS)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(CellidError, match="area"):
        follow(movie(bystanders(2)).drop(columns="area"), SETTINGS)
