"""Nuclei of one field of a time-lapse found chunk by chunk, then followed and exported."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from itertools import chain, repeat

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from cellid.config import TrackOutputSettings, TrackSettings
from cellid.io.ahead import map_ahead
from cellid.io.tiff_writers import LabelStackWriter, StackWriter
from cellid.io.time_lapse import TimeLapse
from cellid.io.writers import write_json, write_table
from cellid.models.run import Run
from cellid.prediction import (
    COUNTED,
    FoundFrame,
    describe_counts,
    find_in_stream,
    measure_nuclei,
)
from cellid.tracking.drift import DriftMeter, stabilise, steady
from cellid.tracking.exports import (
    write_geff,
    write_napari,
    write_tables,
    write_trackmate,
    writing_baxter,
    writing_ctc,
    writing_label_stack,
    writing_movie,
)
from cellid.tracking.link import follow
from cellid.types import Tracks
from cellid.workflows.field import (
    COUNTS,
    DONE,
    DRIFT,
    FOUND,
    FRAMES,
    LABELS,
    MOVIE,
    SPOTS,
    Field,
    PixelDigest,
    begin,
)

_TRACKED = "tracked.tif"
_MEASURED = [
    *("label", "y", "x", "area", "eccentricity", "solidity", "axis_major_length"),
    *("axis_minor_length", "intensity_mean", "score"),
]


def process_field(
    run: Run,
    field: Field,
    following: TrackSettings,
    outputs: TrackOutputSettings,
    advance: Callable[[int], object],
) -> None:
    """Find the nuclei of a field in frames where this was not done, follow them, write all.

    Parameters
    ----------
    run : Run
    field : Field
    following : TrackSettings
    outputs : TrackOutputSettings
    advance : callable
        Told a number of frames when they are done.

    Raises
    ------
    CellidError
        If none of its frames can be used, or what follows from them cannot be written.
    """
    begin(field.folder, field.chunk_folder)
    drift = _find_nuclei(run, field, advance)
    frames = field.collect(FRAMES)
    if frames["problem"].notna().all():
        field.read(min(field.lapse.points))  # raises what is wrong, and how to mend it
    tracks = follow(steady(field.collect(SPOTS), drift), following)
    _export_tables(field, tracks, outputs.formats)
    _export_pixels(field, tracks, drift, outputs)
    write_table(field.folder / DRIFT, drift.round(3))
    write_table(field.folder / COUNTS, _name_frames(field.lapse, frames))
    write_json(field.folder / DONE, field.describe(following, outputs))


def _name_frames(lapse: TimeLapse, frames: pd.DataFrame) -> pd.DataFrame:
    """Put before each frame its field and time, which a frame that is added may change."""
    named = {"field": lapse.name, "well": lapse.well, "site": lapse.site}
    return pd.DataFrame(index=frames.index).assign(
        **named, time_h=frames["frame"].map(lapse.time_h), **frames
    )


def _find_nuclei(run: Run, field: Field, advance: Callable[[int], object]) -> pd.DataFrame:
    """Write the chunks that are not there, and return the drift."""
    meter = DriftMeter()
    chunks = tqdm(field.chunks(), f"{field.name}: look at files", leave=False, delay=2)
    todo = [chunk for chunk in chunks if not field.is_found(chunk)]
    # Reading, the network, parting nuclei, measuring them: four threads, a few frames each
    frames = chain.from_iterable(todo)
    found = find_in_stream(run, frames, field.read, field.pixel_size_um)
    measured = map_ahead(lambda each: (each, _measure(each, field.pixel_size_um)), found)
    for chunk in field.chunks():
        if chunk not in todo:
            # The meter has to see these too, or it would go on differently
            images = map_ahead(field.read_if_possible, chunk)
        else:
            images = _write_chunk(field, chunk, measured)
        for image in images:
            meter.add(image)
            advance(1)
    return meter.table()


def _measure(found: FoundFrame, pixel_size_um: float | None) -> pd.DataFrame:
    if found.image is None or found.nuclei is None:
        return pd.DataFrame(columns=_MEASURED)
    table = measure_nuclei(found.nuclei, found.image, pixel_size_um)
    return table.rename(columns={"centroid-0": "y", "centroid-1": "x"})[_MEASURED]


def _write_chunk(
    field: Field, chunk: range, measured: Iterator[tuple[FoundFrame, pd.DataFrame]]
) -> Iterator[NDArray[np.generic] | None]:
    """Write what was found in the next frames, and yield their images."""
    spots, frames, pixels = [], [], PixelDigest()
    nothing = np.zeros(field.lapse.first.plane_shape, np.int32)
    with LabelStackWriter(
        field.chunk_file(chunk, LABELS), len(chunk), field.pixel_size_um
    ) as labels:
        for frame, (found, table) in zip(chunk, measured, strict=False):
            labels.write(nothing if found.nuclei is None else found.nuclei.labels)
            spots.append(table.assign(frame=frame))
            frames.append(_describe_frame(frame, found))
            pixels.add(found.image)
            yield found.image
    write_table(field.chunk_file(chunk, SPOTS), pd.concat(spots)[["frame", *_MEASURED]].round(4))
    write_table(field.chunk_file(chunk, FRAMES), pd.DataFrame(frames))
    write_json(field.chunk_file(chunk, FOUND), field.describe_chunk(chunk, pixels.text()))


def _describe_frame(frame: int, found: FoundFrame) -> dict[str, object]:
    counts = {} if found.nuclei is None else describe_counts(found.nuclei)
    problem = "" if found.problem is None else found.problem.got
    return {"frame": frame, **dict.fromkeys(COUNTED), **counts, "problem": problem}


def _export_tables(field: Field, tracks: Tracks, formats: Collection[str]) -> None:
    lapse, folder, um, hours = field.lapse, field.folder, field.pixel_size_um, field.lapse.frame_h
    write_tables(folder, tracks, um, hours)
    if "trackmate" in formats:
        shape, path = lapse.first.plane_shape, folder / "trackmate.xml"
        write_trackmate(path, tracks, shape, lapse.n_frames, um, hours, _TRACKED)
    if "napari" in formats:
        write_napari(folder / "napari-tracks.csv", folder / "napari-graph.json", tracks)
    if "geff" in formats:
        write_geff(folder / "tracks.geff", tracks, um, hours, overwrite=True)


def _export_pixels(
    field: Field, tracks: Tracks, drift: pd.DataFrame, outputs: TrackOutputSettings
) -> None:
    """Write what takes the labels of each frame, and the images where these are asked for."""
    lapse, folder, um = field.lapse, field.folder, field.pixel_size_um
    n_frames = lapse.n_frames
    with ExitStack() as stack:
        writers = [writing_label_stack(folder / _TRACKED, tracks, n_frames, um)]
        if "ctc" in outputs.formats:
            writers.append(writing_ctc(folder / "01_RES", tracks, n_frames, um, overwrite=True))
        if "baxter" in outputs.formats:
            writers.append(
                writing_baxter(folder / "baxter", lapse.name, tracks, n_frames, overwrite=True)
            )
        stacks = [stack.enter_context(writer) for writer in writers]
        movie = outputs.movie and stack.enter_context(
            writing_movie(folder / MOVIE, tracks, lapse.frame_h)
        )
        steadied = outputs.stabilised and stack.enter_context(
            StackWriter(folder / "stabilised.tif", n_frames, um)
        )
        images: Iterable[NDArray[np.generic] | None] = repeat(None, n_frames)
        if movie or steadied:
            images = map_ahead(field.read_if_possible, range(n_frames))
        shifts = drift[["shift_y_px", "shift_x_px"]].to_numpy()
        nothing = np.zeros(lapse.first.plane_shape, lapse.first.dtype)
        pairs = zip(images, field.labels(), strict=True)
        bar = tqdm(pairs, f"{lapse.name}: write", n_frames, leave=False, unit="frame", delay=2)
        for frame, (image, labels) in enumerate(bar):
            for each in stacks:
                each.write(frame, labels)
            if movie and image is not None:
                movie.write(frame, image, labels)
            if steadied:
                steadied.write(nothing if image is None else stabilise(image, *shifts[frame]))
