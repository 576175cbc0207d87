"""Patches of an image, on pictures small enough to count."""

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.imaging.patches import (
    DOUBTFUL,
    NEGATIVE,
    POSITIVE,
    average_patches,
    cut_patch,
    judge_patches,
    patch_boxes,
    scale_intensity,
)


@pytest.mark.parametrize(
    ("shape", "size", "overlap", "rows", "columns"),
    [
        ((6, 4), 2, 0.0, [0, 2, 4], [0, 2]),
        ((5, 4), 4, 0.0, [0, 1], [0]),
        ((8, 4), 4, 0.5, [0, 2, 4], [0]),
        ((3, 9), 4, 0.0, [0], [0, 2, 5]),
    ],
)
def test_patches_cover_an_image_from_edge_to_edge(
    shape: tuple[int, int], size: int, overlap: float, rows: list[int], columns: list[int]
) -> None:
    boxes = patch_boxes(shape, size, overlap)
    expected = [
        (y, x, min(y + size, shape[0]), min(x + size, shape[1])) for y in rows for x in columns
    ]
    assert [tuple(box) for box in boxes] == expected
    covered = np.zeros(shape, bool)
    for y0, x0, y1, x1 in boxes:
        covered[y0:y1, x0:x1] = True
    assert covered.all()


def test_a_patch_is_positive_by_pixels_of_one_object_or_all_of_a_small_one() -> None:
    labels = np.zeros((4, 16), np.int32)
    labels[0, 2:6] = 1  # four pixels, two of them in either patch
    labels[1, 9] = 2  # a whole object of one pixel
    known = np.ones(labels.shape, bool)
    known[3, 13] = False
    boxes = patch_boxes(labels.shape, 4, 0.0)
    classes = judge_patches(labels, known, boxes, min_object_px=3)
    assert classes.tolist() == [DOUBTFUL, DOUBTFUL, POSITIVE, DOUBTFUL]
    classes = judge_patches(labels, known, boxes, min_object_px=2)
    assert classes.tolist() == [POSITIVE, POSITIVE, POSITIVE, DOUBTFUL]
    classes = judge_patches(0 * labels, np.ones_like(known), boxes, min_object_px=2)
    assert classes.tolist() == [NEGATIVE] * 4


def test_intensities_are_scaled_by_the_data_type_or_by_percentiles() -> None:
    by_range, by_percentiles = "range", "percentiles"
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_allclose(scale_intensity(image, by_range), image / 255, atol=1e-6)
    dim = scale_intensity((image // 4).astype(np.uint16), by_percentiles)
    assert dim.dtype == np.float32
    assert (dim.min(), dim.max()) == (0, 1)
    np.testing.assert_allclose(dim, image // 4 / 63, atol=0.01)
    np.testing.assert_array_equal(scale_intensity(image[:1, :1], by_percentiles), [[0]])
    colours = np.dstack([image, 2.0 * image, image])
    np.testing.assert_allclose(
        np.ptp(scale_intensity(colours, by_percentiles), axis=2), 0, atol=1e-6
    )
    with pytest.raises(CellidError, match=r"patches\.scaling=percentiles"):
        scale_intensity(image.astype(float), by_range)


def test_a_patch_is_resampled_and_a_small_one_reflected() -> None:
    field = np.arange(12, dtype=np.float32).reshape(3, 4)
    half = cut_patch(field, np.array([1, 0, 3, 2]), size_px=2, network_px=1)
    assert half.shape == (1, 1, 1)
    assert half.item() == pytest.approx(field[1:3, :2].mean())
    whole = cut_patch(field, np.array([0, 0, 3, 4]), size_px=4, network_px=4)[..., 0]
    np.testing.assert_array_equal(whole[:3], field)
    np.testing.assert_array_equal(whole[3], field[2])


def test_what_patches_say_is_averaged_where_they_overlap() -> None:
    boxes = patch_boxes((2, 4), 2, 0.5)
    said = average_patches(np.array([0.0, 1.0, 0.5]), boxes, (2, 4))
    np.testing.assert_allclose(said, [[0.0, 0.5, 0.75, 0.5]] * 2)
