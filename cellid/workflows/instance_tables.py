"""A trained Mask R-CNN on files: images in, outlines that may overlap and tables out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cellid.config import InputSettings, OutputSettings
from cellid.dataset import INSTANCES
from cellid.errors import CellidError
from cellid.evaluation.coco import encode_runs
from cellid.evaluation.instances import pixel_instances
from cellid.imaging.measures import measure_objects
from cellid.imaging.overlay import draw_outlines
from cellid.io.coco import CocoImage, write_coco
from cellid.io.frames import read_frame
from cellid.io.image_file import ImageFile
from cellid.io.names import safe_names
from cellid.io.tiff_writers import LabelStackWriter
from cellid.io.writers import new_folder, write_png
from cellid.models.instance_run import InstanceRun
from cellid.types import Detections, ObjectPixels
from cellid.workflows.object_tables import COUNTS, OBJECTS
from cellid.workflows.prediction import (
    Tell,
    appending_table,
    counting_frames,
    open_files,
    overlay_file,
    tell_problems,
)


def predict_instances(
    run: InstanceRun,
    images: Sequence[Path],
    out: Path,
    settings: InputSettings,
    outputs: OutputSettings,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
    tell: Tell | None = None,
) -> dict[str, str]:
    """Outline the objects in image files, frame by frame, and measure them.

    Parameters
    ----------
    run : InstanceRun
    images : sequence of Path
        Images, stacks, or folders of them.
    out : Path
        Gets `instances.json` (COCO's form, each object whole), `labels/NAME.tif` (where some
        overlap, the smallest has the pixels), `objects.csv` (a row an object), `counts.csv` (a
        row a frame) and `overlays/NAME.png`.
    settings : InputSettings
        Axes, channel and pixel size.
    outputs : OutputSettings
        Its ``overlays``.
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
    with (
        appending_table(out / OBJECTS) as write_objects,
        appending_table(out / COUNTS) as write_counts,
        counting_frames(files, tell) as count_frame,
    ):

        def outlined() -> Iterator[CocoImage]:
            names = safe_names(file.name for file in files)
            for name, file in zip(names, files, strict=True):
                try:
                    for found in _predict_file(run, file, name, out, settings, outputs):
                        write_objects(found.objects)
                        write_counts(found.counts)
                        count_frame()
                        yield found.outlines
                except CellidError as error:
                    problems[str(file.path)] = str(error)

        write_coco(out / INSTANCES, outlined(), [run.config.recipe.objects.name])
    tell_problems(problems, say)
    return problems


def outline(found: Detections, shape: tuple[int, int], name: str) -> CocoImage:
    """Return detections in an image of ``shape`` as COCO writes them, boxes as they were found."""
    objects = pixel_instances(ObjectPixels.of_detections(found, shape))
    return CocoImage(name, shape, found.boxes, found.classes, encode_runs(objects), found.scores)


@dataclass(frozen=True)
class _FrameResult:
    objects: pd.DataFrame
    counts: pd.DataFrame
    outlines: CocoImage


def _predict_file(
    run: InstanceRun,
    file: ImageFile,
    name: str,
    out: Path,
    settings: InputSettings,
    outputs: OutputSettings,
) -> Iterator[_FrameResult]:
    """Write the images of one file; yield what is told of each frame."""
    pixel_size_um = settings.pixel_size_um or file.pixel_size_um
    with LabelStackWriter(out / "labels" / f"{name}.tif", file.n_frames, pixel_size_um) as labels:
        for number in range(file.n_frames):
            image = read_frame(file, number, settings)
            shape = image.shape[0], image.shape[1]
            found = run.detect(image, pixel_size_um)
            found = found.chosen(found.scores >= run.config.threshold)
            # A box may be found in which nothing is drawn
            drawn = ObjectPixels.of_detections(found, shape).areas_px > 0
            found = found.chosen(drawn)
            pixels = ObjectPixels.of_detections(found, shape)
            drawing = pixels.draw()
            labels.write(drawing)
            if picture := overlay_file(out, name, number, outputs):
                write_png(picture, draw_outlines(image, drawing))
            light = image if image.ndim == 2 else image.mean(axis=2)
            objects = measure_objects(pixels, light, pixel_size_um)
            objects["score"] = found.scores.round(4)
            counts = pd.DataFrame([{"n_objects": len(objects)}])
            for table in (objects, counts):
                table.insert(0, "file", file.label)
                table.insert(1, "frame", number)
            of_frame = f"{file.label}#{number}" if file.n_frames > 1 else file.label
            yield _FrameResult(objects, counts, outline(found, shape, of_frame))
