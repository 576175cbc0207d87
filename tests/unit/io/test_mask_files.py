"""Masks in a folder of their own."""

from pathlib import Path

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.io.mask_files import MaskFiles
from cellid.io.writers import write_png


def test_masks_are_found_by_the_name_of_the_image(tmp_path: Path) -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[5:9, 10:20] = 255
    write_png(tmp_path / "masks" / "a.png", mask)
    files = MaskFiles.of(tmp_path / "masks")
    part = files.read("a", (4, 8, 12, 24))
    assert part.dtype == np.int32
    np.testing.assert_array_equal(part, mask[4:12, 8:24])
    with pytest.raises(CellidError, match="a mask named b, as the image") as told:
        files.read("b", (0, 0, 20, 30))
    assert told.value.got == "a.png"
    with pytest.raises(CellidError, match="at least 21 × 30"):
        files.read("a", (0, 0, 21, 30))
    with pytest.raises(CellidError, match="a folder of images"):
        MaskFiles.of(tmp_path / "nothing")
