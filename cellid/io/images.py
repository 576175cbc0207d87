"""Image files of every format, understood before their pixels are read."""

from pathlib import Path

from cellid.errors import CellidError
from cellid.io import ome_zarr, png, tiff
from cellid.io.axes import settle_axes
from cellid.io.image_file import ImageFile
from cellid.io.layout import Layout, damaged
from cellid.io.microscope_files import MICROSCOPE_SUFFIXES, Scenes, read_scenes
from cellid.io.ome_zarr import is_zarr

IMAGE_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8", ".png", *MICROSCOPE_SUFFIXES)

_NAMED = 4  # scenes, in an error


def open_image(path: str | Path, axes: str | None = None, scene: str = "") -> ImageFile:
    """Understand an image file without reading its pixels.

    Parameters
    ----------
    path : str or Path
        TIFF (8, 16, 32-bit and float, multi-page, OME, BigTIFF, ImageJ), PNG, the folder of
        an OME-Zarr image, or with their readers installed ND2, CZI or LIF.
    axes : str or None
        Meaning of the axes, such as ``TYX``, taken over what the file says; None to
        read it there. Axes are never guessed.
    scene : str
        Which image, of a file of several.

    Returns
    -------
    ImageFile

    Raises
    ------
    CellidError
        If the file is missing, damaged or no image, its axes are unknown or do not fit
        ``axes``, or it holds several images and no such scene.
    """
    path = Path(path)
    layouts = _read_layouts(path)
    if scene not in layouts:
        raise CellidError(
            path,
            expected=f"the scene {scene!r}" if scene else "one image",
            got=f"{len(layouts)} scenes: {', '.join(list(layouts)[:_NAMED])}"
            + " …" * (len(layouts) > _NAMED),
            remedy="name one of them, or export each to a file of its own",
        )
    return _settle(path, scene, layouts[scene], axes)


def open_scenes(path: Path, axes: str | None = None) -> dict[str, ImageFile | CellidError]:
    """Understand every image of a file, as `open_image` does.

    Returns
    -------
    dict of str to ImageFile or CellidError
        By the name of the scene, empty in a file of one image; or what is wrong with it.
    """
    found: dict[str, ImageFile | CellidError] = {}
    try:
        layouts = _read_layouts(path)
    except CellidError as error:
        return {"": error}
    for scene, layout in layouts.items():
        try:
            found[scene] = _settle(path, scene, layout, axes)
        except CellidError as error:
            found[scene] = error
    return found


def _read_layouts(path: Path) -> Scenes:
    if is_zarr(path):
        return {"": ome_zarr.read_layout(path)}
    if not path.is_file():
        raise CellidError(
            path, expected="an image file", got="no such file", remedy="check the path"
        )
    try:
        with path.open("rb") as file:
            head = file.read(33)
    except OSError as error:
        raise CellidError(
            path,
            expected="a file that can be read",
            got=error.strerror or str(error),
            remedy="check its permissions",
        ) from error
    if path.suffix.lower() in MICROSCOPE_SUFFIXES:
        return read_scenes(path)
    if head.startswith(png.SIGNATURE):
        return {"": png.read_layout(path, head)}
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return {"": tiff.read_layout(path)}
    raise damaged(path, "an empty file" if not head else f"a file that begins {head[:8]!r}")


def _settle(path: Path, scene: str, layout: Layout | CellidError, axes: str | None) -> ImageFile:
    """Return an image whose axes are known."""
    if isinstance(layout, CellidError):
        raise layout
    subject = f"{path}, scene {scene}" if scene else path
    if 0 in layout.shape:
        raise damaged(subject, f"an image without pixels, {'×'.join(map(str, layout.shape))}")
    if layout.dtype.kind not in "buif":
        raise CellidError(
            subject,
            expected="whole or floating-point pixel values",
            got=f"dtype {layout.dtype}",
            remedy="export the image as 8, 16 or 32 bit",
        )
    known_axes, shape = settle_axes(subject, layout.axes, layout.shape, axes)
    return ImageFile(
        path=path,
        scene=scene,
        axes=known_axes,
        shape=shape,
        dtype=layout.dtype,
        pixel_size_um=layout.pixel_size_um,
        is_colour=("S", True) in zip(layout.axes, (n > 1 for n in layout.shape), strict=True),
        _layout=layout,
    )
