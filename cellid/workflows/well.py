"""Fields of a well that overlap, followed together: who leaves one keeps its number in the next.

::

    tiles.csv            where each field lies on the canvas of the well
    tracks.csv, lineage.csv, divisions.csv      as of a field, in coordinates of the canvas
    sightings.csv        which nucleus of the well is which of a field
    counts.csv           nuclei of the well in each frame, those in overlaps once
    FIELD.tif            labels of each field by the tracks of the well
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cellid.config import TrackSettings
from cellid.errors import CellidError
from cellid.io.writers import write_table
from cellid.tracking.drift import steady
from cellid.tracking.exports import write_tables, writing_label_stack
from cellid.tracking.link import follow
from cellid.tracking.tiles import merge_tiles, number_tile, place_tiles
from cellid.workflows.field import COUNTS, SPOTS, Field


def follow_wells(
    fields: Sequence[Field], grid: tuple[int, int], following: TrackSettings, out: Path
) -> dict[str, str]:
    """Follow the nuclei of every well through all its fields.

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
    dict of str to str
        Wells that could not be followed, and why.
    """
    problems = {}
    for well in dict.fromkeys(field.lapse.well for field in fields):
        tiles = [field for field in fields if field.lapse.well == well]
        try:
            _follow_well(tiles, grid, following, out / (well or "well"))
        except CellidError as error:
            problems[f"well {well}"] = f"well {well}: {error}"
    return problems


def _follow_well(
    fields: Sequence[Field], grid: tuple[int, int], following: TrackSettings, folder: Path
) -> None:
    first, by_name = fields[0], {field.lapse.name: field for field in fields}
    places = _place(by_name, grid)
    steadied = {n: steady(field.collect(SPOTS), field.drift()) for n, field in by_name.items()}
    spots, sightings = merge_tiles(steadied, places, first.lapse.first.plane_shape)
    tracks = follow(spots, following)
    write_tables(folder, tracks, first.pixel_size_um, first.lapse.frame_h)
    write_table(folder / "tiles.csv", places.round(2))
    write_table(folder / "sightings.csv", sightings)
    write_table(folder / COUNTS, _count(fields, spots))
    for name, field in by_name.items():
        seen, n_frames = number_tile(tracks, sightings, name), field.lapse.n_frames
        path = folder / f"{name}.tif"
        with writing_label_stack(path, seen, n_frames, field.pixel_size_um) as stack:
            for frame, labels in enumerate(field.labels()):
                stack.write(frame, labels)


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


def _count(fields: Sequence[Field], spots: pd.DataFrame) -> pd.DataFrame:
    """Return the nuclei of each frame; nothing for those that a field lacks."""
    found = pd.concat([field.counts() for field in fields]).groupby("frame")["n_nuclei"].count()
    n_nuclei = spots.groupby("frame").size().reindex(found.index, fill_value=0)
    n_nuclei = n_nuclei.astype("Int64").where(found == len(fields))
    return n_nuclei.rename("n_nuclei").reset_index()
