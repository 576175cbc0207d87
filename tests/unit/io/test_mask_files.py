"""Masks in a folder of their own."""

from pathlib import Path

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.io.mask_files import MaskFiles
from cellid.io.tiff_writers import write_labels
from cellid.io.writers import write_png


def test_masks_are_found_by_the_name_of_the_image(tmp_path: Path) -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[5:9, 10:20] = 255
    mask[14:, :4] = 255
    write_png(tmp_path / "masks" / "a.png", mask)
    files = MaskFiles.of(tmp_path / "masks")
    part = files.read("a", (4, 0, 20, 24))
    assert part.dtype == np.int32
    np.testing.assert_array_equal(part > 0, mask[4:, :24] > 0)
    assert set(np.unique(part)) == {0, 1, 2}
    labels = mask.astype(np.uint16)
    labels[14:] = np.where(mask[14:], 7, 0)
    write_labels(tmp_path / "masks" / "b.tif", labels.astype(np.int32), None)
    again = MaskFiles.of(tmp_path / "masks").read("b", (0, 0, 20, 30))
    np.testing.assert_array_equal(again, labels)
    with pytest.raises(CellidError, match="a mask named c, as the image") as told:
        files.read("c", (0, 0, 20, 30))
    assert told.value.got == "a.png, b.tif"
    with pytest.raises(CellidError, match="at least 21 × 30"):
        files.read("a", (0, 0, 21, 30))
    with pytest.raises(CellidError, match="a folder of images"):
        MaskFiles.of(tmp_path / "nothing")
