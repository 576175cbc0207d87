"""What file names say: natural order, channels, and Incucyte's and plates' wells and sites."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import Literal

Role = Literal["phase", "stain"]

PHASE_WORDS = frozenset(
    {"phase", "phasecontrast", "ph", "pc", "bf", "brightfield", "dic", "tl", "trans"}
)
"""Last or first words of a file name that say transmitted light."""

STAIN_WORDS = frozenset(
    {"nuclear", "nuc", "stain", "stained", "dapi", "hoechst", "h2b", "sytox", "draq5"}
    | {"fluo", "fluor", "fluorescence", "fl", "red", "green", "blue", "orange", "nir"}
    | {"gfp", "rfp", "mcherry", "cy5", "fitc"}
)
"""Last or first words of a file name that say a stain."""

# Export: VID_A1_1_00d04h00m, or A172_Phase_C7_1_02d16h00m_2 with cell line, channel, crop.
_EXPORT = re.compile(
    r"(?P<series>.+)_(?P<field>(?P<well>[A-Z]{1,2}\d{1,2})_(?P<site>\d+)"
    r"_(?P<days>\d+)d(?P<hours>\d\d)h(?P<minutes>\d\d)m(?:_(?P<crop>\d+))?)"
)
# Raw: EssenFiles/ScanData/<YYMM>/<DD>/<HHMM>/<vessel>/<Well>-<site>-{P,C1,C2}.tif
_RAW = re.compile(
    r"(?:.*/)?(?P<month>\d{4})/(?P<day>\d\d)/(?P<clock>\d{4})/[^/]+"
    r"/(?P<well>[A-Z]{1,2}\d{1,2})-(?P<site>\d+)-(?P<channel>P|C\d)"
)
# Within an OME-Zarr plate: <row>/<column>/<field>
_PLATE = re.compile(r"(?P<row>[A-Za-z]{1,2})/0*(?P<column>[1-9]\d?)/(?P<site>\d+)")
# Leica's export: Series003_t07_ch00
_CHANNEL = re.compile(r"(.*)_ch(\d\d)")
_RAW_START = datetime(2000, 1, 1)


@dataclass(frozen=True)
class FieldName:
    """Where and when an image was taken, as its name says.

    Parameters
    ----------
    stem : str
        The name without the channel, nor the number of a ``VID``: the same for all
        images of one field at one time.
    well : str
        Such as ``C7``.
    site : int
        Field within the well.
    time_h : float or None
        Hours: since the first scan for an export, since 2000-01-01 for a raw scan; None of
        a plate, whose images hold their time points.
    crop : int or None
        Piece of the field.
    role : {'phase', 'stain'} or None
        What the channel word says.
    """

    stem: str
    well: str
    site: int
    time_h: float | None
    crop: int | None
    role: Role | None


def parse_field_name(path: str | PurePath) -> FieldName | None:
    """Read the name of an Incucyte file, exported or raw, or of a field of an OME-Zarr plate.

    Parameters
    ----------
    path : str or path
        A raw name is known by its last four folders, a field by those within its plate.

    Returns
    -------
    FieldName or None
        None if it is another name.
    """
    container, within = split_zarr(Path(path))
    if match := _PLATE.fullmatch("/".join(within)):
        return FieldName(
            stem="_".join([file_stem(container), *within]),
            well=match["row"].upper() + match["column"],
            site=int(match["site"]),
            time_h=None,
            crop=None,
            role=None,
        )
    whole = PurePath(path).with_suffix("").as_posix()
    if match := _EXPORT.fullmatch(PurePath(whole).name):
        series, role = split_role(re.sub(r"^VID\d+", "VID", match["series"]))
        crop = match["crop"]
        return FieldName(
            stem=f"{series}_{match['field']}".lstrip("_"),
            well=match["well"],
            site=int(match["site"]),
            time_h=24 * int(match["days"]) + int(match["hours"]) + int(match["minutes"]) / 60,
            crop=None if crop is None else int(crop),
            role=role,
        )
    if match := _RAW.fullmatch(whole):
        try:
            taken = datetime.strptime(match["month"] + match["day"] + match["clock"], "%y%m%d%H%M")
        except ValueError:  # digits that are no date: a folder of another meaning
            return None
        return FieldName(
            stem=f"{match['well']}-{match['site']}",
            well=match["well"],
            site=int(match["site"]),
            time_h=(taken - _RAW_START).total_seconds() / 3600,
            crop=None,
            role="phase" if match["channel"] == "P" else "stain",
        )
    return None


def split_role(stem: str) -> tuple[str, Role | None]:
    """Take the channel word off a name: ``HeLa_1_nuclear`` gives ``HeLa_1`` and stain.

    The last word decides, else the first; words are parted by ``_ - .`` or a space.
    """
    for pattern, rest in ((r"(.*?)[_\-. ]?([^_\-. ]+)", 1), (r"([^_\-. ]+)[_\-. ](.+)", 2)):
        match = re.fullmatch(pattern, stem)
        if match is None:
            continue
        word = match[3 - rest].lower()
        if word in PHASE_WORDS:
            return match[rest], "phase"
        if word in STAIN_WORDS:
            return match[rest], "stain"
    return stem, None


def split_channel(stem: str) -> tuple[str, int | None]:
    """Take the channel number off a name as Leica exports it: ``s1_t07_ch00`` gives 0."""
    match = _CHANNEL.fullmatch(stem)
    return (match[1], int(match[2])) if match else (stem, None)


def split_zarr(path: Path) -> tuple[Path, tuple[str, ...]]:
    """Part the path of an image in an OME-Zarr folder after that folder; any other is whole."""
    for folder in path.parents:
        if folder.suffix.lower() == ".zarr":
            return folder, path.relative_to(folder).parts
    return path, ()


def file_stem(path: PurePath) -> str:
    """Return the name without its suffix, nor ``.ome`` before it."""
    return path.stem.removesuffix(".ome")


def safe_names(names: Iterable[str]) -> list[str]:
    """Return names safe on every file system, numbered where two would be the same."""
    safe: list[str] = []
    taken: set[str] = set()
    for name in names:
        base = re.sub(r"[^A-Za-z0-9.\-]+", "_", name).strip("._") or "field"
        unique, number = base, 2
        while unique.lower() in taken:
            unique, number = f"{base}_{number}", number + 1
        taken.add(unique.lower())
        safe.append(unique)
    return safe


def natural_key(path: str | Path) -> list[tuple[int, int, str]]:
    """Return a sorting key that puts ``t2`` before ``t10``, case ignored."""
    parts = re.split(r"(\d+)", str(path).lower())
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts]
