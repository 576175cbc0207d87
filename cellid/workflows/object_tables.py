"""A trained detector on files: images in, outlines and tables of objects and of cells out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from cellid.config import InputSettings, OutputSettings
from cellid.errors import CellidError
from cellid.imaging.boxed_objects import outline_in_boxes
from cellid.imaging.cells import find_cells
from cellid.imaging.measures import measure_adhesions, measure_cells
from cellid.imaging.overlay import draw_outlines
from cellid.io.frames import read_frame
from cellid.io.image_file import ImageFile
from cellid.io.mask_files import MaskFiles
from cellid.io.names import safe_names
from cellid.io.tiff_writers import LabelStackWriter
from cellid.io.writers import new_folder, write_png
from cellid.models.detector import DetectorRun
from cellid.models.gate import Gate, detect_behind_gate
from cellid.types import Detections, Labels
from cellid.workflows.prediction import (
    Tell,
    appending_table,
    counting_frames,
    open_files,
    overlay_file,
    tell_problems,
)

OBJECTS, CELLS, COUNTS = "objects.csv", "cells.csv", "counts.csv"


def predict_objects(
    run: DetectorRun,
    images: Sequence[Path],
    out: Path,
    settings: InputSettings,
    outputs: OutputSettings,
    gate: Gate | None = None,
    cells: MaskFiles | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
    tell: Tell | None = None,
) -> dict[str, str]:
    """Find the objects in image files, frame by frame, and measure them and their cells.

    Parameters
    ----------
    run : DetectorRun
    images : sequence of Path
        Images, stacks, or folders of them.
    out : Path
        Gets `objects.csv` (a row an object), `cells.csv` (a row a cell), `counts.csv` (a row a
        frame), `labels/NAME.tif` and `overlays/NAME.png`.
    settings : InputSettings
        Axes, channel and pixel size.
    outputs : OutputSettings
        Its ``overlays``.
    gate : Gate or None
        Says where in an image is looked.
    cells : MaskFiles or None
        Where the cells are, by the name of the image; none: they are found by their bright spots.
    overwrite : bool
        Replace files that are there.
    say : callable
        Told what was understood.
    tell : callable or None
        Told after every frame how many are done, and of how many; what it raises ends the work.

    Returns
    -------
    dict of str to str
        The files that could not be predicted, and why.

    Raises
    ------
    CellidError
        If there is nothing to predict, or ``out`` holds files.
    """
    files, problems = open_files(images, settings, say)
    new_folder(out, overwrite)
    names = safe_names(file.name for file in files)
    with (
        appending_table(out / OBJECTS) as write_objects,
        appending_table(out / CELLS) as write_cells,
        appending_table(out / COUNTS) as write_counts,
        counting_frames(files, tell) as count_frame,
    ):
        for name, file in zip(names, files, strict=True):
            try:
                for found in _predict_file(run, file, name, out, settings, outputs, gate, cells):
                    write_objects(found.objects)
                    write_cells(found.cells)
                    write_counts(found.counts)
                    count_frame()
            except CellidError as error:
                problems[str(file.path)] = str(error)
    tell_problems(problems, say)
    return problems


@dataclass(frozen=True)
class _FrameTables:
    objects: pd.DataFrame
    cells: pd.DataFrame
    counts: pd.DataFrame


def _predict_file(
    run: DetectorRun,
    file: ImageFile,
    name: str,
    out: Path,
    settings: InputSettings,
    outputs: OutputSettings,
    gate: Gate | None,
    cells: MaskFiles | None,
) -> Iterator[_FrameTables]:
    """Write the images of one file; yield each frame's tables."""
    pixel_size_um = settings.pixel_size_um or file.pixel_size_um
    with ExitStack() as stack:
        labels = stack.enter_context(
            LabelStackWriter(out / "labels" / f"{name}.tif", file.n_frames, pixel_size_um)
        )
        for number in range(file.n_frames):
            image = read_frame(file, number, settings)
            found, looked_at = _detect(run, image, pixel_size_um, gate)
            light = image if image.ndim == 2 else image.mean(axis=2)
            outlined = outline_in_boxes(light, found.boxes)
            labels.write(outlined)
            if picture := overlay_file(out, name, number, outputs):
                write_png(picture, draw_outlines(image, outlined))
            bodies = find_cells(light) if cells is None else _read_cells(cells, file, light)
            yield _tabulate(file, number, found, outlined, light, bodies, looked_at, pixel_size_um)


def _detect(
    run: DetectorRun, image: NDArray[Any], pixel_size_um: float | None, gate: Gate | None
) -> tuple[Detections, float]:
    """Return the objects from the run's threshold on, and the share of the image looked at."""
    if gate is None:
        found, looked_at = run.detect(image, pixel_size_um), 1.0
    else:
        judged = gate.judge(image, pixel_size_um)
        found, looked_at = detect_behind_gate(
            run, gate, image, pixel_size_um, judged, gate.threshold
        )
    return found.chosen(found.scores >= run.config.threshold), looked_at


def _read_cells(cells: MaskFiles, file: ImageFile, light: NDArray[Any]) -> Labels:
    return cells.read(file.path.stem, (0, 0, *light.shape))


def _tabulate(
    file: ImageFile,
    number: int,
    found: Detections,
    outlined: Labels,
    light: NDArray[Any],
    bodies: Labels,
    looked_at: float,
    pixel_size_um: float | None,
) -> _FrameTables:
    objects = measure_adhesions(outlined, light, bodies, pixel_size_um)
    objects["score"] = found.scores[objects["label"].to_numpy(int) - 1].round(4)
    cells = measure_cells(bodies, objects, pixel_size_um)
    counts = {"n_objects": len(objects), "n_cells": len(cells), "looked_at": round(looked_at, 4)}
    tables = (objects, cells, pd.DataFrame([counts]))
    for table in tables:
        table.insert(0, "file", file.label)
        table.insert(1, "frame", number)
    return _FrameTables(*tables)
