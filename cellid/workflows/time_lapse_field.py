"""One field of a time-lapse: its nuclei found chunk by chunk, then followed and exported.

::

    found/FIRST.tif, .csv   labels and nuclei of the chunk from frame FIRST on
    found/FIRST.counts.csv  a row a frame; written last, so that it says that the chunk is done
    tracked.tif             labels by track, a page a frame
    tracks.csv, lineage.csv, divisions.csv, drift.csv, counts.csv
    01_RES, trackmate.xml, napari-*, tracks.geff, movie.mp4, stabilised.tif      as asked for
    followed.json           written last: the settings of following, and that all is there
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.config import InputSettings, TrackOutputSettings, TrackSettings
from cellid.errors import CellidError
from cellid.io.ahead import map_ahead
from cellid.io.images import open_image
from cellid.io.tiff_writers import LabelStackWriter, StackWriter
from cellid.io.time_lapse import TimeLapse
from cellid.io.writers import write_json, write_table
from cellid.models.run import Run
from cellid.prediction import FoundFrame, find_in_stream, measure_nuclei
from cellid.tracking.drift import DriftMeter, stabilise, steady
from cellid.tracking.exports import (
    read_tables,
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
from cellid.types import Labels, Tracks

COUNTS = "counts.csv"

_LABELS, _SPOTS, _FRAMES = ".tif", ".csv", ".counts.csv"  # of a chunk
_TRACKED, _DRIFT, _DONE = "tracked.tif", "drift.csv", "followed.json"
_CHUNK = 50  # frames; at most so many are worked out again after an interruption
_MEASURED = [
    *("label", "y", "x", "area", "eccentricity", "solidity", "axis_major_length"),
    *("axis_minor_length", "intensity_mean", "score"),
]


@dataclass(frozen=True)
class Field:
    """A time-lapse, how to read it, and the folder of what is made of it."""

    lapse: TimeLapse
    folder: Path
    settings: InputSettings

    @property
    def pixel_size_um(self) -> float | None:
        """Of the settings, else of the first frame."""
        return self.settings.pixel_size_um or self.lapse.first.pixel_size_um

    def read(self, frame: int) -> NDArray[np.generic]:
        """Return the image of a frame, (Y, X).

        Raises
        ------
        CellidError
            If it is missing, damaged, or all of one grey level.
        """
        point = self.lapse.points.get(frame)
        if point is None:
            raise CellidError(
                f"{self.lapse.name}, frame {frame}",
                expected="an image",
                got="none of this number",
                remedy="nothing needs to be done: nuclei are followed across it",
            )
        image = point.file.read(point.page, self.settings.phase_channel, self.settings.z_plane)
        if image.min() == image.max():
            raise CellidError(
                f"{point.file.path}, frame {frame}",
                expected="an image of cells",
                got=f"every pixel {image.flat[0]}",
                remedy="nothing needs to be done: nuclei are followed across it",
            )
        return image

    def read_if_possible(self, frame: int) -> NDArray[np.generic] | None:
        """Return the image of a frame; None if `read` would raise."""
        try:
            return self.read(frame)
        except CellidError:
            return None  # told where the nuclei of the frame are looked for

    def is_followed(self, following: TrackSettings, outputs: TrackOutputSettings) -> bool:
        """Say whether all has been done with these settings."""
        done = self.folder / _DONE
        return done.exists() and json.loads(done.read_text()) == _describe(following, outputs)

    def chunks(self) -> list[range]:
        """Return the frames that are written together."""
        n_frames = self.lapse.n_frames
        return [range(i, min(i + _CHUNK, n_frames)) for i in range(0, n_frames, _CHUNK)]

    def chunk_file(self, chunk: range, suffix: str) -> Path:
        """Return where something of a chunk is written."""
        return self.folder / "found" / f"{chunk.start:06d}{suffix}"

    def is_found(self, chunk: range) -> bool:
        """Say whether the nuclei of a chunk have been found."""
        return self.chunk_file(chunk, _FRAMES).exists()

    def collect(self, suffix: str) -> pd.DataFrame:
        """Return a table of all chunks."""
        parts = (pd.read_csv(self.chunk_file(chunk, suffix)) for chunk in self.chunks())
        return pd.concat(parts, ignore_index=True)

    def describe_bad_frames(self) -> dict[str, str]:
        """Return what was wrong with frames that are there; those that are not are no news."""
        counts, points = self.counts(), self.lapse.points
        bad = counts[counts["problem"].notna() & counts["frame"].isin(list(points))]
        return {
            f"{self.lapse.name}, frame {row.frame}": f"{points[row.frame].file.path}, "
            f"frame {row.frame}: {row.problem}"
            for row in bad.itertuples()
        }

    def counts(self) -> pd.DataFrame:
        """Return a row a frame, of a field that was followed."""
        return pd.read_csv(self.folder / COUNTS, dtype={"field": str, "well": str, "site": str})

    def drift(self) -> pd.DataFrame:
        """Return the drift of a field that was followed."""
        return pd.read_csv(self.folder / _DRIFT)

    def tracks(self) -> Tracks:
        """Return the tracks of a field that was followed."""
        return read_tables(self.folder, self.pixel_size_um)

    def labels(self) -> Iterator[Labels]:
        """Yield the labels of each frame as they were found, (Y, X) int32."""
        for chunk in self.chunks():
            for page in open_image(self.chunk_file(chunk, _LABELS)).frames():
                yield page.astype(np.int32)


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
    """
    drift = _find_nuclei(run, field, advance)
    tracks = follow(steady(field.collect(_SPOTS), drift), following)
    _export(field, tracks, drift, outputs)
    write_table(field.folder / _DRIFT, drift.round(3))
    write_table(field.folder / COUNTS, field.collect(_FRAMES))
    write_json(field.folder / _DONE, _describe(following, outputs))


def _describe(following: TrackSettings, outputs: TrackOutputSettings) -> dict[str, object]:
    return {"track": following.model_dump(mode="json"), "outputs": outputs.model_dump(mode="json")}


def _find_nuclei(run: Run, field: Field, advance: Callable[[int], object]) -> pd.DataFrame:
    """Write the chunks that are not there, and return the drift."""
    meter = DriftMeter()
    todo = (frame for chunk in field.chunks() if not field.is_found(chunk) for frame in chunk)
    # Reading, the network, parting nuclei, measuring them: four threads, a few frames each
    found = find_in_stream(run, todo, field.read, field.pixel_size_um)
    measured = map_ahead(lambda each: (each, _measure(each, field.pixel_size_um)), found)
    for chunk in field.chunks():
        if field.is_found(chunk):
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
    spots, frames = [], []
    nothing = np.zeros(field.lapse.first.plane_shape, np.int32)
    with LabelStackWriter(
        field.chunk_file(chunk, _LABELS), len(chunk), field.pixel_size_um
    ) as labels:
        for frame, (found, table) in zip(chunk, measured, strict=False):
            labels.write(nothing if found.nuclei is None else found.nuclei.labels)
            spots.append(table.assign(frame=frame))
            frames.append(_describe_frame(field, frame, found))
            yield found.image
    write_table(field.chunk_file(chunk, _SPOTS), pd.concat(spots)[["frame", *_MEASURED]].round(4))
    write_table(field.chunk_file(chunk, _FRAMES), pd.DataFrame(frames))


def _describe_frame(field: Field, frame: int, found: FoundFrame) -> dict[str, object]:
    lapse, nuclei = field.lapse, found.nuclei
    return {
        "field": lapse.name,
        "well": lapse.well,
        "site": lapse.site,
        "time_h": lapse.time_h(frame),
        "frame": frame,
        "n_nuclei": None if nuclei is None else nuclei.count,
        "n_components": None if nuclei is None else nuclei.count_components,
        "n_by_area": None if nuclei is None else round(nuclei.count_area, 1),
        "problem": "" if found.problem is None else found.problem.got,
    }


def _export(
    field: Field, tracks: Tracks, drift: pd.DataFrame, outputs: TrackOutputSettings
) -> None:
    lapse, folder, um = field.lapse, field.folder, field.pixel_size_um
    n_frames, hours, formats = lapse.n_frames, lapse.frame_h, outputs.formats
    write_tables(folder, tracks, um, hours)
    if "trackmate" in formats:
        shape = lapse.first.plane_shape
        write_trackmate(folder / "trackmate.xml", tracks, shape, n_frames, um, hours, _TRACKED)
    if "napari" in formats:
        write_napari(folder / "napari-tracks.csv", folder / "napari-graph.json", tracks)
    if "geff" in formats:
        write_geff(folder / "tracks.geff", tracks, um, hours, overwrite=True)
    with ExitStack() as stack:
        writers = [writing_label_stack(folder / _TRACKED, tracks, n_frames, um)]
        if "ctc" in formats:
            writers.append(writing_ctc(folder / "01_RES", tracks, n_frames, um, overwrite=True))
        if "baxter" in formats:
            writers.append(
                writing_baxter(folder / "baxter", lapse.name, tracks, n_frames, overwrite=True)
            )
        stacks = [stack.enter_context(writer) for writer in writers]
        for frame, labels in enumerate(field.labels()):
            for each in stacks:
                each.write(frame, labels)
    if outputs.movie or outputs.stabilised:
        _draw(field, tracks, drift, outputs)


def _draw(field: Field, tracks: Tracks, drift: pd.DataFrame, outputs: TrackOutputSettings) -> None:
    """Write what needs the images again."""
    lapse = field.lapse
    with ExitStack() as stack:
        movie = outputs.movie and stack.enter_context(
            writing_movie(field.folder / "movie.mp4", tracks, lapse.frame_h)
        )
        steadied = outputs.stabilised and stack.enter_context(
            StackWriter(field.folder / "stabilised.tif", lapse.n_frames, field.pixel_size_um)
        )
        images = map_ahead(field.read_if_possible, range(lapse.n_frames))
        shifts = drift[["shift_y_px", "shift_x_px"]].to_numpy()
        nothing = np.zeros(lapse.first.plane_shape, lapse.first.dtype)
        for frame, (image, labels) in enumerate(zip(images, field.labels(), strict=True)):
            if movie and image is not None:
                movie.write(frame, image, labels)
            if steadied:
                steadied.write(nothing if image is None else stabilise(image, *shifts[frame]))
