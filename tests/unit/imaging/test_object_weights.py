"""Weights that make a loss over pixels count objects."""

import numpy as np
import pytest

from cellid.imaging.object_weights import weigh_objects


def squares() -> np.ndarray:
    """Return a large nucleus, a small one two pixels beside it, one far off, and a speck."""
    labels = np.zeros((60, 90), np.int32)
    labels[10:30, 10:30] = 1
    labels[10:20, 32:42] = 5
    labels[40:50, 70:80] = 70_000
    labels[55, 5] = 9
    return labels


def test_balanced_every_nucleus_weighs_alike() -> None:
    labels = squares()
    weights = weigh_objects(labels, 16.0, balance=1.0, gap_weight=0.0)
    assert weights.dtype == np.float32
    totals = [weights[labels == number].sum() for number in (1, 5, 70_000)]
    np.testing.assert_allclose(totals, np.pi * 64, rtol=1e-5)
    assert weights[55, 5] == 10  # a speck does not weigh as a nucleus
    assert (weights[labels == 0] == 1).all()
    half = weigh_objects(labels, 16.0, balance=0.5, gap_weight=0.0)
    np.testing.assert_allclose(half[15, 35], np.sqrt(weights[15, 35]), rtol=1e-6)


def test_gaps_weigh_as_in_the_paper() -> None:
    labels = squares()
    weights = weigh_objects(labels, 25.0, balance=0.0, gap_weight=10.0)
    # Beside the large square, two pixels from the small one: σ is 5 px
    assert weights[15, 30] == pytest.approx(1 + 10 * np.exp(-((1 + 2) ** 2) / 50), rel=1e-5)
    assert weights[15, 31] == pytest.approx(weights[15, 30], rel=1e-5)
    assert weights[15, 29] == pytest.approx(1 + 10 * np.exp(-(3**2) / 50), rel=1e-5)
    assert weights[45, 75] == weights[58, 50] == 1  # alone


def test_without_nuclei_every_pixel_weighs_one() -> None:
    empty = np.zeros((20, 30), np.int32)
    assert (weigh_objects(empty, 12.0, balance=1.0, gap_weight=10.0) == 1).all()
