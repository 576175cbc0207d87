"""Tiles cut from one canvas find their places, and nuclei that cross keep their numbers."""

import cv2
import numpy as np
import pandas as pd
import pytest
from skimage.measure import regionprops_table

from cellid.config import TrackSettings
from cellid.errors import CellidError
from cellid.tracking.drift import steady
from cellid.tracking.exports.track_numbers import TrackNumbers
from cellid.tracking.link import follow
from cellid.tracking.tiles import merge_tiles, number_tile, place_tiles

GRID = (3, 3)
SHAPE = (150, 180)
PHOTO = (260, 320)
CANVAS = (830, 1000)
MARGIN = 10
N_FRAMES, N_NUCLEI = 30, 100


def lay_out(overlap, grid=GRID, shape=PHOTO, seed=0, jitter=2):
    """Return where the tiles of a stage that is off by some pixels lie, by site."""
    steps = np.array(shape) * (1 - overlap)
    corners = np.argwhere(np.ones(grid)) * steps
    corners += MARGIN + np.random.default_rng(seed).integers(-jitter, jitter + 1, corners.shape)
    return {str(site): corner.round().astype(int) for site, corner in enumerate(corners, 1)}


def cut(canvas, corner, shape):
    return canvas[corner[0] : corner[0] + shape[0], corner[1] : corner[1] + shape[1]]


def draw_texture(size, seed=0):
    """Return cells as in phase contrast: dark rings with bright halos, on a shaded ground."""
    random = np.random.default_rng(seed)
    image = np.zeros(size, np.float32)
    for y, x in (random.random((size[0] * size[1] // 900, 2)) * size).astype(int).tolist():
        axes = tuple(random.integers(5, 11, 2).tolist())
        angle = float(random.uniform(0, 180))
        cv2.ellipse(image, (x, y), axes, angle, 0, 360, float(random.uniform(-1, 1)), 2)
    shade = np.linspace(0, 1, size[1], dtype=np.float32)
    return 120 + 30 * cv2.GaussianBlur(image, (0, 0), 1) + 20 * shade


def photograph(canvas, corners):
    """Return the tiles as a camera takes them: each with noise and a lamp of its own."""
    random = np.random.default_rng(1)
    return {
        site: cut(canvas, corner, PHOTO) * random.uniform(0.8, 1.2) + random.normal(0, 3, PHOTO)
        for site, corner in corners.items()
    }


def check_places(places, corners, within_px=0.5):
    true = np.array(list(corners.values()))
    error = places[["y_px", "x_px"]].to_numpy() - true
    error -= np.median(error, axis=0)
    assert np.abs(error).max() < within_px


@pytest.mark.parametrize("overlap", [0.1, 0.15, 0.3, 0.5])
def test_tiles_are_placed_whatever_their_overlap(overlap):
    corners = lay_out(overlap)
    places = place_tiles(photograph(draw_texture(CANVAS), corners), GRID)
    assert places["site"].tolist() == list(corners)
    assert (places[["y_px", "x_px"]].min() == 0).all()
    check_places(places, corners)


def test_a_row_of_tiles_and_a_single_one_are_placed():
    corners = lay_out(0.2, grid=(1, 4))
    tiles = photograph(draw_texture((CANVAS[0], 1200)), corners)
    check_places(place_tiles(tiles, (1, 4)), corners)
    alone = place_tiles({"1": tiles["1"]}, (1, 1))
    assert alone.to_numpy().tolist() == [["1", 0.0, 0.0]]


def test_a_tile_of_something_else_misplaces_no_other():
    corners = lay_out(0.2)
    tiles = photograph(draw_texture(CANVAS), corners)
    tiles["3"] = photograph(draw_texture(CANVAS, seed=9), corners)["3"]
    places = place_tiles(tiles, GRID)
    others = places["site"] != "3"
    check_places(places[others], {s: c for s, c in corners.items() if s != "3"})
    check_places(places, corners, within_px=12)  # about where the stage was sent


def test_a_pair_that_contradicts_the_others_is_left_out():
    """Two tiles show the same speck of dust on the lens where they should overlap."""
    corners = lay_out(0.2, jitter=0)
    tiles = photograph(draw_texture(CANVAS), corners)
    # What lies 6 px off is strong in both strips of one pair alone
    dust = draw_texture((200, 40), seed=5) * 4
    tiles["1"][20:220, -50:-10] = dust
    tiles["2"][20:220, 20:60] = dust
    check_places(place_tiles(tiles, GRID), corners)


@pytest.mark.parametrize("grid", [(2, 3), (0, 9), (3, 4)])
def test_another_number_of_tiles_than_the_grid_has_is_told(grid):
    with pytest.raises(CellidError, match=f"{grid[0]}×{grid[1]}"):
        place_tiles(photograph(draw_texture(CANVAS), lay_out(0.2)), grid)


def test_tiles_that_share_nothing_or_differ_in_size_are_told():
    tiles = {str(site): draw_texture(PHOTO, seed=site) for site in range(4)}
    with pytest.raises(CellidError, match="do not overlap"):
        place_tiles(tiles, (2, 2))
    with pytest.raises(CellidError, match="one size"):
        place_tiles(tiles | {"3": tiles["3"][1:]}, (2, 2))


def draw_well(corners, seed=0):
    """Return the true labels of each frame: nuclei that roam the well and do not touch."""
    random = np.random.default_rng(seed)
    size = np.max(list(corners.values()), axis=0) + SHAPE + MARGIN
    radius = random.uniform(5, 9, N_NUCLEI)
    reach = radius[:, None] + radius + 3
    low, high = 3 * MARGIN, size - 3 * MARGIN
    place, speed = random.uniform(low, high, (N_NUCLEI, 2)), random.normal(0, 3, (N_NUCLEI, 2))
    for frame in range(N_FRAMES):
        speed = np.where(place < low, np.abs(speed), np.where(place > high, -np.abs(speed), speed))
        place = place + speed + random.normal(0, 0.5, speed.shape)
        for _ in range(200 if frame == 0 else 20):
            away = place[:, None] - place
            distance = np.hypot(*away.T) + 1e-6
            push = (reach - distance).clip(0) * (1 - np.eye(N_NUCLEI)) / distance / 2
            place = place + (away * push[..., None]).sum(axis=1)
        labels = np.zeros(size, np.int32)
        for number, (centre, r) in enumerate(zip(place[:, ::-1], radius, strict=True), 1):
            fixed = (16 * centre).round().astype(int).tolist()  # in sixteenths of a pixel
            cv2.circle(labels, fixed, round(16 * r), number, -1, shift=4)
        yield labels


def measure(labels):
    table = regionprops_table(labels, properties=("label", "centroid", "area"))
    return pd.DataFrame(table).rename(columns={"centroid-0": "y", "centroid-1": "x"})


@pytest.fixture(scope="module")
def well():
    """Return places, spots by site (``label`` being who it is) and the label images by site."""
    corners = lay_out(0.15, shape=SHAPE)
    canvases = list(draw_well(corners))
    random = np.random.default_rng(3)
    spots, images = {}, {}
    for site, corner in corners.items():
        drift = random.integers(-1, 2, (N_FRAMES, 2)).cumsum(axis=0).clip(-MARGIN // 2, MARGIN // 2)
        drift -= drift[0]
        images[site] = [
            cut(canvas, corner - shift, SHAPE)
            for canvas, shift in zip(canvases, drift, strict=True)
        ]
        tables = [measure(labels).assign(frame=f) for f, labels in enumerate(images[site])]
        shifts = pd.DataFrame(drift, columns=["shift_y_px", "shift_x_px"]).rename_axis("frame")
        spots[site] = steady(pd.concat(tables, ignore_index=True), shifts.reset_index())
    places = pd.DataFrame(list(corners.values()), columns=["y_px", "x_px"]).astype(float)
    places += random.normal(0, 0.3, places.shape)
    return places.assign(site=list(corners)), spots, images


def test_nuclei_in_overlaps_are_counted_once(well):
    places, spots, _ = well
    merged, sightings = merge_tiles(spots, places, SHAPE)

    assert len(sightings) == sum(map(len, spots.values())) > 1.2 * len(merged)
    assert (merged.groupby("frame").size() == N_NUCLEI).all()
    # A nucleus of the canvas is one nucleus, and each has one number
    assert (sightings.groupby(["frame", "label"])["tile_label"].nunique() == 1).all()
    assert (sightings.groupby(["frame", "tile_label"])["label"].nunique() == 1).all()


def test_nuclei_that_cross_into_the_next_tile_keep_their_number(well):
    places, spots, images = well
    merged, sightings = merge_tiles(spots, places, SHAPE)
    who = sightings.drop_duplicates(["frame", "label"]).drop(columns="site")
    known = merged.merge(who.rename(columns={"tile_label": "who"}), on=["frame", "label"])
    tracks = follow(known, TrackSettings())

    steps = tracks.spots.sort_values(["who", "frame"])
    same = steps["who"].eq(steps["who"].shift())
    same &= steps["frame"].eq(steps["frame"].shift() + 1)
    crossings = steps[same & steps["site"].ne(steps["site"].shift())]
    kept = steps["track"].eq(steps["track"].shift())[crossings.index]
    assert len(crossings) > 50
    assert kept.mean() >= 0.98

    frame = tracks.spots[tracks.spots["frame"] == 7].set_index("who")
    for site, stack in images.items():
        numbers = TrackNumbers(number_tile(tracks, sightings, site).spots)
        for who in np.unique(stack[7])[1:]:
            renumbered = numbers.renumber(7, stack[7])[stack[7] == who]
            assert (renumbered == frame.at[who, "track"]).all()


def test_the_outline_that_no_border_cuts_is_kept():
    row = {"frame": 0, "label": 1, "y": 50.0, "area": 300.0}
    spots = {
        "a": pd.DataFrame([row | {"x": 90.0, "label": 4}]),
        "b": pd.DataFrame([row | {"x": 3.0, "area": 80.0}]),
    }
    spots = {s: t.assign(y_stable=t["y"] + 1, x_stable=t["x"] - 1) for s, t in spots.items()}
    places = pd.DataFrame({"site": ["a", "b"], "y_px": [0.0, 2.0], "x_px": [0.0, 92.0]})

    merged, sightings = merge_tiles(spots, places, (100, 120))

    assert merged[["site", "label", "y", "x", "y_stable", "x_stable"]].to_numpy().tolist() == [
        ["a", 1, 50.0, 90.0, 51.0, 89.0]
    ]
    assert sightings.to_numpy().tolist() == [["a", 0, 1, 4], ["b", 0, 1, 1]]


def test_tiles_without_nuclei_are_merged():
    none = pd.DataFrame(columns=["frame", "label", "y", "x", "y_stable", "x_stable", "area"])
    places = pd.DataFrame({"site": ["a", "b"], "y_px": [0.0, 0.0], "x_px": [0.0, 90.0]})
    merged, sightings = merge_tiles({"a": none, "b": none}, places, (100, 120))
    assert merged.empty
    assert sightings.empty
