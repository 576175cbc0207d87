"""A trained run on time-lapses: nuclei found, counted and followed."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from cellid.config import InputSettings, TrackOutputSettings, TrackSettings
from cellid.errors import CellidError, DiskFullError
from cellid.evaluation.bootstrap import Interval
from cellid.evaluation.count_calibration import calibration_factor
from cellid.io.plate import read_plate, standard_well, unmatched_wells
from cellid.io.time_lapse import TimeLapse, find_time_lapses
from cellid.io.writers import write_table
from cellid.models.run import Run
from cellid.report.counting import count_crops
from cellid.report.markup import count
from cellid.report.scoring import score_evaluation
from cellid.report.time_lapse import FollowedPlate, write_time_lapse_report
from cellid.workflows.evaluation import EVALUATION
from cellid.workflows.field import COUNTS, MOVIE, Field
from cellid.workflows.field_pool import process_in_parallel
from cellid.workflows.resume import go_on
from cellid.workflows.time_lapse_field import process_field
from cellid.workflows.unlike import UnlikeFrames, tell_unlike
from cellid.workflows.well import Well, follow_wells

_ABOUT = "track.json"
_WELLS = "wells"
_DESCRIBED = 3  # time-lapses: enough to see what was understood of a plate of hundreds


def track(
    run: Run,
    images: Sequence[Path],
    out: Path,
    settings: InputSettings,
    following: TrackSettings,
    outputs: TrackOutputSettings,
    plate_map: Path | None = None,
    tiles: tuple[int, int] | None = None,
    workers: int = 1,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> dict[str, str]:
    """Find, count and follow the nuclei of time-lapses, in constant memory.

    Called again after an interruption, it goes on with the frames that are missing.

    Parameters
    ----------
    run : Run
    images : sequence of Path
        Stacks, or folders of frames (`cellid.io.time_lapse.find_time_lapses`).
    out : Path
        Gets `tracks.html`, `counts.csv`, a row a frame, and a folder for each field
        (`cellid.workflows.field`).
    settings : InputSettings
        How names, axes, pixel size and time are read.
    following : TrackSettings
    outputs : TrackOutputSettings
        The files for other programs.
    plate_map : Path or None
        CSV that says which condition is in which well (`cellid.io.plate`).
    tiles : (int, int) or None
        Rows and columns of the fields of a well, which overlap: they are also followed
        together, into a folder for each well (`cellid.workflows.well`), and the page is of wells.
    workers : int
        Processes that share out the fields; each takes the memory of one.
    overwrite : bool
        Start anew in a folder that holds other tracks.
    say : callable
        Told what was understood.

    Returns
    -------
    dict of str to str
        Files, frames and fields that could not be used, and why.

    Raises
    ------
    CellidError
        If no time-lapse is found, or none can be followed; or ``out`` is of another model or
        other input settings, or among the images; or no space is left.
    """
    for path in images:
        _keep_apart(path, out)
    lapses, problems = find_time_lapses(images, settings)
    if not lapses:
        raise CellidError(
            ", ".join(map(str, images)),
            expected="frames of a time-lapse",
            got="\n".join(list(problems.values())[:_DESCRIBED]) or "no image",
            remedy="give a stack, or a folder of frames whose names end in their number; or "
            "say how they are named with --pattern, such as {well}_{site}_t{time}.tif",
        )
    for lapse in lapses[:_DESCRIBED]:
        say(lapse.describe())
    n_frames = sum(lapse.n_frames for lapse in lapses)
    say(f"{count(len(lapses), 'time-lapse')}, {count(n_frames, 'frame')}")
    about = {
        "model": run.config.model_dump(mode="json"),
        "input": settings.model_dump(mode="json"),
    }
    plate = _read_plate_map(plate_map, lapses, say)
    go_on(out / _ABOUT, about, "tracks", "model and input settings", overwrite)
    fields = [Field(lapse, out / lapse.name, settings) for lapse in lapses]
    if overwrite:
        for folder in (*(field.folder for field in fields), out / _WELLS):
            shutil.rmtree(folder, ignore_errors=True)
    todo = [field for field in fields if not field.is_followed(following, outputs)]
    n_done = n_frames - sum(field.lapse.n_frames for field in todo)
    with tqdm(total=n_frames, initial=n_done, desc="find nuclei", unit="frame") as bar:
        for field, error in (
            _process(run, todo, following, outputs, bar.update)
            if workers == 1
            else process_in_parallel(run, todo, following, outputs, workers, bar.update)
        ):
            if isinstance(error, DiskFullError):
                raise error
            if error is not None:
                problems[field.lapse.name] = str(error)
    followed = [field for field in fields if field.is_followed(following, outputs)]
    if followed:
        wells = []
        for field in followed:
            problems |= field.describe_bad_frames()
        if tiles is not None:
            wells, apart = follow_wells(followed, tiles, following, out / _WELLS)
            problems |= apart
        movies = {field.name: f"{field.name}/{MOVIE}" for field in followed if outputs.movie}
        _report(run, followed, wells, plate, movies, out, say)
    for problem in problems.values():
        say(f"left out: {problem}")
    if not followed:
        raise CellidError(
            ", ".join(map(str, images)),
            expected="a time-lapse that can be followed",
            got=f"{count(len(problems), 'problem')}, as told above",
            remedy="mend what is told, and give the same command again",
        )
    return problems


def _keep_apart(images: Path, out: Path) -> None:
    """See to it that images are not overwritten, nor label stacks taken for images."""
    source, target = images.resolve(), out.resolve()
    if source.is_relative_to(target) or target.is_relative_to(source):
        raise CellidError(
            out,
            expected=f"a folder outside of {images}",
            got="one that holds the images, or is among them",
            remedy="name a folder of its own for the tracks",
        )


def _read_plate_map(
    path: Path | None, lapses: Sequence[TimeLapse], say: Callable[[str], None]
) -> pd.DataFrame | None:
    if path is None:
        return None
    plate = read_plate(path)
    wells = [well for lapse in lapses if (well := standard_well(lapse.well))]
    without_images, without_condition = unmatched_wells(plate, wells)
    n_conditions = plate["condition"].nunique()
    say(f"plate map: {count(len(plate), 'well')}, {count(n_conditions, 'condition')}")
    for names, lack in ((without_images, "images"), (without_condition, "condition")):
        if names:
            say(f"wells without {lack}: {', '.join(names)}")
    return plate


def _add_conditions(counts: pd.DataFrame, plate: pd.DataFrame | None) -> pd.DataFrame:
    if plate is None:
        return counts
    wells = counts["well"].fillna("").map(standard_well)
    conditions = plate.set_index("well").drop(columns=counts.columns, errors="ignore")
    return counts.join(conditions, on=wells.rename("key"))


def _report(
    run: Run,
    fields: Sequence[Field],
    wells: Sequence[Well],
    plate_map: pd.DataFrame | None,
    movies: dict[str, str],
    out: Path,
    say: Callable[[str], None],
) -> None:
    """Write the counts of fields and wells, and the page: of wells, if there are any."""
    factor = _measure_calibration(run, say)
    counts = _collect_counts(fields, plate_map, factor)
    write_table(out / COUNTS, counts)
    unlike = UnlikeFrames()
    for name, frames in counts.groupby("field"):
        unlike.add(str(name), frames)
    tell_unlike(unlike.describe(), say)
    if wells:
        counts = _collect_counts(wells, plate_map, factor)
        write_table(out / _WELLS / COUNTS, counts)
    plate = FollowedPlate(
        counts,
        {field.name: field.drift() for field in fields},
        fields[0].pixel_size_um,
        fields[0].lapse.frame_h,
        "well" if wells else "field",
        movies,
        unlike.describe(),
    )
    # One after the other, for the tracks of a plate may be larger than memory
    bar = tqdm(wells or fields, desc="sum up tracks", unit=plate.unit, delay=2)
    tracks = ((each.name, each.tracks()) for each in bar)
    facts = {"model": str(run.folder.resolve()), **run.config.provenance}
    write_time_lapse_report(plate, tracks, out, run.config.recipe.evaluate, facts)


def _collect_counts(
    parts: Sequence[Field | Well], plate_map: pd.DataFrame | None, factor: Interval | None
) -> pd.DataFrame:
    """Return a row a frame, with conditions and calibrated where these are known."""
    counts = pd.concat([part.counts() for part in parts], ignore_index=True)
    counts = _add_conditions(counts, plate_map)
    if factor is not None:
        for name, by in zip(("n_calibrated", "n_low", "n_high"), factor, strict=True):
            counts[name] = (counts["n_nuclei"] * by).round(1)
    return counts


def _process(
    run: Run,
    fields: Sequence[Field],
    following: TrackSettings,
    outputs: TrackOutputSettings,
    advance: Callable[[int], object],
) -> Iterator[tuple[Field, CellidError | None]]:
    """Process one field after the other; as `process_in_parallel`."""
    for field in fields:
        try:
            process_field(run, field, following, outputs, advance)
        except CellidError as error:
            yield field, error
        else:
            yield field, None


def _measure_calibration(run: Run, say: Callable[[str], None]) -> Interval | None:
    """Return what makes counts right on average on the run's test fields; None if unknown."""
    try:
        evaluation = score_evaluation(run.folder / EVALUATION)
    except CellidError as error:
        say(f"counts are as found, not calibrated: {error.subject}: {error.got}")
        return None
    settings, fields = evaluation.settings, evaluation.crops["field"]
    factor = calibration_factor(
        count_crops(evaluation),
        fields,
        "instances",
        n_samples=settings.bootstrap_samples,
        confidence=settings.confidence,
        seed=evaluation.config.recipe.seed,
    )
    say(
        f"counts: for each nucleus found there were {factor.estimate:.2f} ({factor.low:.2f} to "
        f"{factor.high:.2f}) on {count(fields.nunique(), 'stained test field')}"
    )
    return factor
