"""Which boxes are proposed, and which are judged."""

import keras
import numpy as np
import pytest

from cellid.config import SampleSettings
from cellid.nn.boxes import BACKGROUND, IGNORED
from cellid.nn.proposals import proposal_candidates, sample

RANDOM = np.random.default_rng(0)
SETTINGS = SampleSettings(samples=8, positive_share=0.5)


def array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def test_the_surest_boxes_of_each_level_within_the_image() -> None:
    fine = np.array([[0, 0, 8, 8], [0, 8, 8, 16], [40, 40, 48, 48]], np.float32)
    coarse = np.array([[-8, -8, 24, 24]], np.float32)
    logits = np.array([[-3, 1, 2, -9], [5, 1, 2, 0]], np.float32)
    shifts = np.zeros((2, 4, 4), np.float32)
    shifts[0, 1] = [0.5, 0, 0, np.log(2)]
    boxes, scores, levels = map(
        array, proposal_candidates(logits, shifts, [fine, coarse], (20, 40), per_level=2)
    )
    # the third lies outside
    np.testing.assert_allclose(boxes[0, 1:], [[4, 4, 12, 20], [0, 0, 20, 24]], atol=1e-5)
    np.testing.assert_array_equal(scores, [[-np.inf, 1, -9], [5, -np.inf, 0]])
    np.testing.assert_array_equal(levels, [[0, 0, 1]] * 2)


@pytest.mark.parametrize(
    ("n_positive", "n_negative", "fill", "expected"),
    [
        (20, 20, True, (4, 4)),
        (2, 20, True, (2, 6)),
        (2, 20, False, (2, 4)),
        (0, 20, True, (0, 8)),
        (3, 1, True, (3, 1)),
        (0, 0, True, (0, 0)),
    ],
)
def test_how_many_of_either_kind(n_positive, n_negative, fill, expected) -> None:
    matched = np.full((1, 50), IGNORED, np.int32)
    order = RANDOM.permutation(50)
    matched[0, order[:n_positive]] = np.arange(n_positive)
    matched[0, order[n_positive : n_positive + n_negative]] = BACKGROUND
    settings = SETTINGS.model_copy(update={"fill": fill})
    noise = RANDOM.random((1, 50), np.float32)
    index, positive, real = (array(x)[0] for x in sample(matched, settings, noise))
    assert index.shape == (8,)
    assert (matched[0, index[positive]] >= 0).all()
    assert (matched[0, index[real & ~positive]] == BACKGROUND).all()
    assert real[positive].all()
    assert (positive.sum(), (real & ~positive).sum()) == expected
    assert len(set(index[real])) == real.sum()
    assert not positive[expected[0] :].any()


def test_each_box_is_chosen_as_often_as_another() -> None:
    matched = np.array([[0, 1, 2, 2, BACKGROUND, BACKGROUND, IGNORED]] * 4000, np.int32)
    settings = SampleSettings(samples=2, positive_share=0.5)
    index, *_ = sample(matched, settings, RANDOM.random(matched.shape, np.float32))
    times = np.bincount(array(index).ravel(), minlength=7) / 4000
    np.testing.assert_allclose(times, [0.25] * 4 + [0.5] * 2 + [0], atol=0.03)


def test_fewer_boxes_than_samples() -> None:
    matched = np.array([[0, BACKGROUND, 1]], np.int32)
    index, positive, real = map(array, sample(matched, SETTINGS, np.zeros((1, 3), np.float32)))
    assert sorted(index[0, :3]) == [0, 1, 2]
    np.testing.assert_array_equal(positive, [[True] * 2 + [False] * 6])
    np.testing.assert_array_equal(real, [[True] * 3 + [False] * 5])
    assert not index[0, 3:].any()
