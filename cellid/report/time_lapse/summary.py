"""What is kept of tracks, which are read field by field and let go."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from cellid.io.writers import replacing
from cellid.report.time_lapse.lineage import Family, find_families
from cellid.report.time_lapse.measures import Divided, FollowedPlate
from cellid.types import Tracks

_FAMILIES = 6  # trees that a page has room for
_LEAST_STEPS = 3  # a track of fewer says little about how fast a nucleus is
_BASE = math.log(1.01)  # of the bins of speed: a quantile is right to half a per cent
_STILL = -math.inf  # the bin of what does not move
_SPEEDS = ["field", "well", "condition", "track", "n_steps", "speed"]


@dataclass(frozen=True, eq=False)
class SpeedQuantiles:
    """Quantiles of any number of speeds in constant memory: they are counted in bins.

    References
    ----------
    Masson et al., DDSketch: a fast and fully-mergeable quantile sketch with relative-error
    guarantees, PVLDB 12(12):2195, 2019: bins as wide as they are high.
    """

    _bins: Counter[float] = field(default_factory=Counter)

    def __len__(self) -> int:
        return self._bins.total()

    def add(self, speeds: pd.Series) -> None:
        """Count speeds, which are 0 or more."""
        moved = speeds.to_numpy(np.float64)
        bins = np.full(moved.size, _STILL)
        np.log(moved, where=moved > 0, out=bins)
        numbers, counts = np.unique(np.rint(bins / _BASE), return_counts=True)
        self._bins.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))

    def quantile(self, share: float) -> float:
        """Return the speed that ``share`` of all do not exceed; there must be one."""
        numbers = sorted(self._bins)
        below = np.cumsum([self._bins[number] for number in numbers])
        place = np.searchsorted(below, share * (below[-1] - 1), side="right")
        return math.exp(numbers[place] * _BASE)


@dataclass(frozen=True, eq=False)
class TracksSummary:
    """What a page shows of the tracks of all fields.

    Attributes
    ----------
    divided : dict of str to Divided
        By field.
    speeds : dict of str to SpeedQuantiles
        By condition, in the plate's `speed_unit`.
    families : list of Family
        The largest, in descending order.
    """

    divided: dict[str, Divided]
    speeds: dict[str, SpeedQuantiles]
    families: list[Family]


def summarise_tracks(
    plate: FollowedPlate, tracks: Iterable[tuple[str, Tracks]], speeds_file: Path
) -> TracksSummary:
    """Sum up tracks and write the speed of each; those of one field are held at a time.

    Parameters
    ----------
    plate : FollowedPlate
    tracks : iterable of (str, Tracks)
        Names of fields, and what was followed in each.
    speeds_file : Path
        CSV that gets ``field``, ``well``, ``condition`` and the columns of `measure_speeds`.
    """
    places = plate.places()
    summary = TracksSummary({}, {}, [])
    with replacing(speeds_file) as temporary, temporary.open("w", newline="") as file:
        pd.DataFrame(columns=_SPEEDS).to_csv(file, index=False, lineterminator="\n")
        for name, of_field in tracks:
            speeds = measure_speeds(of_field, plate.speed_scale)
            if len(speeds):
                condition = places.at[name, "condition"]
                summary.speeds.setdefault(condition, SpeedQuantiles()).add(speeds["speed"])
                rows = speeds.assign(field=name, well=places.at[name, "well"], condition=condition)
                rows[_SPEEDS].to_csv(file, header=False, index=False, lineterminator="\n")
            summary.divided[name] = count_divisions(of_field)
            summary.families.extend(find_families(name, of_field, _FAMILIES))
            summary.families.sort(key=lambda family: len(family.lines), reverse=True)
            del summary.families[_FAMILIES:]
    return summary


def measure_speeds(tracks: Tracks, scale: float) -> pd.DataFrame:
    """Return the mean speed of every nucleus that was followed for at least three steps.

    Parameters
    ----------
    tracks : Tracks
    scale : float
        Pixels a frame to the unit of speed.

    Returns
    -------
    DataFrame
        ``track``, ``n_steps`` and ``speed``: the way from frame to frame with the drift
        taken out, over the time.
    """
    spots = tracks.spots[["track", "frame", "y_stable", "x_stable"]]
    steps = spots.groupby("track").diff().assign(track=spots["track"]).dropna()
    steps["way"] = np.hypot(steps["y_stable"], steps["x_stable"])
    table = steps.groupby("track").agg(
        n_steps=("way", "size"), way=("way", "sum"), frames=("frame", "sum")
    )
    table = table[table["n_steps"] >= _LEAST_STEPS].reset_index()
    table["speed"] = table["way"] / table["frames"] * scale
    return table[["track", "n_steps", "speed"]]


def count_divisions(tracks: Tracks) -> Divided:
    """Return how many nuclei were seen to divide, and how long nuclei were watched."""
    parents, frame = tracks.lineage["parent"], tracks.spots["frame"]
    # What is in the last frame is not seen to divide
    return Divided(parents[parents > 0].nunique(), int((frame < frame.max()).sum()))
