"""Time-lapses in files: which images show one field, and in which order they were taken."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cellid.config import InputSettings
from cellid.errors import CellidError
from cellid.io.folders import list_images
from cellid.io.image_file import ImageFile
from cellid.io.images import open_scenes
from cellid.io.names import (
    file_stem,
    natural_key,
    parse_field_name,
    safe_names,
    split_channel,
    split_role,
)

_LAST_NUMBER = re.compile(r"(.*?)[_\-. ]*(?:(?<![A-Za-z])[tT])?(\d+)(\D*)")
_INCUCYTE_TIME = re.compile(r"_\d+d\d\dh\d\dm")
_PLACEHOLDERS = {
    "well": r"(?P<well>[^/\\]+?)",
    "site": r"(?P<site>[^/\\]+?)",
    "time": r"(?P<time>\d+(?:\.\d+)?)",
    "*": r"[^/\\]*?",
}


@dataclass(frozen=True)
class TimePoint:
    """Where the image of one frame is: the file, and the time point within it."""

    file: ImageFile
    page: int


@dataclass(frozen=True)
class TimeLapse:
    """The images of one field, in order.

    Attributes
    ----------
    name : str
        Unique among those found together, and safe as a file name.
    well, site : str
        Empty where names do not say.
    points : mapping of int to TimePoint
        By frame number, from 0, ascending; numbers that are missing were not taken, or
        cannot be read.
    frame_h : float or None
        Hours from a frame to the next.
    """

    name: str
    well: str
    site: str
    points: Mapping[int, TimePoint]
    frame_h: float | None

    @property
    def n_frames(self) -> int:
        """Number of frames, missing ones included."""
        return max(self.points) + 1

    @property
    def first(self) -> ImageFile:
        """The file of the first frame, which says what the others are."""
        return next(iter(self.points.values())).file

    def missing(self) -> list[int]:
        """Return the numbers of frames that are not there."""
        return sorted(set(range(self.n_frames)) - set(self.points))

    def time_h(self, frame: int) -> float:
        """Return the hours since the first frame; nan if their distance is not known."""
        return np.nan if self.frame_h is None else frame * self.frame_h

    def describe(self) -> str:
        """Return one line: name, frames, what is missing, size, interval."""
        rows, columns = self.first.plane_shape
        missing = self.missing()
        gaps = f" ({len(missing)} missing: {_shorten(missing)})" if missing else ""
        every = "unknown interval" if self.frame_h is None else f"every {self.frame_h * 60:g} min"
        size = self.first.pixel_size_um
        pixel = "unknown pixel size" if size is None else f"{size:.4g} µm/px"
        return (
            f"{self.name}: {self.n_frames} frame{'s' * (self.n_frames > 1)}{gaps} of "
            f"{rows}×{columns} {self.first.dtype}, {every}, {pixel}"
        )


@dataclass(frozen=True)
class _Single:
    """A file of one frame: its field, and when it was taken (frames or hours, see ``unit_h``)."""

    field: tuple[str, ...]
    well: str
    site: str
    time: float
    unit_h: float | None
    file: ImageFile


def find_time_lapses(
    paths: Sequence[Path], settings: InputSettings
) -> tuple[list[TimeLapse], dict[str, str]]:
    """Find the time-lapses in files and folders.

    An image with a T axis is a time-lapse; a file may hold several, and a plate does. Images
    of one frame each are put together by ``settings.frame_pattern``; else by Incucyte's well,
    site and time; else by the last number of their names, which counts the frames. Stain
    images are left out, and channels but the first of Leica's exports (``_ch00``).

    Parameters
    ----------
    paths : sequence of Path
        Files, or folders of them.
    settings : InputSettings
        Pattern, axes and time between frames.

    Returns
    -------
    time_lapses : list of TimeLapse
        In natural order.
    problems : dict of str to str
        Files that belong to none, and why; stains only where there is nothing else.

    Raises
    ------
    CellidError
        If there is no such path, the pattern is none, or two files are of the same frame.
    """
    pattern = None if settings.frame_pattern is None else _compile(settings.frame_pattern)
    problems: dict[str, str] = {}
    stains: dict[str, str] = {}
    stacks: list[ImageFile] = []
    singles: list[_Single] = []
    files = [(path, file) for path in paths for file in list_images(path)]
    for root, path in tqdm(files, desc="look at files", unit="file", delay=2):
        for scene, file in open_scenes(path, settings.axes).items():
            key = f"{path}, scene {scene}" if scene else str(path)
            if isinstance(file, CellidError):
                problems[key] = str(file)
            elif file.n_frames > 1:
                stacks.append(file)
            elif pattern is None and _is_stain(path):
                stains[key] = f"{key}: a stain"
            elif (single := _place(root, file, pattern)) is None:
                problems[key] = f"{key}: {_describe_unplaced(file)}"
            else:
                singles.append(single)
    found = [*_group(singles, settings, problems), *(_from_stack(f, settings) for f in stacks)]
    return _name_apart(found), problems if found else problems | stains


def _compile(pattern: str) -> re.Pattern[str]:
    if "{time}" not in pattern:
        raise CellidError(
            "input.frame_pattern",
            expected="a file name with {time}, such as {well}_{site}_t{time}.tif",
            got=repr(pattern),
            remedy="write {time} where the number of the frame stands, {well} and {site} where "
            "these stand, and * for what may be anything",
        )
    parts = re.split(r"(\{well\}|\{site\}|\{time\}|\*)", pattern.replace("\\", "/"))
    try:
        return re.compile(
            "(?:.*/)?" + "".join(_PLACEHOLDERS.get(p.strip("{}"), re.escape(p)) for p in parts)
        )
    except re.error:
        raise CellidError(
            "input.frame_pattern",
            expected="{well}, {site} and {time} at most once each",
            got=repr(pattern),
            remedy="write * where the same thing stands again",
        ) from None


def _is_stain(path: Path) -> bool:
    """Say whether a name is that of a stain, or of a channel after Leica's first."""
    if name := parse_field_name(path):
        return name.role == "stain"
    stem, channel = split_channel(file_stem(path))
    return bool(channel) or split_role(stem)[1] == "stain"


def _describe_unplaced(file: ImageFile) -> str:
    """Say what a file lacks to be a frame or a stack."""
    if len(file.axes) == 2:
        return "a name that tells no field and frame"
    sides = "×".join(map(str, file.shape))
    return f"axes {file.axes} of {sides}, none of them T; if it is a stack, say --axes TYX"


def _place(root: Path, file: ImageFile, pattern: re.Pattern[str] | None) -> _Single | None:
    """Say of which field, and when, an image of one frame is; None if its name does not."""
    inside = root in file.container.parents
    folder = file.container.parent.relative_to(root) if inside else Path()
    if pattern is not None:
        match = pattern.fullmatch((folder / file.label).as_posix())
        if match is None:
            return None
        known = match.groupdict()
        well, site = known.get("well", ""), known.get("site", "")
        rest = () if well or site else (root.resolve().name,)
        return _Single((*rest, well, site), well, site, float(known["time"]), None, file)
    if name := parse_field_name(file.path):
        stem, exported = _INCUCYTE_TIME.subn("", name.stem)
        # The folders of raw scans are times
        within = folder.parts if exported else ()
        return _Single((*within, stem), name.well, str(name.site), name.time_h or 0.0, 1.0, file)
    stem, _ = split_channel(file_stem(file.container))
    number = _LAST_NUMBER.fullmatch(split_role(stem)[0])
    if number is None:
        return None
    field = (*folder.parts, number[1], number[3].strip("_-. "), *file.within)
    if not any(field):
        field = (root.resolve().name,)
    return _Single(field, "", "", int(number[2]), None, file)


def _group(
    singles: Sequence[_Single], settings: InputSettings, problems: dict[str, str]
) -> list[TimeLapse]:
    fields: dict[tuple[str, ...], list[_Single]] = defaultdict(list)
    for single in singles:
        fields[single.field].append(single)
    found = []
    for field, of_field in fields.items():
        of_field.sort(key=lambda single: single.time)
        numbers, step = _number_frames(of_field)
        unit_h = of_field[0].unit_h
        given_h = None if settings.frame_minutes is None else settings.frame_minutes / 60
        shape = of_field[0].file.plane_shape
        points = {}
        for number, single in zip(numbers, of_field, strict=True):
            if single.file.plane_shape == shape:
                points[number] = TimePoint(single.file, 0)
            else:
                problems[str(single.file.path)] = (
                    f"{single.file.path}: {single.file.plane_shape} pixels, where the first "
                    f"frame of its field has {shape}"
                )
        found.append(
            TimeLapse(
                name="_".join(part for part in field if part),
                well=of_field[0].well,
                site=of_field[0].site,
                points=points,
                frame_h=given_h or (None if unit_h is None or step == 0 else step * unit_h),
            )
        )
    return found


def _number_frames(of_field: list[_Single]) -> tuple[list[int], float]:
    """Return the frame numbers of images in order of time, and the time of one frame.

    The most frequent interval is one frame, of several the shortest; the others are rounded
    to so many frames, so that missing ones leave a gap. Where some are shorter than half of
    it the images are counted through.
    """
    times = np.array([single.time for single in of_field])
    steps = np.diff(times)
    if np.any(steps == 0):
        first, second = (of_field[int(np.argmin(steps)) + i].file.path for i in (0, 1))
        raise CellidError(
            second,
            expected="one image a field and frame",
            got=f"the same frame as in {first}",
            remedy="give one channel alone, or input.frame_pattern that tells the fields apart",
        )
    if not steps.size:
        return [0], 0.0
    lengths, often = np.unique(steps.round(6), return_counts=True)
    frames = np.rint(steps / lengths[np.argmax(often)]).astype(int)
    if not frames.all():
        frames[:] = 1
    return [0, *np.cumsum(frames).tolist()], float(np.sum(steps) / np.sum(frames))


def _from_stack(file: ImageFile, settings: InputSettings) -> TimeLapse:
    known = parse_field_name(file.path)
    return TimeLapse(
        name=file.name,
        well=known.well if known else "",
        site=str(known.site) if known else "",
        points={page: TimePoint(file, page) for page in range(file.n_frames)},
        frame_h=file.frame_h if settings.frame_minutes is None else settings.frame_minutes / 60,
    )


def _name_apart(found: list[TimeLapse]) -> list[TimeLapse]:
    found = sorted(found, key=lambda one: natural_key(one.name))
    names = safe_names(one.name for one in found)
    return [replace(one, name=name) for one, name in zip(found, names, strict=True)]


def _shorten(numbers: list[int], limit: int = 5) -> str:
    return ", ".join(map(str, numbers[:limit])) + (" …" if len(numbers) > limit else "")
