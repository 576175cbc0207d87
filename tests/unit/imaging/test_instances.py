"""Probability to nuclei, touching ones apart."""

import numpy as np
import pytest

from cellid.imaging.instances import (
    drop_small,
    grow_labels,
    inner_distance,
    label_nuclei,
    nucleus_mask,
    separate_touching,
)
from cellid.runs import InstanceRule


def disks(*centres: tuple[float, float], radius: float = 10.0) -> np.ndarray:
    """Return a probability of disks with soft edges, (60, 100)."""
    y, x = np.mgrid[:60, :100]
    distance = np.min([np.hypot(y - cy, x - cx) for cy, cx in centres], axis=0)
    return (1 / (1 + np.exp(distance - radius))).astype(np.float32)


def parted(
    probability: np.ndarray, threshold: float, seed_distance_px: float, min_area_px: float
) -> np.ndarray:
    rule = InstanceRule(
        threshold=threshold, seed_distance_px=seed_distance_px, min_area_px=min_area_px
    )
    return label_nuclei(probability[None], rule)


def test_two_touching_disks_are_two_nuclei_and_one_is_one() -> None:
    two = parted(disks((30, 30), (30, 48)), 0.5, 10.0, 5.0)
    assert two.dtype == np.int32
    assert two.max() == 2
    assert two[30, 30] != two[30, 48]
    sizes = np.bincount(two.ravel())[1:]
    assert abs(sizes[0] - sizes[1]) < 0.1 * sizes.sum()
    assert parted(disks((30, 30)), 0.5, 10.0, 5.0).max() == 1


def test_splitting_takes_and_adds_no_pixel() -> None:
    probability = disks((30, 30), (30, 48), (12, 80))
    labels = parted(probability, 0.5, 10.0, 5.0)
    np.testing.assert_array_equal(labels > 0, probability >= 0.5)
    assert labels.max() == 3


def test_no_distance_never_splits() -> None:
    assert parted(disks((30, 30), (30, 48)), 0.5, 0.0, 5.0).max() == 1


def test_centres_nearer_than_the_distance_are_one_nucleus() -> None:
    probability = disks((30, 30), (30, 48.3))
    assert parted(probability, 0.5, 25.0, 5.0).max() == 1
    assert parted(probability, 0.5, 12.0, 5.0).max() == 2


def test_a_small_nucleus_beside_a_large_one_is_not_lost() -> None:
    y, x = np.mgrid[:60, :100]
    large = np.hypot(y - 30, x - 30) <= 15
    small = np.hypot(y - 30, x - 50) <= 3  # three pixels off the large one's edge
    probability = (large | small).astype(np.float32)
    labels = parted(probability, 0.5, 25.0, 0.0)
    assert labels.max() == 2
    assert labels[30, 50] != labels[30, 30]


def test_a_pixel_at_the_threshold_is_nucleus() -> None:
    probability = np.full((3, 3), 0.5, np.float32)
    assert parted(probability, 0.5, 0.0, 0.0).all()
    assert not parted(probability, 0.51, 3.0, 0.0).any()


def test_nothing_found_is_an_empty_image() -> None:
    labels = parted(np.zeros((20, 30), np.float32), 0.5, 5.0, 3.0)
    assert labels.shape == (20, 30)
    assert not labels.any()


def test_small_objects_are_dropped_and_the_rest_numbered_from_one() -> None:
    labels = np.array([[5, 5, 0, 9], [5, 0, 0, 9], [0, 70_000, 0, 2]], np.int32)
    assert drop_small(labels, 2).tolist() == [[1, 1, 0, 2], [1, 0, 0, 2], [0, 0, 0, 0]]
    assert drop_small(labels, 2.5).tolist() == [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert drop_small(labels, 0).tolist() == [[2, 2, 0, 3], [2, 0, 0, 3], [0, 4, 0, 1]]
    assert drop_small(labels, 2).dtype == np.int32


def test_the_smallest_area_counts_after_splitting() -> None:
    probability = disks((30, 30), (30, 48))
    areas = np.bincount(parted(probability, 0.5, 10.0, 0.0).ravel())[1:]
    assert parted(probability, 0.5, 10.0, float(areas.max()) + 1).max() == 0
    assert parted(probability, 0.5, 0.0, float(areas.max()) + 1).max() == 1


def test_seeds_come_from_the_map_that_the_rule_names() -> None:
    y, x = np.mgrid[:60, :100]
    bar = ((np.abs(y - 30) < 8) & (np.abs(x - 50) < 30)).astype(np.float32)
    cut = np.where(x < 40, 1, 2) * (bar > 0)  # nothing in its shape tells that it is two
    maps = np.stack([bar, inner_distance(cut.astype(np.int32))])
    rule = InstanceRule(threshold=0.5, seeds="shape", seed_distance_px=12, min_area_px=5)
    assert label_nuclei(maps, rule).max() != 2
    parts = label_nuclei(maps, rule.model_copy(update={"seeds": "distance"}))
    assert parts.max() == 2
    assert (parts != parts[30, 30] * (cut == 1) + parts[30, 60] * (cut == 2)).mean() < 0.01


def test_a_plateau_makes_one_of_peaks_that_lie_near() -> None:
    two = disks((30, 30), (30, 48))[None]
    rule = InstanceRule(threshold=0.5, seed_distance_px=6, min_area_px=5)
    assert label_nuclei(two, rule).max() == 2
    assert label_nuclei(two, rule.model_copy(update={"plateau_px": 12})).max() == 1


def test_holes_are_filled_up_to_an_area_and_outlines_smoothed() -> None:
    probability = np.zeros((60, 60), np.float32)
    probability[10:50, 10:50] = 1
    probability[20:23, 20:23] = 0  # 9 pixels
    probability[30:36, 30:36] = 0  # 36
    probability[25, 50:58] = 1  # a hair
    rule = InstanceRule(threshold=0.5, seed_distance_px=0, min_area_px=0)
    np.testing.assert_array_equal(nucleus_mask(probability, rule), probability > 0)
    filled = nucleus_mask(probability, rule.model_copy(update={"max_hole_px": 9.0}))
    assert filled[21, 21]
    assert not filled[33, 33]
    smooth = nucleus_mask(probability, rule.model_copy(update={"smoothing_px": 3.0}))
    assert not smooth[:, 51:].any()
    assert smooth[15:45, 40:48].all()


def test_a_rule_grows_with_its_map() -> None:
    rule = InstanceRule(
        threshold=0.4,
        seed_distance_px=5,
        plateau_px=2,
        max_hole_px=3,
        smoothing_px=1,
        min_area_px=9,
    )
    assert rule.at_scale(2).model_dump() == {
        "threshold": 0.4,
        "seeds": "shape",
        "seed_distance_px": 10,
        "plateau_px": 4,
        "max_hole_px": 12,
        "smoothing_px": 2,
        "min_area_px": 36,
    }


def test_inner_distance_peaks_at_one_in_every_nucleus() -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[5:16, 5:16] = 3
    labels[5:36, 16:47] = 7
    labels[38, 50:52] = 9
    inner = inner_distance(labels)
    assert inner.dtype == np.float32
    assert not inner[labels == 0].any()
    assert [inner[labels == number].max() for number in (3, 7, 9)] == [1, 1, 1]
    assert inner[20, 31] == 1
    assert inner[5, 31] == pytest.approx(1 / 16)  # of a half width of 16, its outermost pixel
    assert inner[10, 15] < 0.35  # beside the nucleus that it touches


def test_touching_nuclei_get_a_gap_of_one_pixel() -> None:
    labels = np.zeros((7, 12), np.int32)
    labels[1:6, 1:5] = 1
    labels[1:6, 5:9] = 70_000
    labels[1:6, 10:12] = 3
    mask = separate_touching(labels)
    expected = labels > 0
    expected[1:6, 4] = False  # from the lower number; the third touches none
    np.testing.assert_array_equal(mask, expected)
    assert mask.dtype == bool


def test_nuclei_that_touch_at_a_corner_get_a_gap_too() -> None:
    labels = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 2, 2], [0, 0, 2, 2]], np.int32)
    assert separate_touching(labels).astype(int).tolist() == [
        [1, 1, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 1, 1],
        [0, 0, 1, 1],
    ]


def test_growing_adds_one_pixel_of_background_only() -> None:
    labels = np.array([[0, 0, 0, 0, 0, 0], [0, 4, 0, 0, 9, 7], [0, 0, 0, 0, 0, 0]], np.int32)
    row = [4, 4, 4, 9, 9, 9]
    assert grow_labels(labels).tolist() == [row, [4, 4, 4, 9, 9, 7], row]
    assert grow_labels(labels).dtype == np.int32


def test_numbers_beyond_single_precision_stay_exact() -> None:
    labels = np.array([[2**24, 2**24 + 1, 0, 2**31 - 1]], np.int32)
    assert separate_touching(labels).tolist() == [[False, True, False, True]]
    assert grow_labels(labels).tolist() == [[2**24, 2**24 + 1, 2**31 - 1, 2**31 - 1]]
