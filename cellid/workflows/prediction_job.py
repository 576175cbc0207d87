"""Image files for a trained run to look at, frame by frame, and tables of what it finds."""

import itertools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from cellid.config import InputSettings, OutputSettings
from cellid.errors import CellidError
from cellid.io.folders import list_images
from cellid.io.frames import read_frame
from cellid.io.image_file import ImageFile
from cellid.io.images import open_scenes
from cellid.io.names import safe_names
from cellid.io.tiff_writers import LabelStackWriter, StackWriter
from cellid.io.writers import new_folder, replacing
from cellid.report.markup import count

Tell = Callable[[int, int], None]
"""Told how many frames are done, and of how many."""

OBJECTS, COUNTS = "objects.csv", "counts.csv"

_DESCRIBED = 3  # files: enough to see what was understood of a folder of thousands


@dataclass(frozen=True)
class PredictionJob:
    """Image files, and what is to be made of them.

    Attributes
    ----------
    images : sequence of Path
        Images, stacks, or folders of them.
    out : Path
        Folder of results.
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
    """

    images: Sequence[Path]
    out: Path
    settings: InputSettings = field(default_factory=InputSettings)
    outputs: OutputSettings = field(default_factory=OutputSettings)
    overwrite: bool = False
    say: Callable[[str], None] = print
    tell: Tell | None = None


@dataclass(frozen=True)
class JobFile:
    """One file of a job.

    Attributes
    ----------
    job : PredictionJob
    source : ImageFile
    name : str
        That results go by, of its own in the job.
    """

    job: PredictionJob
    source: ImageFile
    name: str

    @property
    def pixel_size_um(self) -> float | None:
        """Micrometres a pixel: as the job says, or else the file."""
        return self.job.settings.pixel_size_um or self.source.pixel_size_um

    def read(self, number: int) -> NDArray[np.generic]:
        """Return a frame, as `cellid.io.frames.read_frame`."""
        return read_frame(self.source, number, self.job.settings)

    def label_writer(self) -> LabelStackWriter:
        """Return what writes `labels/NAME.tif`."""
        path = self.job.out / "labels" / f"{self.name}.tif"
        return LabelStackWriter(path, self.source.n_frames, self.pixel_size_um)

    def probability_writer(self, stack: ExitStack) -> StackWriter | None:
        """Return what writes `probability/NAME.tif` until the stack ends, if that is wanted."""
        if not self.job.outputs.probability:
            return None
        path = self.job.out / "probability" / f"{self.name}.tif"
        return stack.enter_context(StackWriter(path, self.source.n_frames, self.pixel_size_um))

    def overlay(self, number: int) -> Path | None:
        """Return where the overlay of a frame goes, or None where none is wanted.

        `overlays/NAME.png`, and `overlays/NAME/0001.png` and so on of later frames.
        """
        outputs, folder = self.job.outputs, self.job.out / "overlays"
        if not outputs.overlays or (number > 0 and not outputs.every_overlay):
            return None
        return folder / self.name / f"{number:04d}.png" if number else folder / f"{self.name}.png"

    def place(self, number: int, table: pd.DataFrame) -> pd.DataFrame:
        """Return a frame's rows after columns that say which file and frame it is."""
        table.insert(0, "file", self.source.label)
        table.insert(1, "frame", number)
        return table


@dataclass(frozen=True)
class FrameResult:
    """What is told of one frame.

    Attributes
    ----------
    file : JobFile
    tables : mapping of str to DataFrame
        Its rows, by the name of the table's file.
    """

    file: JobFile
    tables: Mapping[str, pd.DataFrame]


FrameT = TypeVar("FrameT", bound=FrameResult)


class OpenJob:
    """A job whose files are open and whose folder of results is there.

    Parameters
    ----------
    job : PredictionJob

    Raises
    ------
    CellidError
        If there is nothing to predict, or the job's folder holds files.
    """

    def __init__(self, job: PredictionJob) -> None:
        self._job = job
        self._files, self._problems = open_files(job.images, job.settings, job.say)
        new_folder(job.out, job.overwrite)

    def predict(
        self, tables: Sequence[str], predict_file: Callable[[JobFile], Iterator[FrameT]]
    ) -> Generator[FrameT, None, None]:
        """Go through all frames; a file that cannot be predicted stops no other.

        Parameters
        ----------
        tables : sequence of str
            Names of the CSV files to be written, which appear when all is done.
        predict_file : callable
            Yields what is told of each frame of a file.

        Yields
        ------
        FrameResult
            Written already.
        """
        names = safe_names(file.name for file in self._files)
        with ExitStack() as stack:
            append = {
                name: stack.enter_context(_appending_table(self._job.out / name)) for name in tables
            }
            count_frame = stack.enter_context(self._counting_frames())
            for name, file in zip(names, self._files, strict=True):
                try:
                    for result in predict_file(JobFile(self._job, file, name)):
                        for table, rows in result.tables.items():
                            append[table](rows)
                        count_frame()
                        yield result
                except CellidError as error:
                    self._problems[str(file.path)] = str(error)

    def tell_problems(self) -> dict[str, str]:
        """Say and return which files could not be predicted, and why."""
        tell_problems(self._problems, self._job.say)
        return self._problems

    @contextmanager
    def _counting_frames(self) -> Iterator[Callable[[], None]]:
        """Show how many frames are done, and give what counts one more."""
        total = sum(file.n_frames for file in self._files)
        done = itertools.count(1)
        with tqdm(total=total, desc="predict", unit="frame") as bar:

            def count_frame() -> None:
                bar.update()
                if self._job.tell is not None:
                    self._job.tell(next(done), total)

            yield count_frame


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
    n_frames = sum(file.n_frames for file in files)
    say(f"{count(len(files), 'file')}, {count(n_frames, 'frame')}")
    return files, problems


def tell_problems(problems: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Say which files were left out, and why."""
    for file, problem in problems.items():
        named = problem if file in problem.splitlines()[0] else f"{file}: {problem}"
        say(f"left out: {named}")


@contextmanager
def _appending_table(path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Give a function that appends rows to a CSV file, which appears when the block ends."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:

        def append(rows: pd.DataFrame) -> None:
            rows.to_csv(stream, index=False, header=stream.tell() == 0, lineterminator="\n")

        yield append
