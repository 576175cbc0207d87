"""PNG: one plane, grey or of colours."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from cellid.io.layout import Layout, damaged, decoding

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Samples a pixel by the colour type in the header (PNG specification, 11.2.2); a
# palette (3) is decoded to RGB.
_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}


@dataclass(frozen=True, kw_only=True)
class PngLayout(Layout):
    """The one block of a PNG file."""

    def read_blocks(self, path: Path, numbers: Iterable[int]) -> Iterator[NDArray[np.generic]]:
        """Yield the image, for each number; see `Layout`."""
        for _ in numbers:
            with decoding(path):
                image: NDArray[np.generic] = imagecodecs.png_decode(path.read_bytes())
            yield image


def read_layout(path: Path, head: bytes) -> PngLayout:
    """Read what the first 33 bytes of a PNG file say.

    Raises
    ------
    CellidError
        If it is shorter.
    """
    if len(head) < 33:
        raise damaged(path, f"a file cut short: {len(head)} bytes")
    width, height, bits, colour = struct.unpack(">IIBB", head[16:26])
    samples = _SAMPLES.get(colour, 1)
    shape = (height, width) if samples == 1 else (height, width, samples)
    return PngLayout(
        axes="YXS"[: len(shape)],
        shape=shape,
        dtype=np.dtype(np.uint16 if bits == 16 else np.uint8),
        block_shape=shape,
    )
