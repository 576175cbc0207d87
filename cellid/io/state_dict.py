"""Weights in the files of PyTorch (``.pth``) and of safetensors, read without either.

A ``.pth`` file holds a pickle, and unpickling may execute anything. Here it can call
what makes a dictionary and a tensor, and nothing else; and a tensor is a record of where its
numbers lie, which NumPy holds to lie within the file.
"""

import io
import json
import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cellid.errors import CellidError

StateDict = dict[str, NDArray[np.generic]]

_SUFFIXES = (".pth", ".pt", ".safetensors")

_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
_SAFETENSORS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U8": "|u1",
    "BOOL": "|b1",
}

# First object of a file that PyTorch wrote before version 1.6, or with its zip format off
_STREAM_MAGIC = 0x1950A86A20F9469CFC6C


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype[np.generic]
    size: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, buffer: bytes) -> NDArray[np.generic]:
        """Return the numbers; NumPy refuses what does not lie within ``buffer``."""
        dtype = self.storage.dtype
        strides = tuple(dtype.itemsize * stride for stride in self.strides)
        return np.ndarray(self.shape, dtype, buffer, self.offset * dtype.itemsize, strides)


def read_state_dict(path: Path) -> StateDict:
    """Read the weights that a PyTorch program saved by name.

    Parameters
    ----------
    path : Path
        ``.safetensors``; or ``.pth`` or ``.pt``, as ``torch.save(model.state_dict(), path)``
        writes it since PyTorch 0.1.10. No code in the file is executed.

    Returns
    -------
    dict of str to array
        Read-only, in the file's types and order.

    Raises
    ------
    CellidError
        If the file is missing, damaged, of another format, or holds more than tensors by name.
    """
    try:
        if path.suffix.lower() not in _SUFFIXES:
            raise ValueError(f"a name that ends in {path.suffix!r}")
        if path.suffix.lower() == ".safetensors":
            return _read_safetensors(path.read_bytes())
        with path.open("rb") as file:
            return _read_zip(file) if zipfile.is_zipfile(file) else _read_stream(file)
    except Exception as error:  # a damaged pickle raises nearly every type
        raise CellidError(
            path,
            expected=f"weights by name, in a whole file of {', '.join(_SUFFIXES)}",
            got=str(error) or type(error).__name__,
            remedy="download it again; or load it in PyTorch, if you trust it, and save its "
            "state_dict() with torch.save",
        ) from None


def _read_zip(file: BinaryIO) -> StateDict:
    """Read the format of PyTorch 1.6 and later: a pickle and the numbers of each storage."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        indices = [name for name in names if name.endswith("/data.pkl")]
        if len(indices) != 1:
            raise ValueError("a zip archive that PyTorch did not write")
        root = indices[0].removesuffix("data.pkl")
        if f"{root}byteorder" in names and archive.read(f"{root}byteorder") != b"little":
            raise ValueError("numbers of a big-endian machine")
        tensors = _tensors(_Unpickler(io.BytesIO(archive.read(indices[0]))).load())
        return _arrays(tensors, lambda storage: archive.read(f"{root}data/{storage.key}"))


def _read_stream(file: BinaryIO) -> StateDict:
    """Read the format before PyTorch 1.6: pickles after each other, then the storages."""
    file.seek(0)
    if file.read(1) != pickle.PROTO:
        raise ValueError("neither a zip archive nor a pickle")
    file.seek(0)
    magic, _, _ = (_Unpickler(file).load() for _ in range(3))  # and its version, and the machine
    if magic != _STREAM_MAGIC:
        raise ValueError("a pickle that PyTorch did not write")
    tensors = _tensors(_Unpickler(file).load())
    sizes = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    buffers = {}
    for key in _Unpickler(file).load():
        (n,) = struct.unpack("<q", file.read(8))
        if key not in sizes or n != sizes[key].size:
            raise ValueError(f"storage {key} of {n} numbers, of which the index knows nothing")
        buffers[key] = file.read(n * sizes[key].dtype.itemsize)
    return _arrays(tensors, lambda storage: buffers[storage.key])


def _read_safetensors(data: bytes) -> StateDict:
    """Read a length, a JSON header of that length, and the numbers.

    https://huggingface.co/docs/safetensors, "Format".
    """
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _SAFETENSORS:
            raise ValueError(f"{name} of type {entry['dtype']}")
        dtype = np.dtype(_SAFETENSORS[entry["dtype"]])
        start, stop = entry["data_offsets"]
        if stop - start != math.prod(entry["shape"]) * dtype.itemsize:
            raise ValueError(f"{name} of shape {entry['shape']} in {stop - start} bytes")
        arrays[name] = np.ndarray(entry["shape"], dtype, data, 8 + length + start)
    return arrays


def _tensors(content: object) -> dict[str, _Tensor]:
    """Return what was unpickled if it is tensors by name, and nothing else."""
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, _Tensor) for name, value in content.items()
    ):
        raise ValueError("other things than tensors by name, as of a whole checkpoint")
    return dict(content)


def _arrays(tensors: Mapping[str, _Tensor], read: Callable[[_Storage], bytes]) -> StateDict:
    """Return the tensors as arrays; each storage is read once, for tensors may share it."""
    storages = {tensor.storage for tensor in tensors.values()}
    buffers = {storage: read(storage) for storage in storages}
    return {name: tensor.array(buffers[tensor.storage]) for name, tensor in tensors.items()}


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    """Stand for PyTorch's function of that name; gradients and hooks are no matter of ours."""
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    return _Tensor(storage, offset, shape, strides)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    **{("torch", name): np.dtype(code) for name, code in _STORAGES.items()},
}


class _Unpickler(pickle.Unpickler):
    """Knows the names in `_ALLOWED` and no other."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name}, which no weights need")
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, size, *view = pid  # the fourth is a device
        if kind != "storage" or not isinstance(dtype, np.dtype) or view not in ([], [None]):
            raise pickle.UnpicklingError(f"a storage of the form {pid!r}")
        return _Storage(str(key), dtype, size)
