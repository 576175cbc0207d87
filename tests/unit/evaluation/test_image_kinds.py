"""What is hard about an image, told from its true objects."""

from dataclasses import replace

import numpy as np
import pytest

from cellid.evaluation.image_kinds import (
    CROWDED,
    EMPTY,
    LARGE,
    MEDIUM,
    SMALL,
    UNEVEN,
    ImageFacts,
    measure_image,
)

SIDE = 16


def squares(gap: int) -> np.ndarray:
    """Return four squares in two pairs, so far apart within each; the pairs are distant."""
    labels = np.zeros((100, 120), np.int32)
    for number, (y, x) in enumerate([(0, 0), (0, SIDE + gap), (70, 0), (70, SIDE + gap)], start=1):
        labels[y : y + SIDE, x : x + SIDE] = number
    return labels


def test_the_diameter_is_that_of_a_disk_with_the_median_area() -> None:
    labels = squares(20)
    labels[:, 60:] = 5  # one giant does not count
    facts = measure_image(labels, np.ones(labels.shape, np.float32))
    assert facts.n_objects == 5
    assert facts.diameter_px == pytest.approx(np.sqrt(4 * SIDE**2 / np.pi))


@pytest.mark.parametrize(("gap", "share"), [(0, 1), (1, 1), (4, 1), (5, 0), (30, 0)])
def test_objects_are_crowded_up_to_a_quarter_of_their_diameter_apart(gap: int, share: int) -> None:
    labels = squares(gap)  # 18 px in diameter
    assert measure_image(labels, np.ones(labels.shape, np.float32)).crowded_share == share
    labels[90:] = 0  # half of the lower pair, which stays as near
    labels[70:, : SIDE + 1] = 0  # one of it is alone now
    expected = 2 / 3 if share else 0
    facts = measure_image(labels, np.ones(labels.shape, np.float32))
    assert facts.crowded_share == pytest.approx(expected)


def test_contrast_is_told_from_the_background_whatever_its_sign() -> None:
    labels = squares(20)
    # bright, dark, dark and bright in one object, and faint: 4, 4, 4 and 1 from a background of 10
    image = np.full(labels.shape, 10, np.float32)
    image[labels == 1] = 14
    image[labels == 2] = 6
    image[labels == 3] = np.where(np.arange((labels == 3).sum()) % 2, 14, 6)
    image[labels == 4] = 11
    low = np.quantile([1, 4, 4, 4], 0.1)
    assert measure_image(labels, image).contrast_ratio == pytest.approx(4 / low)


def test_an_image_is_of_the_first_kind_that_it_meets() -> None:
    plain = ImageFacts(n_objects=9, diameter_px=10, crowded_share=0.5, contrast_ratio=3)
    assert plain.kind(10) == MEDIUM
    assert plain.kind(7.2) == plain.kind(14) == MEDIUM
    crowded = replace(plain, crowded_share=0.51)
    assert crowded.kind(10) == CROWDED
    uneven = replace(crowded, contrast_ratio=3.1)
    assert uneven.kind(10) == UNEVEN
    assert uneven.kind(14.2) == SMALL
    assert uneven.kind(7) == LARGE


def test_nothing_is_measured_where_nothing_is_labelled() -> None:
    facts = measure_image(np.zeros((8, 8), np.int32), np.zeros((8, 8), np.float32))
    assert facts.kind(10) == EMPTY
    assert np.isnan([facts.diameter_px, facts.crowded_share, facts.contrast_ratio]).all()
