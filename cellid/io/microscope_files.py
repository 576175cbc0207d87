"""Files of microscopes, by the libraries kept for them: ND2 (Nikon), CZI (Zeiss), LIF (Leica).

Each may hold several scenes: the positions of a stage, or whatever was taken together.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.io.layout import (
    UM_PER_UNIT,
    Layout,
    believable_frame_h,
    believable_pixel_um,
    damaged,
    decoding,
)
from cellid.io.names import safe_names

Scenes: TypeAlias = dict[str, Layout | CellidError]
_Reader: TypeAlias = Callable[[dict[str, int]], NDArray[np.generic]]


@dataclass(frozen=True, kw_only=True)
class MicroscopeLayout(Layout):
    """Where the planes of a scene lie.

    Parameters
    ----------
    opened : callable
        Opens the file for a scene; gives a function that reads the block at an index.
    scene : int
        Number of the scene in the file.
    """

    opened: Callable[[Path, int], AbstractContextManager[_Reader]]
    scene: int

    def read_blocks(self, path: Path, numbers: Iterable[int]) -> Iterator[NDArray[np.generic]]:
        """Yield blocks of the scene by their numbers; see `Layout`."""
        with decoding(path), self.opened(path, self.scene) as read:
            for number in numbers:
                block = read(self.outer_index(number))
                whole = tuple(n for n in self.block_shape if n > 1), self.dtype
                if (block.squeeze().shape, block.dtype) != whole:
                    raise damaged(path, f"a plane of {block.shape} {block.dtype}, not of {whole}")
                yield block.reshape(self.block_shape)


def read_scenes(path: Path) -> Scenes:
    """Read what a file of a microscope holds, without its pixels.

    Parameters
    ----------
    path : Path
        With a suffix of ``MICROSCOPE_SUFFIXES``.

    Returns
    -------
    dict of str to Layout or CellidError
        By names safe in file names, empty for the only scene; or what is wrong with one.

    Raises
    ------
    CellidError
        If the file is damaged, or the library that reads it is not installed.
    """
    kind = path.suffix.lower().removeprefix(".")
    try:
        with decoding(path):
            found = list(_READERS[path.suffix.lower()](path))
    except CellidError as error:
        if isinstance(error.__cause__, ImportError):
            raise CellidError(
                path,
                expected=f"a library that reads {kind.upper()} files",
                got=f"none installed ({error.__cause__})",
                remedy=f'pip install "cellid[{kind}]"',
            ) from None
        raise
    if len(found) == 1:
        return {"": found[0][1]}
    return dict(zip(safe_names(name for name, _ in found), (one for _, one in found), strict=True))


def _read_nd2(path: Path) -> Iterator[tuple[str, MicroscopeLayout]]:
    import nd2

    with nd2.ND2File(path) as file:
        sizes = {axis: n for axis, n in file.sizes.items() if axis != "P"}
        inner = {axis: n for axis, n in sizes.items() if axis in "CYXS"}
        loops: dict[str, Any] = {loop.type: loop.parameters for loop in file.experiment}
        volume: Any = file.metadata.channels[0].volume  # type: ignore[index]
        names = [point.name for point in loops["XYPosLoop"].points] if "P" in file.sizes else [""]
        for scene, name in enumerate(names):
            yield (
                name or str(scene + 1),
                MicroscopeLayout(
                    axes="".join(sizes),
                    shape=tuple(sizes.values()),
                    dtype=file.dtype,
                    block_shape=tuple(inner.values()),
                    pixel_size_um=believable_pixel_um(*volume.axesCalibration[:2])
                    if all(volume.axesCalibrated[:2])
                    else None,
                    frame_h=_nd2_frame_h(loops),
                    opened=_open_nd2,
                    scene=scene,
                ),
            )


def _nd2_frame_h(loops: Mapping[str, Any]) -> float | None:
    """Return the hours between time points: as set, else as measured; None if they change."""
    times = [loops["TimeLoop"]] if "TimeLoop" in loops else []
    if "NETimeLoop" in loops:
        times = loops["NETimeLoop"].periods
    intervals = {time.periodMs or time.periodDiff.avg for time in times}
    return believable_frame_h(intervals.pop(), "ms") if len(intervals) == 1 else None


@contextmanager
def _open_nd2(path: Path, scene: int) -> Iterator[_Reader]:
    import nd2

    with nd2.ND2File(path) as file:
        loops = {axis: n for axis, n in file.sizes.items() if axis not in "CYXS"}

        def read(index: dict[str, int]) -> NDArray[np.generic]:
            at = [scene if axis == "P" else index[axis] for axis in loops]
            number = int(np.ravel_multi_index(at, tuple(loops.values()))) if loops else 0
            return np.array(file.read_frame(number))  # a copy: the file is mapped into memory

        yield read


def _read_czi(path: Path) -> Iterator[tuple[str, MicroscopeLayout]]:
    from pylibCZIrw import czi

    with czi.open_czi(str(path)) as file:
        about = ElementTree.fromstring(file.raw_metadata)
        box = file.total_bounding_box_no_pyramid
        pixel_type = file.get_channel_pixel_type(0)
        outer = {axis: stop - start for axis, (start, stop) in box.items() if axis not in "YXS"}
        names = {
            int(scene.get("Index", -1)): scene.get("Name")
            for scene in about.iterfind(".//Dimensions/S/Scenes/Scene")
        }
        metres = [about.findtext(f".//Scaling//Distance[@Id='{a}']/Value", "0") for a in "XY"]
        seconds = about.findtext(".//Dimensions/T//Interval/Increment", "0")
        scenes = file.scenes_bounding_rectangle_no_pyramid
        for scene, area in (scenes or {-1: file.total_bounding_rectangle_no_pyramid}).items():
            inner = {"Y": area.h, "X": area.w} | ({"S": 3} if pixel_type.startswith("Bgr") else {})
            yield (
                names.get(scene) or str(scene + 1),
                MicroscopeLayout(
                    axes="".join(outer | inner),
                    shape=tuple((outer | inner).values()),
                    dtype=_CZI_TYPES[pixel_type],
                    block_shape=tuple(inner.values()),
                    pixel_size_um=believable_pixel_um(*(float(one) * 1e6 for one in metres)),
                    frame_h=believable_frame_h(float(seconds), "s"),
                    opened=_open_czi,
                    scene=scene,
                ),
            )


_CZI_TYPES: dict[str, np.dtype[Any]] = {
    **dict.fromkeys(("Gray8", "Bgr24"), np.dtype(np.uint8)),
    **dict.fromkeys(("Gray16", "Bgr48"), np.dtype(np.uint16)),
    **dict.fromkeys(("Gray32Float", "Bgr96Float"), np.dtype(np.float32)),
}


@contextmanager
def _open_czi(path: Path, scene: int) -> Iterator[_Reader]:
    from pylibCZIrw import czi

    with czi.open_czi(str(path)) as file:

        def read(index: dict[str, int]) -> NDArray[np.generic]:
            # Their order of colours is blue, green, red
            plane = file.read(plane=index, scene=None if scene < 0 else scene)
            return np.array(plane[..., ::-1])

        yield read


def _read_lif(path: Path) -> Iterator[tuple[str, MicroscopeLayout | CellidError]]:
    import liffile

    with liffile.LifFile(path) as file:
        for scene, image in enumerate(file.images):
            try:
                with decoding(path):
                    yield image.path, _lif_layout(image, scene)
            except CellidError as error:  # such as of lifetimes, beside images that can be read
                yield image.path, error


def _lif_layout(image: Any, scene: int) -> MicroscopeLayout:
    inner = dict(image.frames.frame_sizes)
    sizes = {axis: n for axis, n in image.sizes.items() if axis not in inner} | inner
    steps = {
        axis: _lif_step(image.xml_element, number)
        for axis, number in (("X", 1), ("Y", 2), ("T", 4))
    }
    return MicroscopeLayout(
        axes="".join(axis if len(axis) == 1 else "?" for axis in sizes),
        shape=tuple(sizes.values()),
        dtype=image.dtype,
        block_shape=tuple(inner.values()),
        pixel_size_um=believable_pixel_um(
            *(steps[axis][0] * UM_PER_UNIT.get(steps[axis][1].lower(), 0) for axis in "XY")
        ),
        frame_h=believable_frame_h(*steps["T"]),
        opened=_open_lif,
        scene=scene,
    )


_LIF_DIMENSIONS = {"X": 1, "Y": 2, "T": 4}


def _lif_step(element: ElementTree.Element, number: int) -> tuple[float, str]:
    """Return the step along an axis and its unit: its length is from first to last element."""
    axis = element.find(f"./Data/Image//DimensionDescription[@DimID='{number}']")
    if axis is None:
        return 0.0, ""
    n_steps = int(axis.attrib["NumberOfElements"]) - 1
    return float(axis.attrib["Length"]) / max(1, n_steps), axis.attrib["Unit"]


@contextmanager
def _open_lif(path: Path, scene: int) -> Iterator[_Reader]:
    import liffile

    with liffile.LifFile(path) as file:
        image: Any = file.images[scene]
        yield lambda index: image.frame(**index)


_READERS: dict[str, Callable[[Path], Iterator[tuple[str, MicroscopeLayout | CellidError]]]] = {
    ".nd2": _read_nd2,
    ".czi": _read_czi,
    ".lif": _read_lif,
}
MICROSCOPE_SUFFIXES = tuple(_READERS)
