"""The whole reference method on drawn nuclei."""

import numpy as np
import pytest

from cellid.config import LabelSettings, ReferenceLabelSettings
from cellid.labeling.reference import identify_objects, label_reference

DISKS = [(40, 40, 9), (40, 110, 10), (110, 60, 8), (110, 130, 11), (150, 95, 9), (3, 80, 9)]


def nuclei(dtype):
    """Domes of known centre and radius on noise; two touch, one is cut by the border."""
    rng = np.random.default_rng(0)
    image = rng.normal(20, 2, (180, 180))
    y, x = np.mgrid[:180, :180]
    for cy, cx, radius in [*DISKS, (110, 76, 8)]:
        height = 1 - ((y - cy) ** 2 + (x - cx) ** 2) / radius**2
        image = np.maximum(image, (height > 0) * (110 + 90 * height))
    return (image * (257 if dtype == np.uint16 else 1)).clip(0).astype(dtype)


# With so clear a gap Otsu ends just above the background: the bound keeps its noise out
SETTINGS = ReferenceLabelSettings(
    min_diameter_px=10, max_diameter_px=30, window_px=60, threshold_min=0.2
)


def test_drawn_nuclei_are_found_parted_and_cleared_from_the_border():
    labels = identify_objects(nuclei(np.uint8), SETTINGS)

    assert labels.dtype == np.int32
    assert labels.max() == 6  # the five whole disks and the touching one
    for cy, cx, radius in DISKS[:5]:
        found = (labels == labels[cy, cx]).sum()
        assert labels[cy, cx] > 0
        assert found == pytest.approx(np.pi * radius**2, rel=0.25)
    assert labels[110, 60] != labels[110, 76]
    assert labels[3, 80] == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_every_pixel_type_gives_the_nuclei(dtype):
    settings = LabelSettings(method="reference", reference=SETTINGS)

    labels = label_reference(nuclei(dtype), settings)

    assert all(labels[cy, cx] > 0 for cy, cx, _ in DISKS[:5])
    assert labels[3, 80] == 0


def test_size_limits_come_from_the_settings():
    small = SETTINGS.model_copy(update={"max_diameter_px": 12.0})

    assert identify_objects(nuclei(np.uint8), small).max() == 0


def test_constant_image_has_no_objects():
    assert label_reference(np.full((64, 64), 9, np.uint16), LabelSettings()).max() == 0
