"""A trained detector on files: images in, outlines and tables of objects and of cells out."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from cellid.imaging.boxed_objects import outline_in_boxes
from cellid.imaging.cells import find_cells
from cellid.imaging.measures import measure_adhesions, measure_cells
from cellid.imaging.overlay import draw_outlines
from cellid.io.mask_files import MaskFiles
from cellid.io.writers import write_png
from cellid.models.detector import DetectorRun
from cellid.models.gate import Gate, detect_behind_gate
from cellid.types import Detections, Labels
from cellid.workflows.prediction_job import (
    COUNTS,
    OBJECTS,
    FrameResult,
    JobFile,
    OpenJob,
    PredictionJob,
)

CELLS = "cells.csv"


def predict_objects(
    run: DetectorRun,
    job: PredictionJob,
    gate: Gate | None = None,
    cells: MaskFiles | None = None,
) -> dict[str, str]:
    """Find the objects in image files, frame by frame, and measure them and their cells.

    Parameters
    ----------
    run : DetectorRun
    job : PredictionJob
        Its folder gets `objects.csv` (a row an object), `cells.csv` (a row a cell), `counts.csv`
        (a row a frame), `labels/NAME.tif` and overlays.
    gate : Gate or None
        Says where in an image is looked.
    cells : MaskFiles or None
        Where the cells are, by the name of the image; none: they are found by their bright spots.

    Returns
    -------
    dict of str to str
        The files that could not be predicted, and why.

    Raises
    ------
    CellidError
        As `OpenJob`.
    """
    files = OpenJob(job)
    predict_file = partial(_predict_file, run, gate, cells)
    for _ in files.predict((OBJECTS, CELLS, COUNTS), predict_file):
        pass
    return files.tell_problems()


def _predict_file(
    run: DetectorRun, gate: Gate | None, cells: MaskFiles | None, file: JobFile
) -> Iterator[FrameResult]:
    """Write the images of one file; yield each frame's tables."""
    with file.label_writer() as labels:
        for number in range(file.source.n_frames):
            image = file.read(number)
            found, looked_at = _detect(run, image, file.pixel_size_um, gate)
            light = image if image.ndim == 2 else image.mean(axis=2)
            outlined = outline_in_boxes(light, found.boxes)
            labels.write(outlined)
            if picture := file.overlay(number):
                write_png(picture, draw_outlines(image, outlined))
            bodies = find_cells(light) if cells is None else _read_cells(cells, file, light)
            tables = _tabulate(found, outlined, light, bodies, looked_at, file.pixel_size_um)
            yield FrameResult(
                file, {name: file.place(number, table) for name, table in tables.items()}
            )


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


def _read_cells(cells: MaskFiles, file: JobFile, light: NDArray[Any]) -> Labels:
    return cells.read(file.source.path.stem, (0, 0, *light.shape))


def _tabulate(
    found: Detections,
    outlined: Labels,
    light: NDArray[Any],
    bodies: Labels,
    looked_at: float,
    pixel_size_um: float | None,
) -> dict[str, pd.DataFrame]:
    objects = measure_adhesions(outlined, light, bodies, pixel_size_um)
    objects["score"] = found.scores[objects["label"].to_numpy(int) - 1].round(4)
    cells = measure_cells(bodies, objects, pixel_size_um)
    counts = {"n_objects": len(objects), "n_cells": len(cells), "looked_at": round(looked_at, 4)}
    return {OBJECTS: objects, CELLS: cells, COUNTS: pd.DataFrame([counts])}
