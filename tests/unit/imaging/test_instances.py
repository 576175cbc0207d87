"""Probability to nuclei, touching ones apart."""

import numpy as np

from cellid.imaging.instances import drop_small, grow_labels, label_nuclei, separate_touching


def disks(*centres: tuple[float, float], radius: float = 10.0) -> np.ndarray:
    """Return a probability of disks with soft edges, (60, 100)."""
    y, x = np.mgrid[:60, :100]
    distance = np.min([np.hypot(y - cy, x - cx) for cy, cx in centres], axis=0)
    return (1 / (1 + np.exp(distance - radius))).astype(np.float32)


def test_two_touching_disks_are_two_nuclei_and_one_is_one() -> None:
    two = label_nuclei(disks((30, 30), (30, 48)), 0.5, 10.0, 5.0)
    assert two.dtype == np.int32
    assert two.max() == 2
    assert two[30, 30] != two[30, 48]
    sizes = np.bincount(two.ravel())[1:]
    assert abs(sizes[0] - sizes[1]) < 0.1 * sizes.sum()
    assert label_nuclei(disks((30, 30)), 0.5, 10.0, 5.0).max() == 1


def test_splitting_takes_and_adds_no_pixel() -> None:
    probability = disks((30, 30), (30, 48), (12, 80))
    labels = label_nuclei(probability, 0.5, 10.0, 5.0)
    np.testing.assert_array_equal(labels > 0, probability >= 0.5)
    assert labels.max() == 3


def test_no_distance_never_splits() -> None:
    assert label_nuclei(disks((30, 30), (30, 48)), 0.5, 0.0, 5.0).max() == 1


def test_centres_nearer_than_the_distance_are_one_nucleus() -> None:
    probability = disks((30, 30), (30, 48.3))
    assert label_nuclei(probability, 0.5, 25.0, 5.0).max() == 1
    assert label_nuclei(probability, 0.5, 12.0, 5.0).max() == 2


def test_a_small_nucleus_beside_a_large_one_is_not_lost() -> None:
    y, x = np.mgrid[:60, :100]
    large = np.hypot(y - 30, x - 30) <= 15
    small = np.hypot(y - 30, x - 50) <= 3  # three pixels off the large one's edge
    probability = (large | small).astype(np.float32)
    labels = label_nuclei(probability, 0.5, 25.0, 0.0)
    assert labels.max() == 2
    assert labels[30, 50] != labels[30, 30]


def test_a_pixel_at_the_threshold_is_nucleus() -> None:
    probability = np.full((3, 3), 0.5, np.float32)
    assert label_nuclei(probability, 0.5, 0.0, 0.0).all()
    assert not label_nuclei(probability, 0.51, 3.0, 0.0).any()


def test_nothing_found_is_an_empty_image() -> None:
    labels = label_nuclei(np.zeros((20, 30), np.float32), 0.5, 5.0, 3.0)
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
    areas = np.bincount(label_nuclei(probability, 0.5, 10.0, 0.0).ravel())[1:]
    assert label_nuclei(probability, 0.5, 10.0, float(areas.max()) + 1).max() == 0
    assert label_nuclei(probability, 0.5, 0.0, float(areas.max()) + 1).max() == 1


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
