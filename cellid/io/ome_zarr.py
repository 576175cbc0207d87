"""OME-Zarr, versions 0.1 to 0.5: images, and the images of plates, in a folder each."""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
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

_OLD_AXES = "tczyx"  # of all images before version 0.3, which do not say them
_BIOFORMATS = "bioformats2raw.layout"


@dataclass(frozen=True, kw_only=True)
class ZarrLayout(Layout):
    """Where the planes of an OME-Zarr image lie.

    Parameters
    ----------
    array : str
        Name of the array of full resolution in the folder of the image.
    chunk_shape : tuple of int
        Pixels of a file, along each axis.
    chunk_names : object
        Zarr's metadata of the array, which name the file of a chunk.
    """

    array: str
    chunk_shape: tuple[int, ...]
    chunk_names: Any

    def read_blocks(self, path: Path, numbers: Iterable[int]) -> Iterator[NDArray[np.generic]]:
        """Yield planes by their numbers; see `Layout`.

        Raises
        ------
        CellidError
            Also if a plane has not been written: Zarr fills in what is missing.
        """
        with decoding(path):
            array = _open_array(path / self.array)
        for number in numbers:
            index = tuple(self.outer_index(number).values())
            if not any(part.exists() for part in self.list_parts(path, number)):
                raise damaged(path, f"no pixels of the plane {index} of {self.axes[:-2]}")
            with decoding(path):
                plane = np.asarray(array[index])
            yield plane.astype(self.dtype, copy=False)

    def list_parts(self, path: Path, number: int) -> list[Path]:
        """Return the files that a plane lies in; see `Layout`."""
        outer = self.outer_index(number).values()
        chunks = (
            *((i // size,) for i, size in zip(outer, self.chunk_shape, strict=False)),
            *(
                range(math.ceil(length / size))
                for length, size in zip(self.block_shape, self.chunk_shape[-2:], strict=True)
            ),
        )
        names = map(self.chunk_names.encode_chunk_key, itertools.product(*chunks))
        return [path / self.array / name for name in names]


def is_zarr(path: Path) -> bool:
    """Say whether a path is a folder that is an OME-Zarr image, or plate, or part of one."""
    if not path.is_dir():
        return False
    is_group = any((path / name).is_file() for name in ("zarr.json", ".zgroup"))
    return is_group or path.suffix.lower() == ".zarr"


def list_fields(path: Path) -> list[Path]:
    """Return the folders of the images of a plate, well or file of several; of an image, its own.

    What cannot be read is returned as it is: `read_layout` tells what is wrong with it.
    """
    try:
        attributes = _read_attributes(path)
        if "plate" in attributes:
            wells = [path / well["path"] for well in attributes["plate"]["wells"]]
            return [field for well in wells for field in list_fields(well)]
        if "well" in attributes:
            return [path / str(image["path"]) for image in attributes["well"]["images"]]
        if _BIOFORMATS in attributes:
            return [child for child in path.iterdir() if child.name.isdecimal()]
    except (CellidError, LookupError, TypeError, OSError):
        pass
    return [path]


def read_layout(path: Path) -> ZarrLayout:
    """Read where the planes of full resolution of an OME-Zarr image lie.

    Raises
    ------
    CellidError
        If it is damaged, or no image.
    """
    attributes = _read_attributes(path)
    if "multiscales" not in attributes:
        raise CellidError(
            path,
            expected="an OME-Zarr image (with multiscales in its attributes)",
            got=f"a Zarr folder that says {', '.join(attributes) or 'nothing'}",
            remedy="give the folder of the image, plate or well, or save it as OME-Zarr",
        )
    with decoding(path):
        image = attributes["multiscales"][0]
        level = image["datasets"][0]
        array = _open_array(path / level["path"])
        said = image.get("axes", _OLD_AXES)
        axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in said]
        if len(axes) != array.ndim:
            raise damaged(path, f"an array of {array.ndim} axes, where it says {len(axes)}")
        scales = np.prod([_read_scale(part, len(axes)) for part in (image, level)], axis=0)
        steps = {
            axis["name"].upper(): (float(scale), str(axis.get("unit", "")))
            for axis, scale in zip(axes, scales, strict=True)
        }
        letters = [name if len(name) == 1 else "?" for name in steps]
        (y, y_unit), (x, x_unit) = steps["Y"], steps["X"]
        return ZarrLayout(
            axes="".join(letters),
            shape=array.shape,
            dtype=array.dtype.newbyteorder("="),
            block_shape=array.shape[-2:],
            pixel_size_um=believable_pixel_um(
                x * UM_PER_UNIT.get(x_unit.lower(), 0), y * UM_PER_UNIT.get(y_unit.lower(), 0)
            ),
            frame_h=believable_frame_h(*steps.get("T", (0.0, ""))),
            array=level["path"],
            chunk_shape=array.shards or array.chunks,
            chunk_names=array.metadata,
        )


def _open_array(path: Path) -> zarr.Array[Any]:
    if not path.is_dir():
        raise FileNotFoundError(f"no array {path.name}")
    return zarr.open_array(path, mode="r")


def _read_attributes(path: Path) -> dict[str, Any]:
    """Return the attributes of a group; from version 0.5 on they stand within one of them."""
    with decoding(path):
        attributes: dict[str, Any] = zarr.open_group(path, mode="r").attrs.asdict()
        return dict(attributes.get("ome", attributes))


def _read_scale(described: dict[str, Any], n_axes: int) -> NDArray[np.float64]:
    """Return the steps of the axes that an image or one of its arrays says; ones if none."""
    for transformation in described.get("coordinateTransformations", ()):
        if transformation["type"] == "scale":
            return np.asarray(transformation["scale"], float)
    return np.ones(n_axes)
