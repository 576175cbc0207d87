"""One field of a time-lapse: its images, and what has been made of them.

::

    found/FIRST.tif, .csv   labels and nuclei of the chunk from frame FIRST on
    found/FIRST.counts.csv  a row a frame
    found/FIRST.json        written last: the images of the chunk, a digest of their pixels, and
                            the sizes of these files
    tracked.tif             labels by track, a page a frame
    tracks.csv, lineage.csv, divisions.csv, drift.csv, counts.csv
    01_RES, trackmate.xml, napari-*, tracks.geff, movie.mp4, stabilised.tif      as asked for
    followed.json           written last: the settings of following, and the images
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.config import InputSettings, TrackOutputSettings, TrackSettings
from cellid.errors import CellidError
from cellid.io.images import open_image
from cellid.io.readers import read_object, read_table
from cellid.io.time_lapse import TimeLapse, TimePoint
from cellid.io.writers import remove_leftovers, told_as_user_error, write_json
from cellid.tracking.exports import read_tables
from cellid.types import Labels, Tracks

LABELS, SPOTS, FRAMES, FOUND = ".tif", ".csv", ".counts.csv", ".json"
"""Files of a chunk."""

COUNTS, DRIFT, MOVIE, DONE = "counts.csv", "drift.csv", "movie.mp4", "followed.json"
FOLLOW_AGAIN = f"delete {DONE} beside it, and give the same command again"
"""What to do where a table is damaged."""

_CHUNK = 50  # frames; at most so many are worked out again after an interruption


@dataclass(frozen=True)
class Field:
    """A time-lapse, how to read it, and the folder of what is made of it."""

    lapse: TimeLapse
    folder: Path
    settings: InputSettings

    @property
    def name(self) -> str:
        """Of the time-lapse."""
        return self.lapse.name

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
        return says(self.folder / DONE, self.describe(following, outputs))

    def describe(self, following: TrackSettings, outputs: TrackOutputSettings) -> dict[str, object]:
        """Return what all that is written follows from."""
        return {
            "track": following.model_dump(mode="json"),
            "outputs": outputs.model_dump(mode="json"),
            "images": self.images,
        }

    @cached_property
    def images(self) -> list[list[object] | None]:
        """What tells the image of each frame from any other; None where there is none.

        An experiment that is still running adds frames, and a copy that was cut short is made
        anew. Looked at once, before an image is read: one that changes later is news next time.
        """
        points = self.lapse.points
        return [_tell_apart(points.get(i), self.settings) for i in range(self.lapse.n_frames)]

    def chunks(self) -> list[range]:
        """Return the frames that are written together."""
        n_frames = self.lapse.n_frames
        return [range(i, min(i + _CHUNK, n_frames)) for i in range(0, n_frames, _CHUNK)]

    @property
    def chunk_folder(self) -> Path:
        """Where the chunks are written."""
        return self.folder / "found"

    def chunk_file(self, chunk: range, suffix: str) -> Path:
        """Return where something of a chunk is written."""
        return self.chunk_folder / f"{chunk.start:06d}{suffix}"

    def is_found(self, chunk: range) -> bool:
        """Say whether the nuclei of a chunk have been found, in these images, and are whole."""
        file = self.chunk_file(chunk, FOUND)
        try:
            said = read_object(file, "what was done", "do it again")
        except CellidError:
            return False
        known = self.describe_chunk(chunk, said.get("pixels"))
        if said | {"images": known["images"]} != known:
            return False
        if said != known:  # another file may have the same images: a stack that grows, a copy
            digest = PixelDigest()
            for frame in chunk:
                digest.add(self.read_if_possible(frame))
            if digest.text() != known["pixels"]:
                return False
            write_json(file, known)
        return True

    def describe_chunk(self, chunk: range, pixels: object) -> dict[str, object]:
        """Return which images of which pixels a chunk is of, and how large its files are."""
        files = [self.chunk_file(chunk, suffix) for suffix in (LABELS, SPOTS, FRAMES)]
        return {
            "images": self.images[chunk.start : chunk.stop],
            "pixels": pixels,
            "pixel_size_um": self.pixel_size_um,
            "bytes": {file.name: file.stat().st_size for file in files if file.exists()},
        }

    def collect(self, suffix: str) -> pd.DataFrame:
        """Return a table of all chunks."""
        parts = [pd.read_csv(self.chunk_file(chunk, suffix)) for chunk in self.chunks()]
        # One without rows has no types, and would take them from the others
        return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)

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
        texts = {"field": str, "well": str, "site": str}
        return read_table(self.folder / COUNTS, FOLLOW_AGAIN, dtype=texts)

    def drift(self) -> pd.DataFrame:
        """Return the drift of a field that was followed."""
        return read_table(self.folder / DRIFT, FOLLOW_AGAIN)

    def tracks(self) -> Tracks:
        """Return the tracks of a field that was followed."""
        return read_tables(self.folder, self.pixel_size_um, FOLLOW_AGAIN)

    def labels(self) -> Iterator[Labels]:
        """Yield the labels of each frame as they were found, (Y, X) int32."""
        for chunk in self.chunks():
            for page in open_image(self.chunk_file(chunk, LABELS)).frames():
                yield page.astype(np.int32)


class PixelDigest:
    """Tells the pixels of images from any others; a frame without an image counts too."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, image: NDArray[np.generic] | None) -> None:
        """Take the next image."""
        self._hash.update(b"none" if image is None else np.ascontiguousarray(image))

    def text(self) -> str:
        """Return the digest of all images so far."""
        return self._hash.hexdigest()


def says(file: Path, what: dict[str, object]) -> bool:
    """Say whether a JSON file is there, whole, and says this."""
    try:
        return read_object(file, "what was done", "do it again") == what
    except CellidError:
        return False


def begin(folder: Path, *within: Path) -> None:
    """Take away what says that all is done, and what a killed process left.

    Parameters
    ----------
    folder, *within : Path
        Of a field or a well, and folders in it that are written to.

    Raises
    ------
    CellidError
        If nothing can be removed there.
    """
    try:
        (folder / DONE).unlink(missing_ok=True)
        for each in (folder, *within):
            remove_leftovers(each)
    except OSError as error:
        raise told_as_user_error(folder, error) from error


def _tell_apart(point: TimePoint | None, settings: InputSettings) -> list[object] | None:
    """Return name, page, size and time of change of an image; None if it is not there."""
    if point is None:
        return None
    try:
        parts = point.file.list_parts(point.page, settings.phase_channel, settings.z_plane)
    except CellidError:  # a channel that is not there: told when it is read
        return None
    found = []
    for part in parts:
        try:
            found.append(part.stat())
        except OSError:  # gone since it was listed, or not written yet: as above
            continue
    if not found:
        return None
    changed = max(status.st_mtime_ns for status in found)
    return [point.file.label, point.page, sum(status.st_size for status in found), changed]
