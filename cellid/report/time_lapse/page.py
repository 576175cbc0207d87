"""The page of followed time-lapses, and the tables beside it."""

import math
from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellid.config import EvaluateSettings
from cellid.io.writers import write_table, write_text
from cellid.report.figures import DARK, LIGHT, Theme, encode_figure
from cellid.report.markup import (
    Cell,
    count,
    make_list,
    make_table,
    show_figure,
    text_cell,
    value_cell,
)
from cellid.report.page import make_page
from cellid.report.time_lapse.figures import (
    draw_drift,
    draw_growth,
    draw_lineages,
    draw_speeds,
)
from cellid.report.time_lapse.measures import (
    LEVELS,
    FollowedPlate,
    measure_growth,
    measure_rates,
)
from cellid.report.time_lapse.summary import SpeedQuantiles, TracksSummary, summarise_tracks
from cellid.types import Tracks

PAGE = "tracks.html"

_TIMES = {"h": "h", "frame": "frames"}
_BAD_NAMED = 6  # bad frames of a field, before dots
_NOTHING = "<p>Nothing to show: {}.</p>"
_GROWTH_NOTE = """
<p class=note>Mean number of nuclei a {unit}. Bands and brackets: {confidence:.0%} bootstrap
interval over {unit}s (Efron and Tibshirani 1993). {shared}{single}The growth rate r is the slope of
the least-squares line through ln N over all times, and the doubling time ln 2 / r: it holds where
the curve is straight.</p>
"""
_SHARED = (
    "Fields of one well share its fate, so it is too narrow for what another well would show. "
)
_SINGLE = "Where there is one {}, nothing tells how far another would differ: no interval. "
_JOINT = (
    "<p>The fields of a well overlap and were followed together: who leaves one keeps its number "
    "in the next, and nuclei in overlaps are counted once. Numbers are of whole wells.</p>"
)
_UNLIKE = (
    "<p>Frames unlike the training images, and by how many of their standard deviations: look at "
    "the outlines there before you trust the counts.</p>"
)
_SPEED_NOTE = """
<p class=note>The way of a nucleus from frame to frame, camera shifts taken out, over the time;
nuclei seen in fewer than four frames are left out. Longer gaps between frames miss detours, and
errors of position count as way: compare only what was taken at one interval.</p>"""
_DIVISION_NOTE = """
<p class=note>Divisions that were followed, by nucleus and time that it was watched. Divisions
missed and nuclei entering the field make this lower than the growth rate; deaths and nuclei
leaving make it higher.</p>"""
_MOVIE_NOTE = """
<p class=note>A track keeps its colour; of seven, so that others have it too. The files lie in the
folders of the fields beside this page; sent alone, it shows all but them.</p>"""
_DRIFT_NOTE = """
<p class=note>Where what lies still is seen, against the first frame, by phase correlation with a
running mean. A cross is a frame that showed nothing or something else: its shift is interpolated.
Where nothing lies still, the shift is unknown or that of groups of cells.</p>"""


def write_time_lapse_report(
    plate: FollowedPlate,
    tracks: Iterable[tuple[str, Tracks]],
    out: Path,
    settings: EvaluateSettings,
    facts: dict[str, str],
) -> Path:
    """Write `tracks.html`, and beside it `growth.csv`, `rates.csv` and `speeds.csv`.

    Parameters
    ----------
    plate : FollowedPlate
    tracks : iterable of (str, Tracks)
        Names of fields, and what was followed in each; those of one field are held at a
        time. A field may be counted and not followed.
    out : Path
        Folder to write to; files of these names are replaced.
    settings : EvaluateSettings
        Of the intervals.
    facts : dict of str to str
        Where the tracks come from, shown as it is.

    Returns
    -------
    Path
        `tracks.html`, which needs no network, and no other file but the movies.
    """
    summary = summarise_tracks(plate, tracks, out / "speeds.csv")
    growth = measure_growth(plate, settings)
    rates = measure_rates(plate, summary.divided, settings)
    for name, table in (("growth", growth), ("rates", rates)):
        write_table(out / f"{name}.csv", table)
    sections = {
        "Summary": _write_summary(plate, rates, summary.speeds),
        "Growth": _write_growth(plate, growth, rates, settings),
        "Speed": _write_speeds(plate, summary.speeds),
        "Divisions": _write_divisions(plate, rates),
        "Lineage": _write_lineages(plate, summary),
        "Movies": _write_movies(plate),
        "Drift": _write_drift(plate),
        "Provenance": make_list(facts),
    }
    title = "Growth curves and tracks"
    page = make_page(title, f"Time-lapses of {_describe_size(plate)}", sections)
    write_text(out / PAGE, page)
    return out / PAGE


def _write_summary(
    plate: FollowedPlate, rates: pd.DataFrame, speeds: Mapping[str, SpeedQuantiles]
) -> str:
    counts = plate.tidy_counts()
    n_followed = sum(map(len, speeds.values()))
    lost = int(counts["n"].isna().sum())
    text = (
        f"<p>{_describe_size(plate)}, {count(len(counts), 'frame')} over "
        f"{counts['time'].max():,.4g} {_TIMES[plate.time_unit]}; "
        f"{count(n_followed, 'nucleus', 'nuclei')} followed for at least four frames.</p>"
    )
    if plate.unit == "well":
        text += _JOINT
    if lost:
        text += (
            f"<p>Could not be used, and interpolated between others: {count(lost, 'frame')}.</p>"
        )
    if plate.unlike:
        items = "".join(f"<li>{escape(line)}</li>" for line in plate.unlike)
        text += f"{_UNLIKE}<ul>{items}</ul>"
    if "n_calibrated" in plate.counts:
        text += _describe_calibration(plate.counts)
    items = "".join(
        f"<li>{escape(_describe_condition(row, speeds, plate))}</li>"
        for row in rates[rates["level"] == "condition"].to_dict("records")
    )
    return f"{text}<ul>{items}</ul>"


def _describe_condition(
    row: dict[str, float], speeds: Mapping[str, SpeedQuantiles], plate: FollowedPlate
) -> str:
    """Return a sentence on growth and speed of one condition."""
    unit = plate.time_unit
    text = f"{row['name']} ({count(int(row[plate.size_column]), plate.unit)}): "
    text += f"{row['first']:,.0f} nuclei a {plate.unit} become {row['last']:,.0f}; "
    if math.isnan(row["doubling"]):
        text += "their number does not grow"
    else:
        text += f"their number doubles in {_show_number(row['doubling'])} {_TIMES[unit]}"
        if not math.isnan(row["growth_low"]):
            limits = _show_range(row["doubling_low"], row["doubling_high"])
            text += f" ({limits})"
    if own := speeds.get(str(row["name"])):
        text += f"; the median nucleus moves {own.quantile(0.5):.3g} {plate.speed_unit}"
    return f"{text}."


def _describe_calibration(counts: pd.DataFrame) -> str:
    found = counts.loc[counts["n_nuclei"] > 0]
    if found.empty:
        return ""
    low, middle, high = (
        found[name].sum() / found["n_nuclei"].sum() for name in ("n_low", "n_calibrated", "n_high")
    )
    return (
        f"<p>Counts are calibrated: for each nucleus found, {middle:.2f} were labelled on stained "
        f"test fields ({low:.2f} to {high:.2f}). That uncertainty moves all curves together, up or "
        "down, and leaves doubling times as they are.</p>"
    )


def _write_growth(
    plate: FollowedPlate, growth: pd.DataFrame, rates: pd.DataFrame, settings: EvaluateSettings
) -> str:
    counts = plate.tidy_counts()
    conditions = counts.groupby("well", sort=False)["condition"].first().to_dict()
    unit = plate.time_unit
    figure = _show(
        lambda theme: draw_growth(growth, conditions, plate.unit, unit, theme), "Nuclei by time"
    )
    wells = rates[rates["level"] == "well"]
    note = _GROWTH_NOTE.format(
        unit=plate.unit,
        confidence=settings.confidence,
        shared=_SHARED if plate.unit == "field" else "",
        single=_SINGLE.format(plate.unit) if (rates[plate.size_column] == 1).any() else "",
    )
    return (
        figure
        + _tabulate_growth(rates[rates["level"] == "condition"], plate)
        + f"<details><summary>Every well</summary>{_tabulate_growth(wells, plate)}</details>"
        + note
    )


def _tabulate_growth(rates: pd.DataFrame, plate: FollowedPlate) -> str:
    unit = plate.time_unit
    rows = [
        [
            text_cell(row["name"]),
            value_cell(row[plate.size_column], ",.0f"),
            value_cell(row["first"], ",.1f"),
            value_cell(row["last"], ",.1f"),
            _interval_cell(row, "doubling"),
            _interval_cell(row, "growth"),
        ]
        for row in rates.to_dict("records")
    ]
    heads = (f"{plate.unit.capitalize()}s", "Nuclei at first", "Nuclei at last")
    measured = (f"Doubling time ({unit})", f"Growth rate (per {unit})")
    return make_table([str(rates["level"].iloc[0]).capitalize(), *heads, *measured], [("", rows)])


def _write_speeds(plate: FollowedPlate, speeds: Mapping[str, SpeedQuantiles]) -> str:
    if not speeds:
        return _NOTHING.format("no nucleus was followed for four frames")
    unit = plate.speed_unit
    rows = [
        [
            text_cell(name),
            value_cell(len(speed), ",.0f"),
            *(value_cell(speed.quantile(share), ".3g") for share in (0.05, 0.25, 0.5, 0.75, 0.95)),
        ]
        for name, speed in speeds.items()
    ]
    heads = ("Condition", "Nuclei", "5 %", "25 %", f"Median ({unit})", "75 %", "95 %")
    figure = _show(lambda theme: draw_speeds(speeds, unit, theme), "Speeds by condition")
    return figure + make_table(heads, [("", rows)]) + _SPEED_NOTE


def _write_divisions(plate: FollowedPlate, rates: pd.DataFrame) -> str:
    unit = plate.time_unit
    groups = [
        (
            f"By {level}",
            [
                [
                    text_cell(row["name"]),
                    _interval_cell(row, "divisions"),
                    _interval_cell(row, "growth"),
                ]
                for row in rates[rates["level"] == level].to_dict("records")
            ],
        )
        for level in LEVELS
    ]
    heads = ("", f"Divisions per nucleus and {unit}", f"Growth rate (per {unit})")
    return make_table(heads, groups) + _DIVISION_NOTE


def _write_lineages(plate: FollowedPlate, summary: TracksSummary) -> str:
    families = summary.families
    if not families:
        return _NOTHING.format("no nucleus was seen to divide")
    step, unit = plate.frame_h or 1.0, plate.time_unit
    return (
        f"<p>The {count(len(families), 'largest family', 'largest families')}.</p>"
        + _show(lambda theme: draw_lineages(families, step, unit, theme), "Family trees")
        + "<p class=note>A line is a nucleus from when it is first seen to when it is last seen; "
        "it ends where it divides, dies, leaves or is lost.</p>"
    )


def _write_drift(plate: FollowedPlate) -> str:
    if not plate.drifts:
        return _NOTHING.format("no field was followed")
    step, unit = plate.frame_h or 1.0, plate.time_unit
    figure = _show(lambda theme: draw_drift(plate.drifts, step, unit, theme), "Camera shifts")
    rows = []
    for name, drift in plate.drifts.items():
        shifts = drift[["shift_y_px", "shift_x_px"]].to_numpy()
        bad = drift.loc[~drift["good"], "frame"]
        shown = ", ".join(map(str, bad[:_BAD_NAMED])) + (" …" if len(bad) > _BAD_NAMED else "")
        farthest = float(np.hypot(*shifts.T).max(initial=0.0))
        rows.append(
            [
                text_cell(name),
                value_cell(farthest, ".1f"),
                value_cell(len(bad), ".0f"),
                text_cell(shown),
            ]
        )
    table = make_table(("Field", "Farthest (px)", "Bad frames", "Which"), [("", rows)])
    return f"{figure}<details><summary>Every field</summary>{table}</details>{_DRIFT_NOTE}"


def _write_movies(plate: FollowedPlate) -> str:
    if not plate.movies:
        return _NOTHING.format("no movie was written")
    # Those of a plate together would be too much to load
    first, *others = (
        f"<figure><video controls preload={'none' if number else 'metadata'} "
        f'src="{quote(place)}"></video><figcaption>{escape(name)}</figcaption></figure>'
        for number, (name, place) in enumerate(plate.movies.items())
    )
    folded = f"<details><summary>Every field</summary>{''.join(others)}</details>" if others else ""
    return first + folded + _MOVIE_NOTE


def _show(draw: Callable[[Theme], Figure], description: str) -> str:
    light, dark = (encode_figure(draw(theme)) for theme in (LIGHT, DARK))
    return show_figure(light, dark, description)


def _describe_size(plate: FollowedPlate) -> str:
    counts = plate.tidy_counts()
    n_fields, n_wells, n_conditions = (
        count(counts[level].nunique(), level) for level in ("field", "well", "condition")
    )
    size = f"{n_wells}, {n_conditions}"
    return f"{n_fields} in {size}" if plate.unit == "field" else size


def _interval_cell(row: Mapping[str, float], name: str) -> Cell:
    value, low, high = (row[key] for key in (name, f"{name}_low", f"{name}_high"))
    shown = f"<b>{_show_number(value)}</b>"
    if not math.isnan(low) or not math.isnan(high):
        shown += f"<small>{_show_range(low, high)}</small>"
    return Cell(shown, value)


def _show_range(low: float, high: float) -> str:
    """Return an interval as text; a doubling time without an upper limit may be endless."""
    return f"{_show_number(low)} to {'any' if math.isnan(high) else _show_number(high)}"


def _show_number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
