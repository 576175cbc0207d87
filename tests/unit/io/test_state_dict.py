"""What a file of weights may not do, however it came about."""

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.io.state_dict import read_state_dict

FIXTURES = Path(__file__).parents[2] / "parity" / "fixtures"
FILES = ("state_dict.pth", "state_dict_stream.pth", "state_dict.safetensors")


class Call:
    """Pickled, a call of any function."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def write_zip(path: Path, index: bytes) -> Path:
    """Write a ``.pth`` file with this pickle and one storage, of six float32."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", index)
        archive.writestr("archive/data/0", np.arange(6, dtype="<f4").tobytes())
    return path


def tensor(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...], storage: str = "FloatStorage"
) -> bytes:
    """Return the pickle, in its oldest form, of one tensor named w."""
    shape_, strides_ = ("(" + "".join(f"I{n}\n" for n in ns) + "t" for ns in (shape, strides))
    stored = f"(Vstorage\nctorch\n{storage}\nV0\nVcpu\nI6\ntQ"
    rebuilt = f"ctorch._utils\n_rebuild_tensor_v2\n({stored}I{offset}\n{shape_}{strides_}tR"
    return f"(dVw\n{rebuilt}s.".encode()


def test_a_part_of_a_storage_is_read_with_its_strides(tmp_path: Path) -> None:
    weights = read_state_dict(write_zip(tmp_path / "w.pth", tensor(1, (2, 2), (1, 3))))
    np.testing.assert_array_equal(weights["w"], [[1, 4], [2, 5]])


@pytest.mark.parametrize("into", ["zip", "stream"])
def test_no_code_in_a_file_is_executed(into: str, tmp_path: Path) -> None:
    sign = tmp_path / "executed"
    evil = pickle.dumps({"w": Call(os.mkdir, str(sign))})
    path = tmp_path / "w.pth"
    if into == "zip":
        write_zip(path, evil)
    else:
        path.write_bytes(evil)
    with pytest.raises(CellidError, match=r"\.mkdir"):
        read_state_dict(path)
    assert not sign.exists()
    pickle.loads(evil)
    assert sign.exists()


@pytest.mark.parametrize(
    "index",
    [
        pytest.param(tensor(0, (3, 3), (3, 1)), id="more numbers than there are"),
        pytest.param(tensor(-1, (2,), (1,)), id="numbers before the first"),
        pytest.param(tensor(3, (2,), (-8,)), id="backwards beyond the first"),
        pytest.param(tensor(0, (2,), (1,), "BFloat16Storage"), id="a type NumPy has not"),
        pytest.param(pickle.dumps({"epoch": 3}), id="a checkpoint"),
        pytest.param(pickle.dumps([1]), id="a list"),
        pytest.param(b"garbage", id="no pickle"),
    ],
)
def test_what_is_not_weights_is_refused(index: bytes, tmp_path: Path) -> None:
    with pytest.raises(CellidError, match=r"w\.pth"):
        read_state_dict(write_zip(tmp_path / "w.pth", index))


@pytest.mark.parametrize("file", FILES)
def test_a_file_cut_short_anywhere_is_refused(file: str, tmp_path: Path) -> None:
    whole = (FIXTURES / file).read_bytes()
    path = tmp_path / file
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(CellidError, match="download it again"):
            read_state_dict(path)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [3], "data_offsets": [4, 16]},
        {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]},
    ],
)
def test_a_safetensors_header_that_lies_is_refused(entry: dict, tmp_path: Path) -> None:
    header = json.dumps({"w": entry}).encode()
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(12))
    with pytest.raises(CellidError, match="got: "):
        read_state_dict(path)


def test_the_format_is_told_by_the_suffix(tmp_path: Path) -> None:
    with pytest.raises(CellidError, match=r"ends in '\.h5'"):
        read_state_dict(tmp_path / "w.h5")
