"""What image files are understood to be, and their planes."""

import re
import tracemalloc
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from cellid.errors import CellidError
from cellid.io.images import open_image

STACK = np.random.default_rng(0).integers(0, 60_000, (5, 24, 32)).astype(np.uint16)


def planes(path: Path, **choice: int) -> np.ndarray:
    return np.stack(list(open_image(path).frames(**choice)))


@pytest.mark.parametrize(
    "options",
    [
        {"metadata": {"axes": "TYX"}},
        {"metadata": {"axes": "TYX"}, "compression": "zlib"},
        {"metadata": {"axes": "TYX"}, "tile": (16, 16), "compression": "zlib"},
        {"metadata": {"axes": "TYX"}, "bigtiff": True},
        {"metadata": {"axes": "TYX"}, "byteorder": ">"},
        {"metadata": {"axes": "TYX"}, "ome": True},
        {"metadata": {"axes": "TYX"}, "imagej": True},
    ],
    ids=lambda options: "-".join(map(str, options)),
)
def test_every_kind_of_stack_is_read_frame_by_frame(tmp_path: Path, options: dict) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, **options)
    image = open_image(tmp_path / "a.tif")
    assert (image.axes, image.shape, image.n_frames) == ("TYX", (5, 24, 32), 5)
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(list(image.frames()), STACK)
    np.testing.assert_array_equal(image.read(3), STACK[3])


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i2", "i4", "f4", "f8"])
def test_the_dtype_stays_as_stored(tmp_path: Path, dtype: str) -> None:
    stored = STACK[0].astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored)
    image = open_image(tmp_path / "a.tif")
    assert image.axes == "YX"
    assert image.read().dtype == stored.dtype
    np.testing.assert_array_equal(image.read(), stored)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_keeps_its_depth(tmp_path: Path, dtype: type) -> None:
    stored = STACK[0].astype(dtype)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(stored))
    image = open_image(tmp_path / "a.png")
    assert (image.axes, image.shape, image.dtype) == ("YX", (24, 32), np.dtype(dtype))
    np.testing.assert_array_equal(image.read(), stored)


def test_a_channel_and_a_focal_plane_are_chosen_by_number(tmp_path: Path) -> None:
    stored = np.arange(3 * 2 * 4 * 8 * 9, dtype=np.uint16).reshape(3, 2, 4, 8, 9)
    metadata = {"axes": "TCZYX"}
    tifffile.imwrite(tmp_path / "a.ome.tif", stored, metadata=metadata, compression="zlib")
    image = open_image(tmp_path / "a.ome.tif")
    assert (image.axes, image.n_channels, image.n_slices) == ("TCZYX", 2, 4)
    np.testing.assert_array_equal(planes(image.path, channel=1, z_plane=2), stored[:, 1, 2])
    with pytest.raises(CellidError, match=r"number of a channel[\s\S]*0 to 1"):
        image.read(z_plane=0)
    with pytest.raises(CellidError, match=r"number of a focal plane[\s\S]*z_plane"):
        image.read(channel=0)
    with pytest.raises(CellidError, match="axis C from 0 to 1"):
        image.read(channel=2, z_plane=0)
    with pytest.raises(CellidError, match="axis T from 0 to 2"):
        image.read(3, channel=0, z_plane=0)


def test_pages_of_unknown_meaning_are_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, metadata=None, photometric="minisblack")
    with pytest.raises(CellidError) as error:
        open_image(path)
    assert "?YX of 5×24×32" in error.value.got
    assert re.search("TYX if its 5 planes are time points.*CYX.*ZYX", error.value.remedy)
    np.testing.assert_array_equal(list(open_image(path, "TYX").frames()), STACK)
    np.testing.assert_array_equal(open_image(path, "cyx").read(channel=4), STACK[4])


def test_given_axes_are_believed_over_the_file(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, metadata={"axes": "ZYX"})
    assert open_image(tmp_path / "a.tif").axes == "ZYX"
    np.testing.assert_array_equal(list(open_image(tmp_path / "a.tif", "TYX").frames()), STACK)


def test_three_frames_stored_as_planar_colour_can_be_called_time(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[:3], photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(list(open_image(tmp_path / "a.tif", "TYX").frames()), STACK[:3])


@pytest.mark.parametrize("axes", ["YX", "TCYX", "YXC", "CYX?", "TXY", "TTYX", "", "T"])
def test_axes_that_do_not_fit_are_refused(tmp_path: Path, axes: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, metadata={"axes": "TYX"})
    with pytest.raises(CellidError):
        open_image(tmp_path / "a.tif", axes)


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_colour_needs_a_chosen_channel(tmp_path: Path, name: str) -> None:
    colour = np.moveaxis(STACK[:3], 0, -1).astype(np.uint8)
    if name == "a.tif":
        tifffile.imwrite(tmp_path / name, colour, photometric="rgb")
    else:
        (tmp_path / name).write_bytes(imagecodecs.png_encode(np.ascontiguousarray(colour)))
    image = open_image(tmp_path / name)
    assert (image.axes, image.is_colour) == ("YXC", True)
    with pytest.raises(CellidError, match=r"grey image[\s\S]*colour image of 3 samples"):
        image.read()
    np.testing.assert_array_equal(image.read(channel=1), colour[..., 1])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"resolution": (1e4 / 1.24, 1e4 / 1.24), "resolutionunit": "CENTIMETER"}, 1.24),
        ({"resolution": (25_400 / 0.65, 25_400 / 0.65), "resolutionunit": "INCH"}, 0.65),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, None),
        ({"resolution": (2, 2), "resolutionunit": "NONE"}, None),
        ({"resolution": (2, 4), "imagej": True, "metadata": {"unit": "um"}}, None),
        ({"resolution": (2, 2), "imagej": True, "metadata": {"unit": "\\u00B5m"}}, 0.5),
        ({"resolution": (2, 2), "imagej": True, "metadata": {"unit": "pixel"}}, None),
        (
            {
                "ome": True,
                "metadata": {
                    "PhysicalSizeX": 650,
                    "PhysicalSizeXUnit": "nm",
                    "PhysicalSizeY": 650,
                    "PhysicalSizeYUnit": "nm",
                },
            },
            0.65,
        ),
        ({}, None),
    ],
)
def test_pixel_size_is_read_or_unknown(
    tmp_path: Path, options: dict, expected: float | None
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], **options)
    size = open_image(tmp_path / "a.tif").pixel_size_um
    assert size == (None if expected is None else pytest.approx(expected, rel=1e-4))


def test_a_line_describes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "VID_A1_1_00d04h00m.tif"
    stored = np.linspace(12, 244, 24 * 32).reshape(24, 32).astype(np.uint8)
    tifffile.imwrite(path, stored, resolution=(1e4 / 1.24, 1e4 / 1.24), resolutionunit=3)
    described = open_image(path).describe()
    assert described == "VID_A1_1_00d04h00m.tif: YX 24×32 uint8 12..244, 1.24 µm/px"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(tmp_path: Path, value: float) -> None:
    stored = STACK[0].astype(np.float32)
    stored[3, 4] = value
    tifffile.imwrite(tmp_path / "a.tif", stored)
    with pytest.raises(CellidError, match="1 pixels of NaN or infinity"):
        open_image(tmp_path / "a.tif").read()


def test_missing_empty_and_foreign_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(CellidError, match="no such file"):
        open_image(tmp_path / "none.tif")
    (tmp_path / "empty.tif").touch()
    with pytest.raises(CellidError, match="an empty file"):
        open_image(tmp_path / "empty.tif")
    (tmp_path / "text.tif").write_text("well, not an image")
    with pytest.raises(CellidError, match="begins"):
        open_image(tmp_path / "text.tif")


def test_several_images_in_one_file_are_told(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(STACK[0])
        tif.write(STACK[1, :10, :10])
    with pytest.raises(CellidError, match="2 images of shapes"):
        open_image(tmp_path / "a.tif")


KINDS = {
    "shaped": {"metadata": {"axes": "TYX"}},
    "ome": {"metadata": {"axes": "TYX"}, "ome": True, "compression": "zlib"},
    "imagej": {"metadata": {"axes": "TYX"}, "imagej": True},
    "big": {"metadata": {"axes": "TYX"}, "bigtiff": True, "compression": "zlib"},
    "pages": {"metadata": None, "compression": "zlib"},
    "plain": {"metadata": None, "photometric": "minisblack", "compression": "lzw"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_short_never_passes_for_a_whole_one(tmp_path: Path, kind: str) -> None:
    """Wherever it is cut: an error, or (past the last pixel) every frame unharmed."""
    whole = tmp_path / "whole.tif"
    if kind == "pages":
        for page in STACK:
            tifffile.imwrite(whole, page, append=True, **KINDS[kind])
    else:
        tifffile.imwrite(whole, STACK, **KINDS[kind])
    data = whole.read_bytes()
    cut = tmp_path / "cut.tif"
    refused = 0
    with tifffile.TiffFile(whole) as tif:
        between_pages = [page.offset for page in tif.pages]
    anywhere = range(0, len(data), len(data) // 60)
    for length in (*anywhere, *between_pages, *range(len(data) - 12, len(data))):
        cut.write_bytes(data[:length])
        try:
            frames = list(open_image(cut, "TYX").frames())
        except CellidError:
            refused += 1
        else:
            np.testing.assert_array_equal(frames, STACK)
    assert refused > 40


@pytest.mark.parametrize("options", [{}, {"imagej": True}, {"metadata": None}])
def test_pixels_cut_short_are_told_before_they_are_read(tmp_path: Path, options: dict) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], **options)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CellidError, match=r"cut short|corrupted"):
        open_image(path)


def test_an_image_without_pixels_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages.first.tags["ImageLength"].overwrite(0)
    with pytest.raises(CellidError, match="without pixels, 0×32"):
        open_image(path)


def test_planes_that_metadata_promise_and_the_file_lacks_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, STACK, metadata={"axes": "TYX"}, compression="zlib")
    described = tifffile.tiffcomment(path)
    assert isinstance(described, str)
    tifffile.tiffcomment(path, described.replace('SizeT="5"', 'SizeT="7"').encode())
    with pytest.raises(CellidError, match="5 of 7 planes"):
        open_image(path)


def test_a_png_cut_short_is_told(tmp_path: Path) -> None:
    data = imagecodecs.png_encode(STACK[0])
    for length in (8, 20, 33, 100, len(data) - 13):
        (tmp_path / "a.png").write_bytes(data[:length])
        with pytest.raises(CellidError):
            open_image(tmp_path / "a.png").read()


def test_a_changed_byte_raises_nothing_but_an_error_of_ours(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, metadata={"axes": "TYX"}, compression="zlib")
    data = path.read_bytes()
    told = 0
    for position in random.integers(0, 600, 80):
        damaged = bytearray(data)
        damaged[position] ^= int(random.integers(1, 256))
        path.write_bytes(damaged)
        try:
            list(open_image(path, "TYX").frames())
        except CellidError:
            told += 1
    assert told > 10


def test_a_long_stack_is_read_in_constant_memory(tmp_path: Path) -> None:
    page = np.zeros((64, 64), np.uint16)
    path = tmp_path / "long.tif"
    with tifffile.TiffWriter(path) as tif:
        for number in range(800):
            description = "ImageJ=1.54f\nimages=800\nframes=800\n" if number == 0 else None
            tif.write(page + number, contiguous=False, metadata=None, description=description)
    image = open_image(path)
    tracemalloc.start()
    last = [int(frame[0, 0]) for frame in image.frames()]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert last == list(range(800))
    assert peak < 1.5e6, "6.5 MB of pixels must not be held"


@pytest.mark.real
def test_real_images_are_understood(test_data: Path) -> None:
    described = [
        open_image(test_data / name).describe()
        for name in (
            "pairs_deepcell/RAW_1_phase.png",
            "ctc/PhC-C2DL-PSC/01/t150.tif",
            "pairs_frm_keratinocyte/dish1_xy1_phase.tif",
        )
    ]
    assert described[0] == "RAW_1_phase.png: YX 720×853 uint16 163..8037, unknown µm/px"
    assert re.fullmatch(r"t150.tif: YX 576×720 uint8 \d+..\d+, 1.6 µm/px", described[1])
    assert described[2].startswith("dish1_xy1_phase.tif: YX 512×512 uint16")
