"""Tiles of a well: placed on one canvas, their nuclei put together (thesis 8.1)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cellid.errors import CellidError
from cellid.evaluation.assignment import choose_pairs
from cellid.imaging.phase_correlation import RunningReference
from cellid.tracking.spots import Floats, Indices, find_near
from cellid.types import Tracks, Window

# Shares of a side; an overlap is found from 3/4 to 5/4 of its guess. From the widest, for
# strips of more pixels are told apart more surely
_OVERLAPS = (0.5, 0.33, 0.22, 0.15, 0.1, 0.065)
_LEAST_STRIP_PX = 16  # of less, strips of unlike tiles may seem to fit
_AGREE_PX = 1.0  # true fits do; a wrong one is shared out among the four pairs about a corner
# Of the greater radius. The sliver that a border leaves of a nucleus lies a whole one off,
# more if it is long; nuclei that touch lie apart by both of theirs
_REACH = 1.25
_USUAL_STEP_WEIGHT = 0.01  # decides only where nothing was measured, or measurements disagree


def place_tiles(images: Mapping[str, NDArray[np.generic]], grid: tuple[int, int]) -> pd.DataFrame:
    """Measure where overlapping tiles of a well lie on a common canvas.

    The strips in which neighbours overlap are compared by phase correlation, the overlap
    being found from the tiles themselves; positions are the least-squares solution of all
    pairs of neighbours. Pairs that contradict the others are left out. A pair without
    a measurement, such as of empty strips, is supposed to be as far apart as is usual.

    Parameters
    ----------
    images : mapping of str to (Y, X) array of any real dtype
        An image of each site, all of one moment and of one size; row by row.
    grid : (int, int)
        Rows and columns of tiles.

    Returns
    -------
    DataFrame
        A row a tile: ``site``, and ``y_px``, ``x_px``, where its first pixel lies on the
        canvas; the least of each are 0.

    Raises
    ------
    CellidError
        If there are not as many tiles as in the grid, their sizes differ, or most
        neighbours show nothing in common.
    """
    shape = _check_tiles(images, grid)
    tiles = list(images.values())
    number = np.arange(len(tiles)).reshape(grid)
    neighbours = (number[:-1], number[1:]), (number[:, :-1], number[:, 1:])
    pairs, offsets, usual = [], [], []
    for axis, both in enumerate(neighbours):
        along = np.stack(both, axis=-1).reshape(-1, 2)
        if along.size:
            measured = _measure_offsets(tiles, along, axis, shape)
            pairs.append(along)
            offsets.append(measured)
            usual.append(np.tile(np.nanmedian(measured, axis=0), (len(along), 1)))
    places = np.zeros((1, 2))
    if pairs:
        places = _solve(*(np.concatenate(each) for each in (pairs, offsets, usual)))
    y, x = (places - places.min(axis=0)).T
    return pd.DataFrame({"site": list(images), "y_px": y, "x_px": x})


def merge_tiles(
    spots: Mapping[str, pd.DataFrame], places: pd.DataFrame, shape: tuple[int, int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put the nuclei of the tiles of a well together, those in overlaps once.

    Two tiles see the same nucleus where the centres of two outlines lie apart by about the
    greater of their radii or less: so a nucleus that a border cuts is still told. The outline
    that lies deepest in its tile is kept.

    Parameters
    ----------
    spots : mapping of str to DataFrame
        By site, as for `cellid.tracking.link.follow`.
    places : DataFrame
        From `place_tiles`.
    shape : (int, int)
        Rows and columns of a tile, pixels.

    Returns
    -------
    spots : DataFrame
        A row a nucleus in a frame, its coordinates those of the canvas, ``label`` its
        number among those of the frame, and ``site`` the tile whose outline was kept.
    sightings : DataFrame
        A row a nucleus in a frame and tile: ``site``, ``frame``, ``label`` as in ``spots``,
        and ``tile_label``, the number in the label image of the tile.
    """
    corner = places.set_index("site")
    nuclei = pd.concat(
        [_place_nuclei(table, site, corner.loc[site], shape) for site, table in spots.items()],
        ignore_index=True,
    )
    kept, place = np.unique(_find_whole(nuclei), return_inverse=True)
    merged = nuclei.iloc[kept].drop(columns="depth_px")
    merged["label"] = merged.groupby("frame").cumcount() + 1
    sightings = pd.DataFrame(
        {
            "site": nuclei["site"],
            "frame": nuclei["frame"],
            "label": merged["label"].to_numpy()[place],
            "tile_label": nuclei["label"],
        }
    )
    return merged.reset_index(drop=True), sightings


def number_tile(tracks: Tracks, sightings: pd.DataFrame, site: str) -> Tracks:
    """Return the tracks of a well as one of its tiles sees them.

    Parameters
    ----------
    tracks : Tracks
        Of the merged spots.
    sightings : DataFrame
        From `merge_tiles`.
    site : str

    Returns
    -------
    Tracks
        The spots that the tile sees; ``label`` is that in its label images, coordinates
        stay those of the canvas.
    """
    seen = sightings.loc[sightings["site"] == site, ["frame", "label", "tile_label"]]
    spots = tracks.spots.merge(seen, on=["frame", "label"]).drop(columns="label")
    return Tracks(spots.rename(columns={"tile_label": "label"}), tracks.lineage)


def _check_tiles(
    images: Mapping[str, NDArray[np.generic]], grid: tuple[int, int]
) -> tuple[int, int]:
    """Return the shape of the tiles."""
    shapes = {image.shape for image in images.values()}
    rows, columns = grid
    if min(grid) < 1 or len(images) != rows * columns:
        raise CellidError(
            "tiles",
            expected=f"{rows}×{columns}, one for each place of the grid",
            got=f"{len(images)}: {', '.join(images)}",
            remedy="give the rows and columns in which the well was taken",
        )
    if len(shapes) > 1 or len(next(iter(shapes))) != 2:
        raise CellidError(
            "tiles",
            expected="images of one size, in one channel",
            got=f"shapes {', '.join(map(str, sorted(shapes)))}",
            remedy="give the tiles of one well, taken with one camera",
        )
    height, width = shapes.pop()
    return height, width


def _measure_offsets(
    tiles: Sequence[NDArray[np.generic]], pairs: Indices, axis: int, shape: tuple[int, int]
) -> Floats:
    """Return how far the second tile of each pair lies from the first, (P, 2); nan if unknown."""
    guesses = [round(share * shape[axis]) for share in _OVERLAPS]
    for overlap_px in [guess for guess in guesses if guess >= _LEAST_STRIP_PX]:
        step = np.zeros(2)
        step[axis] = shape[axis] - overlap_px
        found = _correlate_strips(tiles, pairs, step)
        if 2 * np.isfinite(found[:, 0]).sum() > len(pairs):
            # Once more with strips that overlap wholly, which show more
            again = _correlate_strips(tiles, pairs, np.nanmedian(found, axis=0))
            return np.where(np.isnan(again), found, again)
    raise CellidError(
        "tiles",
        expected=f"neighbours that overlap by {_OVERLAPS[-1]:.0%} to {_OVERLAPS[0]:.0%} of a side",
        got=f"nothing in common in most {('rows', 'columns')[axis]} of tiles",
        remedy="check rows and columns of the grid; tiles are numbered row by row. Tiles that "
        "do not overlap are followed one by one",
    )


def _correlate_strips(tiles: Sequence[NDArray[np.generic]], pairs: Indices, step: Floats) -> Floats:
    """Measure the offset of each pair in the strips that overlap if it were ``step``."""
    step = np.rint(step)
    offsets = np.full((len(pairs), 2), np.nan)
    for pair, (one, other) in enumerate(pairs):
        strip = tiles[one][_overlap(step, tiles[one].shape)]
        reference = RunningReference(strip.shape)
        reference.place(strip)
        shift = reference.place(tiles[other][_overlap(-step, tiles[other].shape)])
        if shift is not None:
            offsets[pair] = step - shift
    return offsets


def _overlap(step: Floats, shape: tuple[int, ...]) -> Window:
    """Return the part of a tile that another one, so far off, shows too."""
    rows, columns = (
        slice(max(int(by), 0), min(side, side + int(by)))
        for by, side in zip(step, shape, strict=True)
    )
    return rows, columns


def _solve(pairs: Indices, offsets: Floats, usual: Floats) -> Floats:
    """Return the places, (N, 2), from which second less first is the offset of most pairs."""
    differences = np.zeros((len(pairs), pairs.max() + 1))
    every = np.arange(len(pairs))
    differences[every, pairs[:, 0]], differences[every, pairs[:, 1]] = -1, 1
    weak = _USUAL_STEP_WEIGHT
    good = np.isfinite(offsets[:, 0])
    while True:
        places: Floats = np.linalg.lstsq(
            np.vstack([differences[good], weak * differences]),
            np.vstack([offsets[good], weak * usual]),
        )[0]
        off_px = np.hypot(*(differences @ places - offsets).T)
        off_px[~good] = 0
        if off_px.max() <= _AGREE_PX:
            return places
        good[off_px.argmax()] = False


def _place_nuclei(
    table: pd.DataFrame, site: str, corner: pd.Series, shape: tuple[int, int]
) -> pd.DataFrame:
    """Return the nuclei of a tile in coordinates of the canvas, and how deep they lie in it."""
    edges = np.array(shape) - 1
    centres = table[["y", "x"]].to_numpy(np.float64)
    moved = {
        f"{axis}{kind}": table[f"{axis}{kind}"] + corner[f"{axis}_px"]
        for axis in ("y", "x")
        for kind in ("", "_stable")
    }
    depth_px = np.minimum(centres, edges - centres).min(axis=1)
    return table.assign(site=site, depth_px=depth_px, **moved)


def _find_whole(nuclei: pd.DataFrame) -> Indices:
    """Return for each nucleus, (N,), the row of the outline of it that lies deepest in a tile."""
    yx = nuclei[["y_stable", "x_stable"]].to_numpy(np.float64)
    frame = nuclei["frame"].to_numpy(np.int64)
    tile, sites = pd.factorize(nuclei["site"])
    reach_px = _REACH * np.sqrt(nuclei["area"].to_numpy(np.float64) / np.pi)
    one, other, distance_px = find_near(yx, frame, yx, frame, reach_px.max(initial=0))
    share = distance_px / np.maximum(reach_px[one], reach_px[other])
    near = (tile[one] < tile[other]) & (share <= 1)
    one, other, share = one[near], other[near], share[near]
    # One to one between any two tiles, for where four meet each may see a piece
    same = choose_pairs(one * len(sites) + tile[other], other * len(sites) + tile[one], 1 - share)
    n = len(nuclei)
    graph = coo_array((np.ones(same.sum()), (one[same], other[same])), shape=(n, n))
    _, nucleus = connected_components(graph, directed=False)
    return np.asarray(nuclei["depth_px"].groupby(nucleus).transform("idxmax"))
