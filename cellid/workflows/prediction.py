"""A trained run on files: images in, label images and tables out."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from cellid.config import InputSettings, OutputSettings
from cellid.errors import CellidError
from cellid.imaging.overlay import draw_outlines
from cellid.io.folders import list_images
from cellid.io.frames import read_frame
from cellid.io.image_file import ImageFile
from cellid.io.images import open_scenes
from cellid.io.names import parse_field_name, safe_names
from cellid.io.tiff_writers import LabelStackWriter, StackWriter
from cellid.io.writers import new_folder, replacing, write_png
from cellid.models.run import Run
from cellid.prediction import Nuclei, describe_counts, find_in_stream, measure_nuclei
from cellid.workflows.unlike import UnlikeFrames, tell_unlike

Tell = Callable[[int, int], None]
"""Told how many frames are done, and of how many."""

_DESCRIBED = 3  # files: enough to see what was understood of a folder of thousands


def predict(
    run: Run,
    images: Sequence[Path],
    out: Path,
    settings: InputSettings,
    outputs: OutputSettings,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
    tell: Tell | None = None,
) -> dict[str, str]:
    """Find the nuclei in image files, frame by frame in constant memory.

    Parameters
    ----------
    run : Run
    images : sequence of Path
        Images, stacks, or folders of them.
    out : Path
        Gets `labels/NAME.tif`, `overlays/NAME.png` (`overlays/NAME/0001.png` and so on of later
        frames, if wanted), `objects.csv` (a row a nucleus) and
        `counts.csv` (a row a frame).
    settings : InputSettings
        Axes, channel and pixel size.
    outputs : OutputSettings
        What is written besides labels and tables.
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
    unlike = UnlikeFrames()
    with (
        appending_table(out / "objects.csv") as write_objects,
        appending_table(out / "counts.csv") as write_counts,
        counting_frames(files, tell) as count_frame,
    ):
        for name, file in zip(names, files, strict=True):
            try:
                for objects, counts in _predict_file(run, file, name, out, settings, outputs):
                    write_objects(objects)
                    write_counts(counts)
                    unlike.add(file.label, counts)
                    count_frame()
            except CellidError as error:
                problems[str(file.path)] = str(error)
    tell_unlike(unlike.describe(), say)
    tell_problems(problems, say)
    return problems


def tell_problems(problems: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Say which files were left out, and why."""
    for file, problem in problems.items():
        named = problem if file in problem.splitlines()[0] else f"{file}: {problem}"
        say(f"left out: {named}")


def open_files(
    images: Sequence[Path], settings: InputSettings, say: Callable[[str], None]
) -> tuple[list[ImageFile], dict[str, str]]:
    """Open images, stacks and folders of them; describe the first few, and say how many.

    Returns
    -------
    files : list of ImageFile
        Each scene of a file.
    problems : dict of str to str
        What was wrong with the others.

    Raises
    ------
    CellidError
        If none can be read.
    """
    files: list[ImageFile] = []
    problems = {}
    for path in dict.fromkeys(path for given in images for path in list_images(given)):
        for scene, file in open_scenes(path, settings.axes).items():
            try:
                if isinstance(file, CellidError):
                    raise file
                if len(files) < _DESCRIBED:
                    say(file.describe())
                files.append(file)
            except CellidError as error:
                problems[f"{path}, scene {scene}" if scene else str(path)] = str(error)
    if not files:
        raise CellidError(
            ", ".join(map(str, images)),
            expected="at least one image that can be read",
            got="\n".join(problems.values()) or "none",
            remedy="give images, or a folder that holds some",
        )
    say(f"{len(files)} files, {sum(file.n_frames for file in files)} frames")
    return files, problems


@contextmanager
def counting_frames(files: Sequence[ImageFile], tell: Tell | None) -> Iterator[Callable[[], None]]:
    """Show how many frames are done, and give what counts one more; ``tell`` is told as well."""
    total = sum(file.n_frames for file in files)
    done = itertools.count(1)
    with tqdm(total=total, desc="predict", unit="frame") as bar:

        def count_frame() -> None:
            bar.update()
            if tell is not None:
                tell(next(done), total)

        yield count_frame


def overlay_file(out: Path, name: str, number: int, outputs: OutputSettings) -> Path | None:
    """Return where the overlay of a frame goes, or None where none is wanted."""
    if not outputs.overlays or (number > 0 and not outputs.every_overlay):
        return None
    folder = out / "overlays"
    return folder / name / f"{number:04d}.png" if number else folder / f"{name}.png"


def _predict_file(
    run: Run,
    file: ImageFile,
    name: str,
    out: Path,
    settings: InputSettings,
    outputs: OutputSettings,
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Write the images of one file; yield each frame's rows of objects and counts."""
    pixel_size_um = settings.pixel_size_um or file.pixel_size_um
    with ExitStack() as stack:
        labels = stack.enter_context(
            LabelStackWriter(out / "labels" / f"{name}.tif", file.n_frames, pixel_size_um)
        )
        probabilities = (
            stack.enter_context(
                StackWriter(out / "probability" / f"{name}.tif", file.n_frames, pixel_size_um)
            )
            if outputs.probability
            else None
        )

        def read(number: int) -> NDArray[np.generic]:
            return read_frame(file, number, settings)

        for number, found in enumerate(
            find_in_stream(run, range(file.n_frames), read, pixel_size_um)
        ):
            image, nuclei = found.unpack()
            labels.write(nuclei.labels)
            if probabilities is not None:
                probabilities.write(nuclei.probability)
            if picture := overlay_file(out, name, number, outputs):
                write_png(picture, draw_outlines(image, nuclei.labels))
            yield _rows(file, number, nuclei, image, pixel_size_um)


def _rows(
    file: ImageFile,
    number: int,
    nuclei: Nuclei,
    image: NDArray[np.generic],
    pixel_size_um: float | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    known = parse_field_name(file.path)
    where = {
        "file": file.label,
        "well": known.well if known else "",
        "site": known.site if known else "",
        "time_h": known.time_h if known and known.time_h is not None else "",
        "frame": number,
    }
    objects = measure_nuclei(nuclei, image, pixel_size_um)
    for place, (column, value) in enumerate(where.items()):
        objects.insert(place, column, value)
    return objects, pd.DataFrame([{**where, **describe_counts(nuclei)}])


@contextmanager
def appending_table(path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Give a function that appends rows to a CSV file, which appears when the block ends."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:

        def append(rows: pd.DataFrame) -> None:
            rows.to_csv(stream, index=False, header=stream.tell() == 0, lineterminator="\n")

        yield append
