"""A job of the page: files that were sent become results, by the workflow of `cellid predict`."""

import importlib.metadata
import os
import re
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cellid.apps.runs import OfferedRun
from cellid.config import InputSettings, OutputSettings, PageSettings
from cellid.dataset import INSTANCES
from cellid.errors import CellidError
from cellid.io.image_file import ImageFile
from cellid.io.images import open_scenes
from cellid.io.names import natural_key, safe_names
from cellid.io.writers import replacing, write_json
from cellid.models.classifier import Classifier
from cellid.report.classifier import PATCHES
from cellid.report.markup import count
from cellid.workflows.any_run import AnyRun, at_threshold, predict_files
from cellid.workflows.object_tables import CELLS
from cellid.workflows.prediction_job import (
    COUNTS,
    OBJECTS,
    PredictionJob,
    Tell,
    tell_problems,
)
from cellid.workflows.unlike import UnlikeFrames, tell_unlike

ZIP = "results.zip"
_TABLES = (COUNTS, OBJECTS, CELLS, PATCHES, INSTANCES)
_MOST_SAMPLES = 4  # of a pixel of a colour image
_STEP = 2  # digits of a threshold that is set by hand

# What of a table of frames is shown, of every kind of run
_SHOWN = (
    *("file", "frame", "n_nuclei", "n_objects", "n_positive", "n_patches", "n_cells"),
    *("unlike_training", "unlike_in"),
)

# A path of this machine, up to its last part
_FOLDERS = re.compile(r"(?<![\w.:/<])(?:[A-Za-z]:[\\/]|/)(?:[^\s\\/:,;'\"]+[\\/])+")


@dataclass(frozen=True)
class Picture:
    """An overlay: of which file, which frame of how many, and where it lies in the results."""

    file: str
    frame: int
    n_frames: int
    path: str


@dataclass(frozen=True)
class Results:
    """What a job made.

    Attributes
    ----------
    folder : Path
    pictures : tuple of Picture
    counts : DataFrame
        A row a frame: ``file``, ``frame`` from 0, the count, and what else is told of it.
    rows : DataFrame
        The first rows of the table of objects or patches.
    downloads : tuple of str
        Files within the folder.
    warnings : tuple of str
        Files that were left out, and frames unlike the training images.
    notes : tuple of str
        What was understood of the files.
    """

    folder: Path
    pictures: tuple[Picture, ...]
    counts: pd.DataFrame
    rows: pd.DataFrame
    downloads: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def files(self) -> frozenset[str]:
        """All that may be fetched of the folder."""
        return frozenset(self.downloads) | {picture.path for picture in self.pictures}


def take_files(sent: Sequence[Path], folder: Path) -> tuple[Path, ...]:
    """Bring files that were sent into a folder, under names that are safe and differ.

    Parameters
    ----------
    sent : sequence of Path
    folder : Path
        New; is made.
    """
    folder.mkdir(parents=True)
    names = safe_names(path.stem for path in sent)
    taken = []
    for path, name in zip(sent, names, strict=True):
        target = folder / f"{name}{path.suffix.lower()}"
        try:
            os.link(path, target)
        except OSError:  # another disk, or one without links
            shutil.copyfile(path, target)
        taken.append(target)
    return tuple(taken)


def check_images(images: Sequence[Path], settings: InputSettings, limits: PageSettings) -> str:
    """Return what was sent in a line, known from the headers of the files.

    Raises
    ------
    CellidError
        If no file can be read, or they are more, larger or longer than is allowed.
    """
    _check_limit("files", len(images), limits.max_files, "--max-files", "send fewer at once")
    opened = [file for path in images for file in open_scenes(path, settings.axes).values()]
    files = [file for file in opened if isinstance(file, ImageFile)]
    if not files:
        raise next((file for file in opened if isinstance(file, CellidError)), _nothing_sent())
    for file in files:
        height, width = file.plane_shape
        remedy = "cut it into smaller images, or save it with larger pixels"
        size = max(height * width, file.n_read_at_once // _MOST_SAMPLES)
        _check_limit(file.label, size, limits.max_image_px, "--max-image-px", remedy, "pixels")
    n_frames = sum(file.n_frames for file in files)
    _check_limit("frames", n_frames, limits.max_frames, "--max-frames", "send fewer at once")
    sizes = sorted({"×".join(map(str, file.plane_shape[::-1])) for file in files})
    told = f"{count(len(images), 'file')}, {count(n_frames, 'frame')}, {' and '.join(sizes[:3])}"
    return f"{told}{' and others' * (len(sizes) > 3)} pixels"


def run_job(
    offered: OfferedRun,
    run: AnyRun,
    images: Sequence[Path],
    out: Path,
    settings: InputSettings,
    threshold: float,
    limits: PageSettings,
    tell: Tell | None = None,
) -> Results:
    """Find in images what a run is for, and gather what a page shows of it.

    Parameters
    ----------
    offered, run : OfferedRun, AnyRun
        The run, and what it is in memory.
    images : sequence of Path
        As `take_files` gives them.
    out : Path
        New folder: what `cellid predict` writes, and all of it as `results.zip`.
    settings : InputSettings
        Axes, channel, focal plane and pixel size.
    threshold : float
        Rounded as it is shown, the run's own is taken as it was tuned.
    limits : PageSettings
    tell : callable or None
        As of `PredictionJob`.

    Raises
    ------
    CellidError
        As `check_images` and `predict_files`.
    """
    check_images(images, settings, limits)
    if round(threshold, _STEP) == round(offered.threshold, _STEP):
        threshold = offered.threshold
    said: list[str] = []
    outputs = OutputSettings(every_overlay=True)
    job = PredictionJob(images, out, settings, outputs, say=said.append, tell=tell)
    problems = predict_files(at_threshold(run, threshold), job)
    counts = _count_frames(out, run)
    warnings: list[str] = []
    tell_problems(problems, warnings.append)
    tell_unlike(_unlike(counts), warnings.append)
    used = {
        "model": offered.name,
        "trained_on": offered.trained_on,
        "threshold": threshold,
        "settings": settings.model_dump(exclude_defaults=True),
        "files": [path.name for path in images],
        "cellid": importlib.metadata.version("cellid"),
    }
    write_json(out / "settings.json", used)
    labels = sorted((path.name for path in out.glob("labels/*")), key=natural_key)
    made = [name for name in _TABLES if (out / name).exists()]
    _zip(out)
    rows = _read_table(out / (PATCHES if PATCHES in made else OBJECTS), limits.shown_rows)
    return Results(
        folder=out,
        pictures=tuple(_list_pictures(out)),
        counts=counts,
        rows=rows,
        downloads=(ZIP, *made, *(f"labels/{name}" for name in labels)),
        warnings=tuple(hide_paths(line, images[0].parent) for line in warnings),
        notes=tuple(line for line in said if line not in warnings),
    )


def hide_paths(text: str, *folders: Path) -> str:
    """Return a text in which of every path of this machine only the last part is left.

    Parameters
    ----------
    text : str
    *folders : Path
        Known to be named in it, with whatever their names hold; others are told by their form.
    """
    for folder in folders:
        text = text.replace(f"{folder}{os.sep}", "")
    return _FOLDERS.sub("", text)


def _nothing_sent() -> CellidError:
    return CellidError(
        "images", expected="at least one image", got="none", remedy="drop an image or a stack"
    )


def _check_limit(
    subject: str, number: int, most: int, option: str, remedy: str, unit: str = ""
) -> None:
    """Raise if there are more than ``most``."""
    if number > most:
        unit = f" {unit}" if unit else ""
        raise CellidError(
            subject,
            expected=f"at most {most:,}{unit}",
            got=f"{number:,}",
            remedy=f"{remedy}; whoever started the page may allow more with {option}",
        )


def _list_pictures(out: Path) -> list[Picture]:
    pictures = []
    for first in sorted(out.glob("overlays/*.png"), key=natural_key):
        of_file = [first, *sorted((out / "overlays" / first.stem).glob("*.png"))]
        pictures += [
            Picture(first.stem, frame, len(of_file), path.relative_to(out).as_posix())
            for frame, path in enumerate(of_file)
        ]
    return pictures


def _read_table(path: Path, n_rows: int | None = None) -> pd.DataFrame:
    """Return the first rows of a table; one of no frames at all is an empty file."""
    if not path.stat().st_size:
        return pd.DataFrame()
    return pd.read_csv(path, nrows=n_rows).round(4).dropna(axis="columns", how="all")


def _count_frames(out: Path, run: AnyRun) -> pd.DataFrame:
    """Return what is shown of each frame."""
    if not isinstance(run, Classifier):
        counts = _read_table(out / COUNTS)
        return counts[[name for name in _SHOWN if name in counts]]
    patches = _read_table(out / PATCHES)
    positive = patches["class"] == run.config.recipe.patches.positive
    by_frame = positive.groupby([patches["file"], patches["frame"]], sort=False)
    counts = by_frame.agg(n_positive="sum", n_patches="count")
    return counts.reset_index()


def _unlike(counts: pd.DataFrame) -> list[str]:
    """Return which files have frames unlike the training images; of U-Nets alone it is known."""
    unlike = UnlikeFrames()
    if "unlike_training" in counts:
        for name, rows in counts.groupby("file"):
            unlike.add(str(name), rows)
    return unlike.describe()


def _zip(out: Path) -> None:
    """Put all that a job made into one file beside it."""
    made = sorted(path for path in out.rglob("*") if path.is_file())
    with (
        replacing(out / ZIP) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for path in made:
            archive.write(path, path.relative_to(out))
