"""Drift recovered from frames moved on purpose; real ones from pairs_deepcell and ctc."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from cellid.errors import CellidError
from cellid.io.images import open_image
from cellid.io.pairs import find_pairs, read_pair
from cellid.tracking.drift import DriftMeter, stabilise, steady

SHIFT = ["shift_y_px", "shift_x_px"]
WITHIN_PX = 0.3


def moved(image, shift):
    matrix = np.array([[1.0, 0, shift[1]], [0, 1, shift[0]]])
    return cv2.warpAffine(
        image.astype(np.float32), matrix, image.shape[::-1], flags=cv2.INTER_CUBIC
    )


def draw_plate(seed=0, side=320):
    """Draw specks that lie still, and where cells are at first."""
    random = np.random.default_rng(seed)
    plate = random.normal(0, 0.1, (side, side)).astype(np.float32)
    for y, x in random.integers(0, side, (150, 2)).tolist():
        cv2.circle(plate, (x, y), int(random.integers(2, 5)), float(random.uniform(0.5, 1)), -1)
    return cv2.GaussianBlur(plate, (0, 0), 1), random.uniform(0, side, (40, 2))


def draw_drift(n_frames, jump_at):
    """Return a walk of half-pixel steps with a jump of 20 px."""
    drift = np.cumsum(np.random.default_rng(1).normal(0, 0.5, (n_frames, 2)), axis=0)
    drift[jump_at:] += (20, -20)
    return drift - drift[0]


def crowded(plate, cells, frame, drift):
    """Return a frame in which cells have walked and doubled in number since the first."""
    walk = np.random.default_rng(2).normal(0, 4, (frame + 1, 2 * len(cells), 2)).sum(axis=0)
    places = (np.concatenate([cells, cells]) + walk)[: len(cells) + frame]
    image = plate.copy()
    for y, x in places.round().astype(int).tolist():
        cv2.circle(image, (x, y), 8, 0.4, 2)
    noise = np.random.default_rng((3, frame)).normal(0, 0.05, image.shape)
    image = moved(image, drift) + noise
    return (100 + 60 * image).clip(0, 255).astype(np.uint8)[32:-32, 32:-32]


def measure(frames):
    meter = DriftMeter()
    for frame in frames:
        meter.add(frame)
    return meter.table()


def test_walk_jump_and_moving_cells():
    plate, cells = draw_plate()
    drift = draw_drift(24, jump_at=9)

    table = measure(crowded(plate, cells, t, shift) for t, shift in enumerate(drift))

    assert table["good"].all()
    assert table["frame"].tolist() == list(range(24))
    np.testing.assert_allclose(table[SHIFT], drift, atol=WITHIN_PX)


def test_cells_that_move_and_grow_on_a_plate_that_lies_still_are_no_drift():
    plate, cells = draw_plate()
    table = measure(crowded(plate, cells, t, (0, 0)) for t in range(40))
    assert np.abs(table[SHIFT].to_numpy()).max() < WITHIN_PX


@pytest.mark.parametrize(
    "spoil",
    [
        lambda frame: None,
        np.zeros_like,
        lambda frame: cv2.GaussianBlur(frame, (0, 0), 15),
        lambda frame: crowded(*draw_plate(5), 0, (0, 0)),
        lambda frame: np.roll(frame, 110, 0),
    ],
    ids=["missing", "black", "blurred", "another field", "out of reach"],
)
def test_the_shift_of_a_bad_frame_lies_between_its_neighbours(spoil):
    plate, cells = draw_plate()
    drift = np.linspace((0, 0), (14, -7), 8)
    frames = [crowded(plate, cells, t, shift) for t, shift in enumerate(drift)]
    frames[3], frames[4] = spoil(frames[3]), spoil(frames[4])

    table = measure(frames)

    assert table.loc[~table["good"], "frame"].tolist() == [3, 4]
    np.testing.assert_allclose(table[SHIFT], drift, atol=WITHIN_PX)


def test_bad_frames_at_the_ends_have_the_shift_of_the_nearest_good_one():
    plate, _ = draw_plate()
    table = measure([None, plate, moved(plate, (3, 1)), np.zeros_like(plate)])
    assert table["good"].tolist() == [False, True, True, False]
    np.testing.assert_allclose(table[SHIFT], [(0, 0), (0, 0), (3, 1), (3, 1)], atol=WITHIN_PX)


@pytest.mark.parametrize("frames", [[], [None, None], [np.zeros((64, 64))] * 3])
def test_no_good_frame_means_no_shift(frames):
    table = measure(frames)
    assert table["good"].tolist() == [False] * len(frames)
    assert (table[SHIFT] == 0).all(axis=None)


def test_a_view_that_changed_for_good_goes_on_from_the_last_known_shift():
    before, after = draw_plate(0)[0], draw_plate(5)[0]
    random = np.random.default_rng(4)
    noise = [random.normal(0, 1, before.shape) for _ in range(9)]
    # Noise, all of it different, is no new view
    frames = [before, moved(before, (4, -2)), *noise, *[after] * 5, moved(after, (1, 1))]

    table = measure(frames)

    assert table.loc[table["good"], "frame"].tolist() == [0, 1, 16]
    np.testing.assert_allclose(table[SHIFT].iloc[-1], (5, -1), atol=WITHIN_PX)


def test_frames_of_another_size_or_in_colour_are_told():
    meter = DriftMeter()
    meter.add(np.ones((64, 80)))
    with pytest.raises(CellidError, match="64×80 pixels"):
        meter.add(np.ones((64, 64)))
    with pytest.raises(CellidError, match=r"\(64, 80, 3\)"):
        DriftMeter().add(np.ones((64, 80, 3)))


def test_spots_are_steadied_by_the_shift_of_their_frame():
    shifts = pd.DataFrame({"frame": [0, 1, 2], SHIFT[0]: [0, 1.5, 3], SHIFT[1]: [0, -2, -4]})
    spots = pd.DataFrame({"frame": [2, 0], "y": [10.0, 7.0], "x": [20.0, 9.0]}, index=[5, 3])

    steadied = steady(spots, shifts)

    assert steadied[["y_stable", "x_stable"]].to_numpy().tolist() == [[7, 24], [7, 9]]
    assert "y_stable" not in spots
    with pytest.raises(CellidError, match="frame 3"):
        steady(spots.assign(frame=3), shifts)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_stabilising_undoes_the_shift_and_leaves_the_unseen_black(dtype):
    frame = cv2.GaussianBlur(np.random.default_rng(0).random((60, 70)) * 200, (0, 0), 3)
    frame = frame.astype(dtype)
    back = stabilise(np.roll(frame, (4, -3), (0, 1)), 4.0, -3.0)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back[:-4, 3:], frame[:-4, 3:])
    assert not back[-4:].any()
    assert not back[:, :3].any()


@pytest.mark.real
def test_drift_put_on_real_phase_frames_comes_back(test_data: Path) -> None:
    folder = test_data / "pairs_deepcell"
    random = np.random.default_rng(0)
    drift = draw_drift(8, jump_at=4)
    for pair in find_pairs(folder, folder).pairs:
        phase, _, _ = read_pair(pair)
        frames = [
            (moved(phase, shift) + random.normal(0, 0.1 * phase.std(), phase.shape))
            .clip(0, 65535)
            .astype(np.uint16)[40:-40, 40:-40]
            for shift in drift
        ]
        frames[2] = np.zeros_like(frames[2])
        table = measure(frames)
        assert table.loc[~table["good"], "frame"].tolist() == [2], pair.id
        good = table["good"]
        np.testing.assert_allclose(table.loc[good, SHIFT], drift[good], atol=WITHIN_PX)


@pytest.mark.real
def test_a_real_growing_culture_barely_drifts_and_drift_added_to_it_comes_back(
    test_data: Path,
) -> None:
    """The markers of its cells move 1.3 and 1.0 px on average over the 40 frames."""
    files = sorted((test_data / "ctc" / "PhC-C2DL-PSC" / "01").glob("*.tif"))
    frames = [open_image(path).read(0) for path in files]
    still = measure(frames)
    assert still["good"].all()
    assert np.abs(still[SHIFT].to_numpy()).max() < 2
    drift = draw_drift(len(frames), jump_at=15)
    table = measure(moved(frame, shift) for frame, shift in zip(frames, drift, strict=True))
    np.testing.assert_allclose(table[SHIFT] - still[SHIFT], drift, atol=WITHIN_PX)
