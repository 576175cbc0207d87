"""Phase and stain images of the same fields: found by name, read with checks."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellid.config import InputSettings
from cellid.errors import CellidError
from cellid.io.folders import list_names
from cellid.io.frames import read_frame
from cellid.io.image_file import ImageFile
from cellid.io.images import open_image, open_scenes
from cellid.io.names import parse_field_name, safe_names
from cellid.io.outlines import Outlines, read_outlines
from cellid.io.pairing import Unpaired, list_candidates, match_files


@dataclass(frozen=True)
class Pair:
    """A phase image and the stain image of the same field.

    Parameters
    ----------
    id : str
        Unique in its list, and safe as a file name.
    phase, stain : Path
        The same file for two channels of one.
    well : str or None
    site : int or None
    time_h : float or None
        As Incucyte names say.
    scene : str
        Name of the image in two files of several; else empty.
    frame : int or None
        Time point in two stacks; None for single images.
    settings : InputSettings
        How to read the files.
    outlines : Outlines or None
        What ``stain`` says of the image where it is a file of outlines.
    """

    id: str
    phase: Path
    stain: Path
    well: str | None = None
    site: int | None = None
    time_h: float | None = None
    scene: str = ""
    frame: int | None = None
    settings: InputSettings = field(default=InputSettings(), repr=False)
    outlines: Outlines | None = field(default=None, repr=False)


@dataclass(frozen=True)
class PairList:
    """Pairs in natural order, and the files that have no partner.

    Parameters
    ----------
    pairs : tuple of Pair
    unpaired : tuple of (Path, str)
        Each file left over and why.
    found_by : str
        The rule that paired them, for the user to read.
    """

    pairs: tuple[Pair, ...]
    unpaired: tuple[Unpaired, ...]
    found_by: str

    def describe(self) -> str:
        """Return what was found, a line for each thing."""
        files = len({path for pair in self.pairs for path in (pair.phase, pair.stain)})
        lines = [f"{len(self.pairs)} pairs in {files} files, found by {self.found_by}"]
        lines += [f"without a partner: {path} ({reason})" for path, reason in self.unpaired]
        return "\n".join(lines)


def find_pairs(
    phase: str | Path, stain: str | Path, settings: InputSettings | None = None
) -> PairList:
    """Find the phase and stain images that belong together.

    By the patterns of ``settings`` if given; as two channels of each file if both
    channels are given and both paths are the same; else by names: equal but for a
    channel word at the end or the beginning (``_phase``, ``_dapi``), for a folder
    called by such a word, or for the channel in Incucyte's names. Scenes of files and
    frames of stacks become pairs. Files that cannot be read stay in the list: `read_pair`
    tells.

    Parameters
    ----------
    phase, stain : str or Path
        Folders with subfolders, or single files; they may be the same. ``stain`` may also be
        a JSON file of outlines (`cellid.io.outlines`), which names the phase images.
    settings : InputSettings or None

    Returns
    -------
    PairList

    Raises
    ------
    CellidError
        If a path does not exist, or no pair is found.
    """
    settings = settings or InputSettings()
    phase, stain = Path(phase), Path(stain)
    if stain.suffix.lower() == ".json":
        return _find_outlined(phase, stain, settings)
    matches, unpaired, rule = match_files(phase, stain, settings)
    if not matches:
        raise _nothing_found(phase, stain, unpaired)
    names = safe_names(f"{first.folder}/{first.stem}" for first, _ in matches)
    pairs: list[Pair] = []
    for name, (first, second) in zip(names, matches, strict=True):
        pairs += _frame_pairs(_make_pair(name, first.path, second.path, settings))
    return PairList(tuple(pairs), tuple(unpaired), rule)


def read_pair(pair: Pair) -> tuple[NDArray[np.generic], NDArray[np.generic], float | None]:
    """Read the two images of a pair.

    Returns
    -------
    phase : (Y, X) or (Y, X, 3) array
        In colour if the file is and ``settings`` choose no channel.
    stain : (Y, X) array
        Both in the dtype of their files.
    pixel_size_um : float or None
        Of the settings, else of the files.

    Raises
    ------
    CellidError
        If a file is missing or damaged, the stain in colour without a channel chosen, the
        phase image constant, or the two differ in size or pixel size.
    """
    settings, frame = pair.settings, pair.frame or 0
    phase_file = open_image(pair.phase, settings.axes, pair.scene)
    phase = read_frame(phase_file, frame, settings)
    if pair.outlines is None:
        stain_file = open_image(pair.stain, settings.axes, pair.scene)
        _check_alike(phase_file, stain_file)
        stain = stain_file.read(frame, settings.stain_channel, settings.z_plane)
        stain_size = stain_file.pixel_size_um
    else:
        stain, stain_size = pair.outlines.draw(phase_file.plane_shape), None
    check_shows_something(pair.phase, phase)
    return phase, stain, settings.pixel_size_um or phase_file.pixel_size_um or stain_size


def _find_outlined(phase: Path, stain: Path, settings: InputSettings) -> PairList:
    """Return the images that a file of outlines names, each with what it says of it."""
    outlines = read_outlines(stain)
    by_stem = {Path(name).stem: found for name, found in outlines.items()}
    found = [c for c in list_candidates(phase) if c.stem in by_stem]
    left = by_stem.keys() - {candidate.stem for candidate in found}
    if not found:
        raise _nothing_found(phase, stain, [])
    names = safe_names(f"{candidate.folder}/{candidate.stem}" for candidate in found)
    pairs = tuple(
        replace(_make_pair(name, c.path, stain, settings), outlines=by_stem[c.stem])
        for name, c in zip(names, found, strict=True)
    )
    unpaired = tuple((Path(name), f"named in {stain.name}, no image") for name in sorted(left))
    return PairList(pairs, unpaired, f"the names in {stain.name}")


def check_shows_something(path: Path, image: NDArray[np.generic]) -> None:
    """Raise if all pixels of an image are equal."""
    if image.min() == image.max():
        raise CellidError(
            path,
            expected="an image of cells",
            got=f"every pixel {image.flat[0]}",
            remedy="leave the file out, or see whether its export failed",
        )


def _check_alike(phase: ImageFile, stain: ImageFile) -> None:
    """Raise unless two files have planes of one size, as many frames and one pixel size."""
    sizes = [f"{'×'.join(map(str, file.plane_shape))} pixels" for file in (phase, stain)]
    frames = [f"{file.n_frames} frames" for file in (phase, stain)]
    for of_phase, of_stain in (sizes, frames):
        if of_phase != of_stain:
            raise CellidError(
                stain.path,
                expected=f"{of_phase}, as in {phase.path.name}",
                got=of_stain,
                remedy="export both channels at the same size and times, or leave the pair out",
            )
    ours, theirs = phase.pixel_size_um, stain.pixel_size_um
    if ours and theirs and abs(ours - theirs) > 0.01 * ours:
        raise CellidError(
            stain.path,
            expected=f"{ours:.4g} µm a pixel, as {phase.path.name} says",
            got=f"{theirs:.4g} µm a pixel",
            remedy="export both channels at the same magnification",
        )


def _make_pair(name: str, phase: Path, stain: Path, settings: InputSettings) -> Pair:
    known = parse_field_name(phase) or parse_field_name(stain)
    if known is None:
        return Pair(name, phase, stain, settings=settings)
    return Pair(name, phase, stain, known.well, known.site, known.time_h, settings=settings)


def _frame_pairs(pair: Pair) -> Iterator[Pair]:
    """Yield a pair for each scene of two files, and each frame of two stacks."""
    for scene, file in open_scenes(pair.phase, pair.settings.axes).items():
        of_scene = replace(pair, id=f"{pair.id}_{scene}", scene=scene) if scene else pair
        # An error is told by read_pair, for one bad file must not stop the others
        n_frames = 1 if isinstance(file, CellidError) else file.n_frames
        if n_frames == 1:
            yield of_scene
        else:
            for t in range(n_frames):
                yield replace(of_scene, id=f"{of_scene.id}_t{t:04d}", frame=t)


def _nothing_found(phase: Path, stain: Path, unpaired: list[Unpaired]) -> CellidError:
    seen = f"in {phase}: {list_names(phase)}"
    if phase.resolve() != stain.resolve():
        seen += f"; in {stain}: {list_names(stain)}"
    ambiguous = sorted({reason for _, reason in unpaired if reason.startswith("ambiguous")})
    return CellidError(
        f"{phase} and {stain}",
        expected="a phase and a stain image with names alike but for _phase/_nuclear or such, "
        "or that fit the patterns",
        got="; ".join([seen, *ambiguous[:3]]),
        remedy="give input.phase_pattern and input.stain_pattern, such as {id}_ch1.tif and "
        "{id}_ch2.tif, or for two channels of one file input.phase_channel and "
        "input.stain_channel",
    )
