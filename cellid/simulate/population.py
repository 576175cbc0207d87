"""The cells of one tile: where they lie, how they crawl, round up and divide.

Positions are in µm on a plate region that is wider than the image by `MARGIN_UM`
on each side, so that cells enter and leave; the stage's drift is not in them.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cellid.config import SimulateSettings

MARGIN_UM = 90.0
TIPS = 5
RESPREAD_H = 0.8  # time constant of the daughters' flattening (Cramer & Mitchison 1995)

CELL = np.dtype(
    [
        ("id", np.int64),
        ("parent", np.int64),
        ("y", np.float64),
        ("x", np.float64),
        ("vy", np.float64),
        ("vx", np.float64),
        ("axis", np.float64),  # radians from the x axis
        ("bend", np.float64),  # radians a 100 µm along a process
        ("age_h", np.float64),
        ("cycle_h", np.float64),
        ("volume", np.float64),  # share of the settings' volume
        ("area", np.float64),  # share of a typical nucleus's area
        ("aspect", np.float64),
        ("tip_angle", np.float64, TIPS),  # from the axis
        ("tip_reach", np.float64, TIPS),  # µm
        ("tip_width", np.float64, TIPS),  # µm
        ("tip_free", np.bool_, TIPS),  # this process may crawl over neighbours
        ("fullness", np.float64),  # of the bays between processes, 0 to 1
        ("spacing", np.float64),  # room kept from neighbours, below 1 nuclei touch
        ("stained", np.bool_),
        ("brightness", np.float64),
        ("bleed", np.float64),
        ("focus", np.int64),  # 0 sharp, 1 soft, 2 far out
        ("seed", np.int64),
    ]
)
Cells = NDArray[np.void]


def initial_cells(settings: SimulateSettings, rng: np.random.Generator) -> Cells:
    """Return the cells of a tile at its first time.

    Groups follow a Neyman-Scott process (Neyman & Scott 1958): centres at random,
    members spread normally around them. Ages follow the distribution of a growing
    culture, density 2 ln2 · 2^(-age/cycle) (Powell 1956).

    Parameters
    ----------
    settings : SimulateSettings
    rng : numpy.random.Generator
        The tile's own stream.

    Returns
    -------
    (N,) structured array of `CELL`
    """
    height, width = region_um(settings)
    count = int(rng.poisson(settings.cells_per_mm2 * height * width * 1e-6))
    cells = np.zeros(count, CELL)
    if not count:
        return cells
    cells["y"], cells["x"] = rng.uniform((0, 0), (height, width), (count, 2)).T
    grouped = np.flatnonzero(rng.random(count) < settings.clustering)
    centres = rng.uniform((0, 0), (height, width), (max(1, grouped.size // 9), 2))
    home = centres[rng.integers(len(centres), size=grouped.size)]
    home += rng.normal(0, 60.0, home.shape)
    cells["y"][grouped], cells["x"][grouped] = home[:, 0] % height, home[:, 1] % width
    cells["id"] = np.arange(1, count + 1)
    direction = rng.uniform(0, 2 * np.pi, count)
    _give_speed(cells, direction, settings)
    # Fibroblasts align with their neighbours: a slowly turning field of directions.
    waves = rng.normal(0, 2 * np.pi / 900.0, (3, 2))
    turn = np.sin(
        cells["y"][:, None] * waves[:, 0] + cells["x"][:, None] * waves[:, 1] + rng.uniform(0, 6, 3)
    )
    cells["axis"] = turn.sum(1) + rng.normal(0, 0.5, count)
    _draw_body(cells, settings, rng)
    cells["cycle_h"] = settings.cycle_h * rng.lognormal(0, 0.12, count)
    cells["age_h"] = cells["cycle_h"] * -np.log2(1 - rng.random(count) / 2)
    cells["spacing"] = np.where(rng.random(count) < 0.3, 0.88, rng.uniform(1.3, 2.2, count))
    cells["volume"] = rng.lognormal(0, 0.22, count)
    cells["area"] = rng.lognormal(0, 0.18, count)
    cells["aspect"] = np.clip(rng.normal(1.38, 0.2, count), 1.02, 2.0)
    cells["stained"] = rng.random(count) >= settings.dye_negative
    spread = np.sqrt(np.log1p(settings.brightness_cv**2))
    cells["brightness"] = rng.lognormal(-(spread**2) / 2, spread, count)
    leaking = rng.random(count) < settings.bleed_through
    cells["bleed"] = np.where(leaking, rng.uniform(0.1, 0.35, count), rng.uniform(0, 0.025, count))
    blur = rng.random(count)
    cells["focus"] = (blur < settings.out_of_focus).astype(int) + (blur < settings.out_of_focus / 3)
    cells["seed"] = rng.integers(2**31, size=count)
    return _relax(cells, settings)


def advance_cells(
    cells: Cells, next_id: int, settings: SimulateSettings, rng: np.random.Generator
) -> tuple[Cells, int]:
    """Return the cells one interval later and the next free number.

    Velocity is an Ornstein-Uhlenbeck process, the persistent random walk of
    crawling fibroblasts (Gail & Boone 1970); rounded cells rest. A cell past
    its cycle is replaced by two daughters lying across its spindle.

    Parameters
    ----------
    cells : (N,) structured array of `CELL`
        As they are now; not changed.
    next_id : int
        First unused cell number.
    settings : SimulateSettings
    rng : numpy.random.Generator

    Returns
    -------
    (M,) structured array of `CELL`, int
    """
    cells = cells.copy()
    hours = settings.interval_min / 60
    keep = np.exp(-hours / settings.persistence_h)
    kick = settings.speed_um_h / np.sqrt(2) * np.sqrt(1 - keep**2)
    # Mean and variance of the distance gone in the interval (Gillespie 1996, eq. 2.9-2.10).
    travel = settings.persistence_h * (1 - keep)
    spread = 2 * hours / settings.persistence_h - 3 + 4 * keep - keep**2
    wander = settings.speed_um_h / np.sqrt(2) * settings.persistence_h * np.sqrt(spread)
    moving = np.where(is_rounded(cells, settings), 0.1, 1.0)
    for place, speed in (("y", "vy"), ("x", "vx")):
        cells[place] += moving * (cells[speed] * travel + rng.normal(0, wander, len(cells)))
        cells[speed] = keep * cells[speed] + rng.normal(0, kick, len(cells))
    heading = np.arctan2(cells["vy"], cells["vx"])
    pull = 1 - np.exp(-hours / 6.0)  # the axis follows the path within hours
    cells["axis"] += pull * 0.5 * np.sin(2 * (heading - cells["axis"]))
    cells["axis"] += rng.normal(0, 0.12 * np.sqrt(hours), len(cells))
    _redraw_tips(cells, settings, rng)
    cells["age_h"] += hours
    dividing = cells["age_h"] >= cells["cycle_h"]
    daughters = _divide(cells[dividing], next_id, settings, rng)
    cells = np.concatenate([cells[~dividing], daughters])
    height, width = region_um(settings)
    inside = (cells["y"] >= 0) & (cells["y"] < height) & (cells["x"] >= 0) & (cells["x"] < width)
    return _relax(cells[inside], settings), next_id + len(daughters)


def region_um(settings: SimulateSettings) -> tuple[float, float]:
    """Return height and width of the simulated region, image and margins, in µm."""
    step = settings.pixel_size_um
    return (
        settings.height_px * step + 2 * MARGIN_UM,
        settings.width_px * step + 2 * MARGIN_UM,
    )


def is_rounded(cells: Cells, settings: SimulateSettings) -> NDArray[np.bool_]:
    """Return which cells have rounded up to divide: ``(N,)`` bool."""
    return np.asarray(cells["age_h"] >= cells["cycle_h"] - settings.mitosis_h)


def spreading(cells: Cells, settings: SimulateSettings) -> NDArray[np.float64]:
    """Return how far each cell has flattened, 0 a sphere and 1 spread: ``(N,)``."""
    young = 1 - np.exp(-(cells["age_h"] + 0.1) / RESPREAD_H)
    return np.where(is_rounded(cells, settings), 0.0, young)


def nucleus_radius_um(cells: Cells, settings: SimulateSettings) -> NDArray[np.float64]:
    """Return the radius of the circle of each nucleus's area, µm: ``(N,)``.

    The area grows by half through the cycle; it starts small, as the daughters'
    chromatin unfolds.
    """
    phase = np.clip(cells["age_h"] / cells["cycle_h"], 0, 1)
    unfolded = 1 - 0.5 * np.exp(-cells["age_h"] / RESPREAD_H)
    area = cells["area"] * (0.82 + 0.41 * phase) * unfolded
    return np.asarray(settings.nucleus_diameter_um / 2 * np.sqrt(area))


def _divide(
    mothers: Cells, next_id: int, settings: SimulateSettings, rng: np.random.Generator
) -> Cells:
    daughters = np.repeat(mothers, 2)
    count = len(daughters)
    if not count:
        return daughters
    daughters["parent"] = np.repeat(mothers["id"], 2)
    daughters["id"] = next_id + np.arange(count)
    late = np.repeat(mothers["age_h"] - mothers["cycle_h"], 2)
    daughters["age_h"] = late
    daughters["cycle_h"] = settings.cycle_h * rng.lognormal(0, 0.12, count)
    side = np.tile([1.0, -1.0], len(mothers))
    gap = 0.5 * settings.nucleus_diameter_um * (1 + 0.3 * late)
    across = daughters["axis"] + np.pi / 2
    daughters["y"] += side * gap * np.sin(across)
    daughters["x"] += side * gap * np.cos(across)
    _give_speed(daughters, across + np.where(side > 0, 0, np.pi), settings)
    _draw_body(daughters, settings, rng)
    daughters["volume"] = np.repeat(rng.lognormal(0, 0.2, len(mothers)), 2)
    daughters["seed"] = rng.integers(2**31, size=count)
    return daughters


def _give_speed(cells: Cells, direction: NDArray[np.float64], settings: SimulateSettings) -> None:
    cells["vy"] = settings.speed_um_h / np.sqrt(2) * np.sin(direction)
    cells["vx"] = settings.speed_um_h / np.sqrt(2) * np.cos(direction)


def _draw_body(cells: Cells, settings: SimulateSettings, rng: np.random.Generator) -> None:
    """Draw the processes: two opposite for a spindle, three to five for a spread cell."""
    count = len(cells)
    spindle = rng.random(count) < settings.elongation
    number = np.where(
        spindle, rng.integers(2, 4, count), rng.choice((3, 4, 5), count, p=(0.5, 0.35, 0.15))
    )
    turn = 2 * np.pi / number
    angle = np.arange(TIPS) * turn[:, None] + rng.normal(0, 0.17, (count, TIPS)) * turn[:, None]
    third = spindle & (number == 3)
    angle[third, 1] = (
        np.pi * rng.choice([-1, 1], third.sum()) * rng.uniform(0.25, 0.75, third.sum())
    )
    angle[third, 2] = np.pi + rng.normal(0, 0.15, third.sum())
    cells["tip_angle"] = angle
    reach = settings.reach_um * rng.lognormal(0, 0.4, (count, TIPS))
    reach *= np.where(spindle, rng.uniform(0.9, 2.1, count), rng.uniform(0.5, 1.5, count))[:, None]
    reach[third, 1] *= 0.45
    reach[np.arange(TIPS) >= number[:, None]] = 0.0
    slim = np.where(spindle, 1.5, 4.0)[:, None]
    cells["tip_width"] = slim * rng.lognormal(0, 0.8, (count, TIPS))
    tailed = spindle & (rng.random(count) < 0.45)  # a long thin tail that did not yet let go
    reach[tailed, 0] *= 1.6
    cells["tip_width"][tailed, 0] = 1.0
    leading = ~tailed & (rng.random(count) < 0.35)  # one broad lamella that leads the way
    cells["tip_width"][leading, 0] = rng.uniform(15, 40, leading.sum())
    cells["tip_reach"] = reach
    cells["tip_free"] = rng.random((count, TIPS)) < 0.15
    cells["bend"] = rng.normal(0, 0.35, count)
    cells["fullness"] = np.where(spindle, rng.uniform(0, 0.25, count), rng.uniform(0.3, 1.0, count))


def _redraw_tips(cells: Cells, settings: SimulateSettings, rng: np.random.Generator) -> None:
    """Let processes grow, shrink and swing, so that shapes change but last for hours."""
    change = np.sqrt(1 - np.exp(-settings.interval_min / 480))
    shape = cells["tip_reach"].shape
    cells["tip_reach"] *= rng.lognormal(0, 0.35 * change, shape)
    np.clip(cells["tip_reach"], 0, 3.5 * settings.reach_um, out=cells["tip_reach"])
    cells["tip_angle"] += rng.normal(0, 0.3 * change, shape)
    cells["bend"] += rng.normal(0, 0.3 * change, len(cells))


def _relax(cells: Cells, settings: SimulateSettings) -> Cells:
    """Push cells apart to the room they keep; nuclei of a monolayer at most touch."""
    if len(cells) < 2:
        return cells
    radius = nucleus_radius_um(cells, settings) * cells["spacing"]
    place = np.stack([cells["y"], cells["x"]], 1)
    for _ in range(25):
        tree = cKDTree(place)
        pairs = tree.query_pairs(2.0 * float(radius.max()), output_type="ndarray")
        if not len(pairs):
            break
        first, second = pairs.T
        apart = place[second] - place[first]
        gap = np.maximum(np.hypot(*apart.T), 1e-3)
        excess = radius[first] + radius[second] - gap
        close = excess > 0.02 * settings.nucleus_diameter_um
        if not close.any():
            break
        push = (0.5 * excess[close] / gap[close])[:, None] * apart[close]
        np.add.at(place, first[close], -push)
        np.add.at(place, second[close], push)
    cells["y"], cells["x"] = place.T
    return cells
