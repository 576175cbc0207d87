"""Change of scale and crops."""

import numpy as np
import pytest

from cellid.config import CropSettings
from cellid.imaging.geometry import crop_origins, rescale_frame, rescale_labels, scaled_shape


def test_a_shape_is_rounded_and_never_empty() -> None:
    assert scaled_shape((1040, 1408), 0.5) == (520, 704)
    assert scaled_shape((101, 33, 3), 0.5) == (50, 16)
    assert scaled_shape((3, 5), 0.01) == (1, 1)


def test_shrinking_takes_the_mean_of_the_area() -> None:
    frame = np.random.default_rng(0).integers(0, 60_000, (8, 12), np.uint16)
    means = frame.reshape(2, 4, 3, 4).mean(axis=(1, 3))
    small = rescale_frame(frame, (2, 3))
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, means, rtol=1e-6)


def test_a_ramp_stays_a_ramp() -> None:
    ramp = np.tile(np.arange(16.0), (8, 1))
    large = rescale_frame(ramp, (16, 32))
    np.testing.assert_allclose(large[:, 1:-1], np.tile(np.arange(32) / 2 - 0.25, (16, 1))[:, 1:-1])


def test_channels_and_sizes_are_kept() -> None:
    frame = np.random.default_rng(0).random((20, 30, 3)).astype(np.float32)
    assert rescale_frame(frame, (10, 15)).shape == (10, 15, 3)
    np.testing.assert_array_equal(rescale_frame(frame, (20, 30)), frame)


@pytest.mark.parametrize("scale", [2.0, 1.5, 3.3])
def test_labels_enlarged_and_shrunk_come_back(scale: float) -> None:
    labels = np.random.default_rng(0).integers(0, 2**31 - 1, (37, 53)).astype(np.int32)
    labels[0, :2] = 65_536, 70_001
    there = rescale_labels(labels, scaled_shape(labels.shape, scale))
    assert there.dtype == np.int32
    assert set(np.unique(there)) == set(np.unique(labels))
    np.testing.assert_array_equal(rescale_labels(there, labels.shape), labels)


def test_labels_lie_where_the_frame_lies() -> None:
    y, x = np.mgrid[:90, :120]
    labels = (np.hypot(y - 50, x - 30) < 20).astype(np.int32) * 70_000
    for shape in ((40, 51), (200, 333)):
        frame = rescale_frame(labels > 0, shape)
        np.testing.assert_array_equal(
            (rescale_labels(labels, shape) > 0)[np.abs(frame - 0.5) > 0.49],
            (frame > 0.5)[np.abs(frame - 0.5) > 0.49],
        )
        centre = [np.average(grid, weights=frame) for grid in np.mgrid[: shape[0], : shape[1]]]
        moved = [np.nonzero(rescale_labels(labels, shape))[axis].mean() for axis in (0, 1)]
        np.testing.assert_allclose(moved, centre, atol=0.25)


def test_the_thesis_cuts_four_crops_from_a_field() -> None:
    crops = list(crop_origins((1040, 1408), CropSettings(size=512, layout="fixed")))
    assert crops == [
        (0, 0, 512, 512),
        (0, 896, 512, 1408),
        (528, 0, 1040, 512),
        (528, 896, 1040, 1408),
    ]


@pytest.mark.parametrize("shape", [(1040, 1408), (100, 64), (511, 513), (2000, 777), (767, 769)])
def test_a_partition_holds_every_pixel_once(shape: tuple[int, int]) -> None:
    times = np.zeros(shape, int)
    sides = []
    for y0, x0, y1, x1 in crop_origins(shape, CropSettings(size=512, layout="partition")):
        times[y0:y1, x0:x1] += 1
        sides.append((y1 - y0, x1 - x0))
    assert (times == 1).all()
    assert np.ptp(sides, axis=0).max() <= 1
    assert np.max(sides) <= 768


@pytest.mark.parametrize("shape", [(512, 512), (1024, 2048), (600, 1600), (1040, 1408)])
def test_fixed_crops_are_of_one_size_and_never_overlap(shape: tuple[int, int]) -> None:
    times = np.zeros(shape, int)
    for y0, x0, y1, x1 in crop_origins(shape, CropSettings(size=512, layout="fixed")):
        assert (y1 - y0, x1 - x0) == (512, 512)
        times[y0:y1, x0:x1] += 1
    assert times.max() == 1
    assert times.sum() == (shape[0] // 512) * (shape[1] // 512) * 512**2


@pytest.mark.parametrize("layout", ["fixed", "partition"])
def test_a_field_smaller_than_a_crop_is_one_crop(layout: str) -> None:
    assert list(crop_origins((100, 300), CropSettings(size=512, layout=layout))) == [
        (0, 0, 100, 300)
    ]
