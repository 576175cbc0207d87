"""A trained U-Net on files: images in, label images and tables out."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.imaging.overlay import draw_outlines
from cellid.io.names import parse_field_name
from cellid.io.writers import write_png
from cellid.models.run import Run
from cellid.prediction import Nuclei, describe_counts, find_in_stream, measure_nuclei
from cellid.workflows.prediction_job import (
    COUNTS,
    OBJECTS,
    FrameResult,
    JobFile,
    OpenJob,
    PredictionJob,
)
from cellid.workflows.unlike import UnlikeFrames, tell_unlike


def predict(run: Run, job: PredictionJob) -> dict[str, str]:
    """Find the nuclei in image files, frame by frame in constant memory.

    Parameters
    ----------
    run : Run
    job : PredictionJob
        Its folder gets `labels/NAME.tif`, overlays, probabilities if wanted, `objects.csv` (a row
        a nucleus) and `counts.csv` (a row a frame).

    Returns
    -------
    dict of str to str
        The files that could not be predicted, and why.

    Raises
    ------
    CellidError
        As `OpenJob`.
    """
    files, unlike = OpenJob(job), UnlikeFrames()
    for frame in files.predict((OBJECTS, COUNTS), partial(_predict_file, run)):
        unlike.add(frame.file.source.label, frame.tables[COUNTS])
    tell_unlike(unlike.describe(), job.say)
    return files.tell_problems()


def _predict_file(run: Run, file: JobFile) -> Iterator[FrameResult]:
    """Write the images of one file; yield each frame's rows of objects and counts."""
    frames = range(file.source.n_frames)
    with ExitStack() as stack:
        labels = stack.enter_context(file.label_writer())
        probabilities = file.probability_writer(stack)
        found = find_in_stream(run, frames, file.read, file.pixel_size_um)
        for number, answer in enumerate(found):
            image, nuclei = answer.unpack()
            labels.write(nuclei.labels)
            if probabilities is not None:
                probabilities.write(nuclei.probability)
            if picture := file.overlay(number):
                write_png(picture, draw_outlines(image, nuclei.labels))
            objects, counts = _rows(file, number, nuclei, image)
            yield FrameResult(file, {OBJECTS: objects, COUNTS: counts})


def _rows(
    file: JobFile, number: int, nuclei: Nuclei, image: NDArray[np.generic]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    known = parse_field_name(file.source.path)
    where = {
        "file": file.source.label,
        "well": known.well if known else "",
        "site": known.site if known else "",
        "time_h": known.time_h if known and known.time_h is not None else "",
        "frame": number,
    }
    objects = measure_nuclei(nuclei, image, file.pixel_size_um)
    for place, (column, value) in enumerate(where.items()):
        objects.insert(place, column, value)
    return objects, pd.DataFrame([{**where, **describe_counts(nuclei)}])
