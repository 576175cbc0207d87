"""What cellid runs on, and whether it works."""

import importlib.metadata
import os
import platform
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import psutil

from cellid.config import NetworkSettings
from cellid.models.network import build_network
from cellid.training.backend import has_gpu

_PACKAGES = ("cellid", "keras", "tensorflow", "numpy", "opencv-python-headless", "scikit-image")
_SIDE_PX = 256


def examine() -> Iterator[str]:
    """Yield a line for each thing looked at; the last says how fast a small network is."""
    yield f"Python {platform.python_version()} on {platform.platform()}"
    for name in _PACKAGES:
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            yield f"{name} is not installed: pip install {name}"
    memory = psutil.virtual_memory()
    yield f"memory: {memory.available / 2**30:.1f} GiB free of {memory.total / 2**30:.1f}"
    free = shutil.disk_usage(Path.cwd()).free
    yield f"disk: {free / 2**30:.1f} GiB free here"
    yield f"processors: {os.cpu_count()}; Keras computes with {keras.backend.backend()}"
    if has_gpu():
        yield f"GPU: {', '.join(keras.distribution.list_devices('gpu'))}"
    else:
        yield (
            "GPU: none found; the `fast` preset is made for this. With an NVIDIA card: "
            'pip install "cellid[gpu]" (Linux or WSL2), then look at the output of nvidia-smi'
        )
    network = build_network(NetworkSettings(filters=16), n_channels=1)
    image = np.zeros((1, _SIDE_PX, _SIDE_PX, 1), np.float32)
    network(image)
    start = time.perf_counter()
    network(image)
    seconds = time.perf_counter() - start
    yield f"a small network sees {_SIDE_PX}×{_SIDE_PX} pixels in {1000 * seconds:.0f} ms: works"
