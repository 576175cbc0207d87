"""What is measured on followed time-lapses: growth and divisions by condition and well."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.config import EvaluateSettings
from cellid.evaluation.bootstrap import (
    Interval,
    bootstrap_interval,
    draw_rows,
    percentile_interval,
)

Floats = NDArray[np.float64]

EVERYTHING = "all fields"
"""The condition of fields without a plate map."""

LEVELS = ("condition", "well")
_SEED = 1


@dataclass(frozen=True, eq=False)
class FollowedPlate:
    """Followed time-lapses that are looked at together.

    Attributes
    ----------
    counts : DataFrame
        A row a frame: ``field`` unless `unit` is ``"well"``; ``well``, ``time_h``,
        ``frame``, ``n_nuclei``; where known ``condition``, and the calibrated count
        ``n_calibrated`` with its interval ``n_low``, ``n_high``. The count of a
        frame that could not be used is nan.
    drifts : dict of str to DataFrame
        How the camera moved, by field, a row a frame: ``frame``, ``shift_y_px``,
        ``shift_x_px`` and ``good``.
    pixel_size_um, frame_h : float or None
        Pixel size in µm and hours between frames, of all fields.
    unit : {"field", "well"}
        What was counted and followed as one: a field, or all fields of a well, which
        stand for a field then.
    movies : dict of str to str
        By field, where they lie beside the page.
    unlike : list of str
        Fields with frames unlike the training images, and what is.
    """

    counts: pd.DataFrame
    drifts: dict[str, pd.DataFrame]
    pixel_size_um: float | None = None
    frame_h: float | None = None
    unit: Literal["field", "well"] = "field"
    movies: dict[str, str] = field(default_factory=dict)
    unlike: list[str] = field(default_factory=list)

    @property
    def time_unit(self) -> str:
        """``h``, or ``frame`` where the time between frames is not known."""
        return "frame" if self.frame_h is None else "h"

    @property
    def speed_unit(self) -> str:
        """Such as ``µm/h``."""
        return f"{'px' if self.pixel_size_um is None else 'µm'}/{self.time_unit}"

    @property
    def speed_scale(self) -> float:
        """What turns pixels a frame into `speed_unit`."""
        return (self.pixel_size_um or 1.0) / (self.frame_h or 1.0)

    @property
    def size_column(self) -> str:
        """The column of tables that says how many fields or wells a mean is over."""
        return f"n_{self.unit}s"

    def places(self) -> pd.DataFrame:
        """Return well and condition of each field."""
        return self.tidy_counts().groupby("field", sort=False)[["well", "condition"]].first()

    def tidy_counts(self) -> pd.DataFrame:
        """Return ``field``, ``well``, ``condition``, ``frame``, ``time`` and ``n`` of each frame.

        A field without a well is a well of its own. ``time`` is in `time_unit`, from 0.
        """
        counts = self.counts
        named = pd.DataFrame({"field": counts[self.unit].astype(str), "frame": counts["frame"]})
        known = counts["condition"] if "condition" in counts else pd.Series("", counts.index)
        named["well"] = counts["well"].where(counts["well"].notna(), named["field"]).astype(str)
        named["condition"] = known.fillna("").astype(str).replace("", EVERYTHING)
        time = counts["frame" if self.frame_h is None else "time_h"]
        named["time"] = time - time.min()
        named["n"] = counts["n_calibrated" if "n_calibrated" in counts else "n_nuclei"]
        return named


class Divided(NamedTuple):
    """The divisions of a field, and the nuclei times the frames that they were watched in."""

    n_divisions: int
    watched: int


class Pooled(NamedTuple):
    """The fields of a condition or well: their counts, ``(fields, frames)``, and the times."""

    level: str
    name: str
    counts: Floats
    frames: NDArray[np.int64]
    times: Floats


def pool_fields(plate: FollowedPlate) -> Iterator[Pooled]:
    """Yield the fields of every condition, then those of every well.

    A count that is missing between two others of its field is interpolated.
    """
    counts = plate.tidy_counts()
    for level in LEVELS:
        for name, rows in counts.groupby(level, sort=False):
            table = rows.pivot(index="field", columns="frame", values="n")
            # Left out, a field of few nuclei would make the mean of the others jump
            table = table.interpolate(axis=1, limit_area="inside")
            times = rows.groupby("frame")["time"].first()
            yield Pooled(
                level,
                str(name),
                table.to_numpy(np.float64),
                times.index.to_numpy(np.int64),
                times.to_numpy(np.float64),
            )


def measure_growth(plate: FollowedPlate, settings: EvaluateSettings) -> pd.DataFrame:
    """Return the mean number of nuclei a field by time, with its interval over fields.

    Returns
    -------
    DataFrame
        ``level`` (condition or well), ``name``, the plate's `size_column`, ``frame``,
        ``time`` in the plate's `time_unit`, ``mean``, ``low`` and ``high``;
        these are nan for one.
    """
    rows = []
    for pooled in pool_fields(plate):
        means = _resample_means(pooled.counts, settings.bootstrap_samples)
        for column, frame in enumerate(pooled.frames):
            interval = percentile_interval(
                float(means[0, column]), means[1:, column], settings.confidence
            )
            place = (pooled.level, pooled.name, len(pooled.counts), frame, pooled.times[column])
            rows.append((*place, *interval))
    columns = ("level", "name", plate.size_column, "frame", "time", "mean", "low", "high")
    return pd.DataFrame(rows, columns=list(columns))


def measure_rates(
    plate: FollowedPlate, divided: Mapping[str, Divided], settings: EvaluateSettings
) -> pd.DataFrame:
    """Return how fast the nuclei of each condition and well become more, and divide.

    The growth rate r is the slope of the least-squares line through ln N over time, N
    being the mean number of nuclei a field, frames without any left out; the doubling
    time is ln 2 / r. Divisions are counted by nucleus and time that it was watched.
    Intervals are over fields.

    Parameters
    ----------
    plate : FollowedPlate
    divided : mapping of str to Divided
        By field; one may be counted and not followed.
    settings : EvaluateSettings

    Returns
    -------
    DataFrame
        ``level``, ``name``, the plate's `size_column`, ``first`` and ``last`` mean count,
        and each of ``growth``, ``doubling`` and ``divisions`` with ``_low`` and ``_high``,
        in the plate's `time_unit` and per it; a doubling time is nan where nothing grows.
    """
    places = plate.places()
    hours = plate.frame_h or 1.0
    rows = []
    for pooled in pool_fields(plate):
        means = _resample_means(pooled.counts, settings.bootstrap_samples)
        slopes = _fit_log_slopes(means, pooled.times)
        growth = percentile_interval(float(slopes[0]), slopes[1:], settings.confidence)
        # The faster the growth, the sooner it doubles
        doubling = Interval(*(_doubling(growth[place]) for place in (0, 2, 1)))
        members = places.index[places[pooled.level] == pooled.name]
        watched = [divided[name] for name in members if name in divided]
        divisions = Interval(math.nan, math.nan, math.nan)
        if watched:
            divisions = bootstrap_interval(
                watched,
                lambda fields: _division_rate(fields) / hours,
                n_samples=settings.bootstrap_samples,
                confidence=settings.confidence,
                seed=_SEED,
            )
        seen = means[0][~np.isnan(means[0])]
        row: dict[str, object] = {
            "level": pooled.level,
            "name": pooled.name,
            plate.size_column: len(pooled.counts),
            "first": seen[0] if seen.size else math.nan,
            "last": seen[-1] if seen.size else math.nan,
        }
        named = {"growth": growth, "doubling": doubling, "divisions": divisions}
        for name, interval in named.items():
            row |= {
                name: interval.estimate,
                f"{name}_low": interval.low,
                f"{name}_high": interval.high,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def _resample_means(counts: Floats, n_samples: int) -> Floats:
    """Return the mean over the fields that were seen, then those of bootstrap samples of fields."""
    n_fields = len(counts)
    drawn = draw_rows(n_fields, n_samples, _SEED)
    times_drawn = np.zeros((len(drawn), n_fields))
    np.add.at(times_drawn, (np.arange(len(drawn))[:, None], drawn), 1)
    weights = np.vstack([np.ones(n_fields), times_drawn])
    seen = ~np.isnan(counts)
    with np.errstate(invalid="ignore"):
        return np.asarray((weights @ np.where(seen, counts, 0)) / (weights @ seen))


def _fit_log_slopes(means: Floats, times: Floats) -> Floats:
    """Return the slope of the line through ln(mean) by time of each row; nan for one time."""
    used = means > 0
    # Over the most, or what stays the same would seem to grow by a rounding error
    most = np.where(used, means, 0).max(axis=1, keepdims=True, initial=0)
    heights = np.log(np.divide(means, most, out=np.ones_like(means), where=used))
    with np.errstate(invalid="ignore"):
        n = used.sum(1, keepdims=True)
        late = np.where(used, times - (used @ times)[:, None] / n, 0)
        return np.asarray((late * heights).sum(1) / (late**2).sum(1))


def _doubling(rate: float) -> float:
    return math.log(2) / rate if rate > 0 else math.nan


def _division_rate(fields: Sequence[Divided]) -> float:
    divisions, watched = map(sum, zip(*fields, strict=True))
    return divisions / watched if watched else math.nan
