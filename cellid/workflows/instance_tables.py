"""A trained Mask R-CNN on files: images in, outlines that may overlap and tables out."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import pandas as pd

from cellid.dataset import INSTANCES
from cellid.evaluation.coco import encode_runs
from cellid.evaluation.instances import pixel_instances
from cellid.imaging.measures import measure_objects
from cellid.imaging.overlay import draw_outlines
from cellid.io.coco import CocoImage, write_coco
from cellid.io.writers import write_png
from cellid.models.instance_run import InstanceRun
from cellid.types import Detections, ObjectPixels
from cellid.workflows.prediction_job import (
    COUNTS,
    OBJECTS,
    FrameResult,
    JobFile,
    OpenJob,
    PredictionJob,
)


def predict_instances(run: InstanceRun, job: PredictionJob) -> dict[str, str]:
    """Outline the objects in image files, frame by frame, and measure them.

    Parameters
    ----------
    run : InstanceRun
    job : PredictionJob
        Its folder gets `instances.json` (COCO's form, each object whole), `labels/NAME.tif`
        (where some overlap, the smallest has the pixels), `objects.csv` (a row an object),
        `counts.csv` (a row a frame) and overlays.

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
    tables = files.predict((OBJECTS, COUNTS), partial(_predict_file, run))
    with closing(tables) as frames:  # or half a table would stay where outlines cannot be written
        outlines = (frame.outlines for frame in frames)
        write_coco(job.out / INSTANCES, outlines, [run.config.recipe.objects.name])
    return files.tell_problems()


def outline(found: Detections, shape: tuple[int, int], name: str) -> CocoImage:
    """Return detections in an image of ``shape`` as COCO writes them, boxes as they were found."""
    objects = pixel_instances(ObjectPixels.of_detections(found, shape))
    return CocoImage(name, shape, found.boxes, found.classes, encode_runs(objects), found.scores)


@dataclass(frozen=True)
class _Outlined(FrameResult):
    outlines: CocoImage


def _predict_file(run: InstanceRun, file: JobFile) -> Iterator[_Outlined]:
    """Write the images of one file; yield what is told of each frame."""
    label, n_frames = file.source.label, file.source.n_frames
    with file.label_writer() as labels:
        for number in range(n_frames):
            image = file.read(number)
            shape = image.shape[0], image.shape[1]
            found = run.detect(image, file.pixel_size_um)
            found = found.chosen(found.scores >= run.config.threshold)
            # A box may be found in which nothing is drawn
            drawn = ObjectPixels.of_detections(found, shape).areas_px > 0
            found = found.chosen(drawn)
            pixels = ObjectPixels.of_detections(found, shape)
            drawing = pixels.draw()
            labels.write(drawing)
            if picture := file.overlay(number):
                write_png(picture, draw_outlines(image, drawing))
            light = image if image.ndim == 2 else image.mean(axis=2)
            objects = measure_objects(pixels, light, file.pixel_size_um)
            objects["score"] = found.scores.round(4)
            tables = {OBJECTS: objects, COUNTS: pd.DataFrame([{"n_objects": len(objects)}])}
            for table in tables.values():
                file.place(number, table)
            outlines = outline(found, shape, f"{label}#{number}" if n_frames > 1 else label)
            yield _Outlined(file, tables, outlines)
