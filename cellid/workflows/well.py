"""Fields of a well that overlap, followed together: who leaves one keeps its number in the next.

::

    tiles.csv            where each field lies on the canvas of the well
    tracks.csv, lineage.csv, divisions.csv      as of a field, in coordinates of the canvas
    sightings.csv        which nucleus of the well is which of a field
    counts.csv           nuclei of the well in each frame, those in overlaps once
    FIELD.tif            labels of each field by the tracks of the well
    followed.json        written last: what all this follows from
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from cellid.config import TrackSettings
from cellid.errors import CellidError, DiskFullError
from cellid.io.readers import read_table
from cellid.io.writers import write_json, write_table
from cellid.tracking.drift import steady
from cellid.tracking.exports import read_tables, write_tables, writing_label_stack
from cellid.tracking.link import follow
from cellid.tracking.tiles import merge_tiles, number_tile, place_tiles
from cellid.types import Tracks
from cellid.workflows.field import COUNTS, DONE, FOLLOW_AGAIN, SPOTS, Field, begin, says


@dataclass(frozen=True)
class Well:
    """The fields of a well, row by row in so many rows and columns, and the folder of both."""

    name: str
    fields: tuple[Field, ...]
    grid: tuple[int, int]
    folder: Path

    def describe(self, following: TrackSettings) -> dict[str, object]:
        """Return what all that is written follows from."""
        return {
            "track": following.model_dump(mode="json"),
            "grid": list(self.grid),
            "images": {field.name: field.images for field in self.fields},
        }

    def is_followed(self, following: TrackSettings) -> bool:
        """Say whether all has been done with these settings, from these images."""
        return says(self.folder / DONE, self.describe(following))

    def counts(self) -> pd.DataFrame:
        """Return a row a frame, of a well that was followed."""
        return read_table(self.folder / COUNTS, FOLLOW_AGAIN, dtype={"well": str})

    def tracks(self) -> Tracks:
        """Return the tracks of a well that was followed."""
        return read_tables(self.folder, self.fields[0].pixel_size_um, FOLLOW_AGAIN)


def follow_wells(
    fields: Sequence[Field], grid: tuple[int, int], following: TrackSettings, out: Path
) -> tuple[list[Well], dict[str, str]]:
    """Follow the nuclei of every well through all its fields, where this was not done.

    Parameters
    ----------
    fields : sequence of Field
        Each followed on its own already; those of a well row by row.
    grid : (int, int)
        Rows and columns of fields in a well.
    following : TrackSettings
    out : Path
        Gets a folder for each well.

    Returns
    -------
    followed : list of Well
    problems : dict of str to str
        Wells that could not be followed, and why.

    Raises
    ------
    CellidError
        If no space is left.
    """
    followed, problems = [], {}
    names = dict.fromkeys(field.lapse.well for field in fields)
    for name in tqdm(names, desc="follow wells", unit="well", delay=2):
        of_well = tuple(field for field in fields if field.lapse.well == name)
        well = Well(name or "well", of_well, grid, out / (name or "well"))
        try:
            if not well.is_followed(following):
                _follow_well(well, following)
        except DiskFullError:
            raise
        except CellidError as error:
            problems[f"well {name}"] = f"well {name}: {error}"
        else:
            followed.append(well)
    return followed, problems


def _follow_well(well: Well, following: TrackSettings) -> None:
    folder, first, by_name = well.folder, well.fields[0], {f.name: f for f in well.fields}
    begin(folder)
    places = _place(by_name, well.grid)
    steadied = {n: steady(field.collect(SPOTS), field.drift()) for n, field in by_name.items()}
    spots, sightings = merge_tiles(steadied, places, first.lapse.first.plane_shape)
    tracks = follow(spots, following)
    write_tables(folder, tracks, first.pixel_size_um, first.lapse.frame_h)
    write_table(folder / "tiles.csv", places.round(2))
    write_table(folder / "sightings.csv", sightings)
    write_table(folder / COUNTS, _count(well, spots))
    for name, field in by_name.items():
        seen, n_frames = number_tile(tracks, sightings, name), field.lapse.n_frames
        path = folder / f"{name}.tif"
        with writing_label_stack(path, seen, n_frames, field.pixel_size_um) as stack:
            for frame, labels in enumerate(field.labels()):
                stack.write(frame, labels)
    write_json(folder / DONE, well.describe(following))


def _place(fields: dict[str, Field], grid: tuple[int, int]) -> pd.DataFrame:
    """Place the fields by the first frame that all of them have, their drift taken out."""
    for frame in range(min(field.lapse.n_frames for field in fields.values())):
        images = {name: field.read_if_possible(frame) for name, field in fields.items()}
        known = {name: image for name, image in images.items() if image is not None}
        if len(known) == len(fields):
            places = place_tiles(known, grid)
            for axis in ("y_px", "x_px"):
                places[axis] += [f.drift()[f"shift_{axis}"][frame] for f in fields.values()]
            return places
    raise CellidError(
        "tiles",
        expected="a frame that all fields of the well have",
        got="none",
        remedy="leave out the fields that are missing or damaged",
    )


def _count(well: Well, spots: pd.DataFrame) -> pd.DataFrame:
    """Return the nuclei of each frame; nothing for those that a field lacks."""
    frames = pd.concat([field.counts() for field in well.fields]).groupby("frame")
    seen = frames["n_nuclei"].count() == len(well.fields)
    n_nuclei = spots.groupby("frame").size().reindex(seen.index, fill_value=0)
    counts = pd.DataFrame({"time_h": frames["time_h"].first()})
    counts["n_nuclei"] = n_nuclei.astype("Int64").where(seen)
    return counts.reset_index().assign(well=well.name)
