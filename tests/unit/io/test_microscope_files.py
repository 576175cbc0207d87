"""ND2, CZI and LIF: small files as the makers write them, read by the libraries kept for them."""

import builtins
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cellid.config import InputSettings
from cellid.errors import CellidError
from cellid.io.images import open_image, open_scenes
from cellid.io.pairs import find_pairs, read_pair
from cellid.io.time_lapse import find_time_lapses

N_SCENES, N_FRAMES, N_CHANNELS, HEIGHT, WIDTH = SHAPE = (2, 3, 2, 24, 32)
PIXELS = np.random.default_rng(0).integers(0, 60_000, SHAPE).astype(np.uint16)
MINUTES, PIXEL_UM = 15, 1.24


def write_czi(path: Path) -> None:
    from pylibCZIrw import czi

    with czi.create_czi(str(path)) as file:
        for scene, t, c in np.ndindex(PIXELS.shape[:3]):
            plane = {"T": int(t), "C": int(c), "Z": 0}
            where = (1000 * int(scene), 50)
            file.write(PIXELS[scene, t, c][..., None], where, plane, scene=int(scene))
        file.write_metadata("test", scale_x=PIXEL_UM * 1e-6, scale_y=PIXEL_UM * 1e-6)
    times = (
        f"<T><Positions><Interval><Increment>{MINUTES * 60}</Increment></Interval></Positions></T>"
    )
    names = "".join(f'<Scene Index="{i}" Name="P{i}"/>' for i in range(N_SCENES))
    with czi.edit_czi(str(path)) as editor, editor.edit_session() as builder:
        said = f"<Dimensions>{times}<S><Scenes>{names}</Scenes></S>"
        builder.set_xml(editor.read_metadata_xml().replace("<Dimensions>", said, 1))


def write_lif(path: Path) -> None:
    """Write the header in UTF-16, and a block of pixels for each image."""

    def axis(number: int, n: int, length: float, unit: str, step: int) -> str:
        return (
            f'<DimensionDescription DimID="{number}" NumberOfElements="{n}" Origin="0" '
            f'Length="{length}" Unit="{unit}" BitInc="0" BytesInc="{step}"/>'
        )

    plane = PIXELS[0, 0, 0].nbytes
    channels = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="16" Min="0" Max="65535" '
        f'NameOfMeasuredQuantity="" Unit="" LUTName="Gray" IsLUTInverted="0" '
        f'BytesInc="{c * plane}" BitInc="0"/>'
        for c in range(N_CHANNELS)
    )
    metre = PIXEL_UM * 1e-6
    axes = (
        axis(1, WIDTH, (WIDTH - 1) * metre, "m", 2)
        + axis(2, HEIGHT, (HEIGHT - 1) * metre, "m", 2 * WIDTH)
        + axis(4, N_FRAMES, (N_FRAMES - 1) * MINUTES * 60, "s", N_CHANNELS * plane)
    )
    images = "".join(
        f'<Element Name="P{i}"><Data><Image><ImageDescription><Channels>{channels}</Channels>'
        f"<Dimensions>{axes}</Dimensions></ImageDescription></Image></Data>"
        f'<Memory Size="{PIXELS[i].nbytes}" MemoryBlockID="MemBlock_{i}"/></Element>'
        for i in range(N_SCENES)
    )
    xml = (
        f'<LMSDataContainerHeader Version="2"><Element Name="test"><Children>{images}</Children>'
        "</Element></LMSDataContainerHeader>"
    )
    text = xml.encode("utf-16-le")
    data = struct.pack("<IIBI", 0x70, len(text) + 5, 0x2A, len(xml)) + text
    for i in range(N_SCENES):
        name = f"MemBlock_{i}"
        sizes = struct.pack("<BQBI", 0x2A, PIXELS[i].nbytes, 0x2A, len(name))
        head = sizes + name.encode("utf-16-le")
        data += struct.pack("<II", 0x70, len(head)) + head + PIXELS[i].tobytes()
    path.write_bytes(data)


def write_nd2(path: Path) -> None:
    """Write chunks with names, and at the end a map of where they are."""

    def variant(name: str, value: object) -> bytes:
        head = lambda kind: struct.pack("BB", kind, len(name) + 1) + f"{name}\0".encode("utf-16-le")  # noqa: E731
        if isinstance(value, bool):
            return head(1) + struct.pack("B", value)
        if isinstance(value, int):
            return head(3) + struct.pack("<I", value)
        if isinstance(value, float):
            return head(6) + struct.pack("<d", value)
        if isinstance(value, str):
            return head(8) + f"{value}\0".encode("utf-16-le")
        inside = b"".join(variant(key, part) for key, part in value.items())
        length = len(head(11)) + 12 + len(inside)
        return head(11) + struct.pack("<IQ", len(value), length) + inside + bytes(8 * len(value))

    times = {"uiCount": N_FRAMES, "dStart": 0.0, "dPeriod": MINUTES * 60_000.0, "dDuration": 0.0}
    places = {f"i{i}": {"dPosX": 9.0 * i, "dPosName": f"P{i}"} for i in range(N_SCENES)}
    stage = {"eType": 2, "uLoopPars": {"uiCount": N_SCENES, "Points": places}}
    attributes = {
        "uiWidth": WIDTH,
        "uiWidthBytes": WIDTH * N_CHANNELS * 2,
        "uiHeight": HEIGHT,
        "uiComp": N_CHANNELS,
        "uiBpcInMemory": 16,
        "uiBpcSignificant": 16,
        "uiSequenceCount": N_SCENES * N_FRAMES,
        "eCompression": 2,
    }
    probe = {"m_sName": "none", "m_ExcitationSpectrum": {"uiCount": 0}}
    plane = {"uiCompCount": 1, "pFluorescentProbe": probe}
    planes = {f"a{c}": {**plane, "sDescription": f"C{c}"} for c in range(N_CHANNELS)}
    picture = {
        "bCalibrated": True,
        "dCalibration": PIXEL_UM,
        "sPicturePlanes": {"uiCount": N_CHANNELS, "sPlaneNew": planes},
    }
    experiment = {"eType": 1, "uLoopPars": times, "ppNextLevelEx": {"i0": stage}}
    chunks = {
        "ImageAttributesLV!": variant("SLxImageAttributes", attributes),
        "ImageMetadataSeqLV|0!": variant("SLxPictureMetadata", picture),
        "ImageMetadataLV!": variant("SLxExperiment", experiment),
    }
    for number, (t, scene) in enumerate(np.ndindex(N_FRAMES, N_SCENES)):
        pixels = np.moveaxis(PIXELS[scene, t], 0, -1).tobytes()  # channels within pixels
        chunks[f"ImageDataSeq|{number}!"] = bytes(8) + pixels

    def chunk(name: bytes, data: bytes, reserve: int) -> bytes:
        return (
            struct.pack("<IIQ", 0x0ABECEDA, reserve, len(data)) + name.ljust(reserve, b"\0") + data
        )

    data = chunk(b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver3.0".ljust(64, b"\0"), 32)
    table = b""
    for name, content in chunks.items():
        table += name.encode() + struct.pack("<QQ", len(data), len(content))
        data += chunk(name.encode(), content, 4072)
    end = b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", len(data))
    data += chunk(b"ND2 FILEMAP SIGNATURE NAME 0001!", table + end, 32)
    path.write_bytes(data + end)


WRITERS: dict[str, Callable[[Path], None]] = {"nd2": write_nd2, "czi": write_czi, "lif": write_lif}


@pytest.fixture(params=WRITERS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"day1.{request.param}"
    WRITERS[request.param](path)
    return path


def test_every_scene_is_an_image(file: Path) -> None:
    for number, (scene, image) in enumerate(pickle.loads(pickle.dumps(open_scenes(file))).items()):
        assert (scene, image.name) == (f"P{number}", f"day1_P{number}")
        assert (image.axes, image.shape, image.dtype) == ("TCYX", SHAPE[1:], np.uint16)
        assert image.pixel_size_um == pytest.approx(PIXEL_UM)
        assert image.frame_h == pytest.approx(MINUTES / 60)
        np.testing.assert_array_equal(list(image.frames(channel=1)), PIXELS[number, :, 1])
        np.testing.assert_array_equal(image.read(2, channel=0), PIXELS[number, 2, 0])
    assert number == N_SCENES - 1
    with pytest.raises(CellidError, match="2 scenes: P0, P1"):
        open_image(file)


def test_every_scene_is_a_time_lapse(file: Path) -> None:
    lapses, problems = find_time_lapses([file.parent], InputSettings())
    assert [(one.name, one.n_frames) for one in lapses] == [("day1_P0", 3), ("day1_P1", 3)]
    assert problems == {}


def test_two_channels_of_every_scene_are_pairs(file: Path) -> None:
    settings = InputSettings(phase_channel=0, stain_channel=1)
    pairs = find_pairs(file, file, settings).pairs
    assert [pair.id for pair in pairs] == [f"day1_P{s}_t{t:04d}" for s in (0, 1) for t in range(3)]
    phase, stain, pixel_size_um = read_pair(pairs[4])
    np.testing.assert_array_equal(phase, PIXELS[1, 1, 0])
    np.testing.assert_array_equal(stain, PIXELS[1, 1, 1])
    assert pixel_size_um == pytest.approx(PIXEL_UM)


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.6, 0.99])
def test_a_file_cut_short_is_told(file: Path, share: float) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    told = []
    for image in open_scenes(file).values():
        try:
            told += [image] if isinstance(image, CellidError) else image.frames(channel=1)
        except CellidError as error:
            told.append(error)
    assert isinstance(told[-1], CellidError)
    assert told[-1].expected == "a whole image file"


def test_damage_ends_in_an_error_or_in_planes(file: Path) -> None:
    data = file.read_bytes()
    random = np.random.default_rng(0)
    for position in random.integers(0, len(data), 40):
        spoilt = bytearray(data)
        spoilt[position] ^= int(random.integers(1, 256))
        file.write_bytes(spoilt)
        for image in open_scenes(file).values():
            try:
                if not isinstance(image, CellidError):
                    assert image.read(channel=0).shape == image.plane_shape
            except CellidError:
                pass


def test_a_missing_library_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = ("nd2", "pylibCZIrw", "liffile")
    whole = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name in libraries:
            raise ModuleNotFoundError(f"No module named {name!r}")
        return whole(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CellidError) as error:
        open_image(file)
    assert error.value.remedy == f'pip install "cellid[{file.suffix[1:]}]"'
