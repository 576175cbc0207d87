import cv2
import numpy as np
import pytest

from cellid.config import NoiseStudySettings
from cellid.simulate.label_noise import add_debris, add_patches, lose_nuclei, spoil_labels
from cellid.types import Labels

SPOILERS = {
    "missing": lose_nuclei,
    "debris": add_debris,
    "patches": lambda labels, share, rng: add_patches(labels, share, 8.0, rng),
}
every_kind = pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS)


def make_labels() -> Labels:
    """Return 20 disks of radius 3 to 7, numbered 5, 10 and so on, (160, 200)."""
    labels = np.zeros((160, 200), np.int32)
    for place in range(20):
        y, x = divmod(place, 5)
        centre = (20 + 40 * x, 20 + 40 * y)
        cv2.circle(labels, centre, 3 + place % 5, 5 * (place + 1), thickness=-1)
    return labels


def generator() -> np.random.Generator:
    return np.random.default_rng(3)


@every_kind
def test_nothing_is_touched_at_share_0(spoil) -> None:
    labels = make_labels()
    spoilt = spoil(labels, 0.0, rng=generator())
    np.testing.assert_array_equal(spoilt, labels)
    assert spoilt is not labels


@every_kind
def test_the_original_stays_and_the_seed_decides(spoil) -> None:
    labels = make_labels()
    first, second = (spoil(labels, 0.3, rng=generator()) for _ in range(2))
    np.testing.assert_array_equal(labels, make_labels())
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.int32
    assert (spoil(labels, 0.3, rng=np.random.default_rng(4)) != first).any()


@every_kind
def test_what_a_small_share_spoils_a_larger_one_spoils_too(spoil) -> None:
    labels = make_labels()
    few, many = (spoil(labels, share, rng=generator()) != labels for share in (0.1, 0.4))
    assert (few <= many).all()
    assert few.sum() < many.sum()


@every_kind
def test_an_image_without_nuclei_and_one_full_of_them(spoil) -> None:
    for number in (0, 7):
        labels = np.full((20, 30), number, np.int32)
        assert spoil(labels, 0.5, rng=generator()).shape == labels.shape


def test_lost_nuclei_are_the_share_asked_for_and_the_others_stay_as_they_are() -> None:
    labels = make_labels()
    spoilt = lose_nuclei(labels, 0.35, generator())
    lost = set(np.unique(labels)) - set(np.unique(spoilt))
    assert len(lost) == 7
    np.testing.assert_array_equal(spoilt, np.where(np.isin(labels, list(lost)), 0, labels))


def test_shares_of_single_nuclei_are_right_on_average() -> None:
    labels = np.where(make_labels() == 5, 5, 0).astype(np.int32)
    kept = [lose_nuclei(labels, 0.3, np.random.default_rng(seed)).any() for seed in range(400)]
    assert np.mean(kept) == pytest.approx(0.7, abs=0.07)


def test_false_objects_are_copies_of_nuclei_where_nothing_is() -> None:
    labels = make_labels()
    spoilt = add_debris(labels, 0.5, generator())
    np.testing.assert_array_equal(spoilt[labels > 0], labels[labels > 0])
    false = np.where(labels > 0, 0, spoilt)
    numbers = np.unique(false[false > 0])
    assert numbers.tolist() == list(range(101, 111))
    assert set(np.bincount(false.ravel())[101:]) <= set(np.bincount(labels.ravel())[5:])


def test_false_objects_touch_nothing_however_crowded() -> None:
    spoilt = add_debris(make_labels(), 4.0, generator())
    n_components = cv2.connectedComponents((spoilt > 0).astype(np.uint8), connectivity=8)[0] - 1
    assert n_components == len(np.unique(spoilt[spoilt > 0])) == 100


def test_false_objects_are_left_out_where_there_is_no_room() -> None:
    labels = np.zeros((12, 24), np.int32)
    labels[1:11, 1:11] = 1
    spoilt = add_debris(labels, 0.99 * 5, generator())
    assert set(np.unique(spoilt)) == {0, 1, 2}


def test_patches_cover_the_share_of_the_background_and_no_nucleus() -> None:
    labels = make_labels()
    spoilt = add_patches(labels, 0.1, 8.0, generator())
    np.testing.assert_array_equal(spoilt[labels > 0], labels[labels > 0])
    assert ((spoilt > 0) & (labels == 0)).sum() == round(0.1 * (labels == 0).sum())
    areas = np.bincount(spoilt[spoilt > 100])[101:]
    assert (areas > 0).all()
    assert areas.max() > 4 * np.bincount(labels.ravel())[5:].max()


def test_a_study_spoils_each_kind_more_and_more_and_images_in_other_places() -> None:
    settings = NoiseStudySettings(missing=(0.5, 0.1), debris=(0.2,), patches=(0.05,))
    labels = make_labels()
    steps = list(spoil_labels(labels, 10.0, settings, number=0))
    assert [step[:2] for step in steps] == [
        *(("missing", 0.0), ("missing", 0.1), ("missing", 0.5)),
        *(("debris", 0.0), ("debris", 0.2), ("patches", 0.0), ("patches", 0.05)),
    ]
    for (_, share, spoilt), (_, _, other) in zip(
        steps, spoil_labels(labels, 10.0, settings, number=1), strict=True
    ):
        assert (spoilt == labels).all() == (share == 0)
        assert (spoilt != other).any() == (share > 0)
