"""Labels against a model that has not seen them: what is kept, added, dropped, left open."""

import numpy as np
import pandas as pd

from cellid.labeling.correction import (
    ADD,
    DROP,
    KEEP,
    MODEL,
    STAIN,
    UNCERTAIN,
    apply_proposals,
    compare,
    propose,
)
from cellid.types import Labels

BACKGROUND = 0.1


def squares(*numbers: int) -> Labels:
    """Return squares of 6×6 pixels at the places 1, 2, 3 …, those that are named."""
    labels = np.zeros((10, 120), np.int32)
    for number in numbers:
        labels[2:8, 10 * number - 8 : 10 * number - 2] = number
    return labels


def probability(levels: dict[int, float]) -> np.ndarray:
    """Return the background's probability, and a level of its own at some places."""
    image = np.full((10, 120), BACKGROUND, np.float32)
    for number, level in levels.items():
        image[squares(number) > 0] = level
    return image


# 1-3, 10-12: both agree. 4: labelled and denied. 5: labelled, half found. 6: labelled, hardly seen,
# and poor in the stain. 7: found firmly without a label. 8: found less firmly. 9: as 6, but good
# in the stain.
LEVELS = {1: 0.7, 2: 0.8, 3: 0.9, 4: 0.08, 5: 0.5, 6: 0.3, 7: 0.85, 8: 0.6, 9: 0.3}
LEVELS |= dict.fromkeys((10, 11, 12), 0.8)
LABELS = squares(1, 2, 3, 4, 5, 6, 9, 10, 11, 12)
FOUND = squares(1, 2, 3, 7, 8, 10, 11, 12)
SCORES = {1: 0.6, 2: 0.8, 3: 0.7, 4: 0.7, 5: 0.2, 6: 0.3, 9: 0.4, 10: 0.7, 11: 0.7}


def verdicts(objects: pd.DataFrame, proposals: pd.Series, source: str) -> dict[int, str]:
    rows = objects["source"] == source
    return dict(zip(objects.loc[rows, "label"], proposals[rows], strict=True))


def test_objects_are_measured() -> None:
    one = compare(LABELS, FOUND, probability(LEVELS), SCORES)
    assert one.background_px == 10 * 120 - 12 * 36
    assert np.isclose(one.background_sum, BACKGROUND * one.background_px, rtol=1e-5)
    stain = one.objects[one.objects["source"] == STAIN].set_index("label")
    assert stain.loc[2, ["y", "x", "area_px", "covered"]].tolist() == [4.5, 14.5, 36, 1]
    np.testing.assert_allclose(stain["support"], [LEVELS[i] for i in stain.index], rtol=1e-6)
    assert stain.loc[4, "covered"] == 0
    assert stain.loc[[1, 9], "score"].tolist() == [0.6, 0.4]
    assert np.isnan(stain.loc[12, "score"])
    assert one.objects.loc[one.objects["source"] == MODEL, "score"].isna().all()


def test_a_disagreement_is_believed_where_the_model_is_as_sure_as_elsewhere() -> None:
    # The average labelled nucleus that is found has 0.8, the average background pixel 0.1
    one = compare(LABELS, FOUND, probability(LEVELS), SCORES)
    proposals = propose([one])
    others = dict.fromkeys((1, 2, 3, 5, 9, 10, 11, 12), KEEP)
    assert verdicts(one.objects, proposals, STAIN) == {4: DROP, 6: UNCERTAIN, **others}
    agreed = dict.fromkeys((1, 2, 3, 10, 11, 12), "")
    assert verdicts(one.objects, proposals, MODEL) == {7: ADD, 8: UNCERTAIN, **agreed}


def test_labels_without_a_score_are_kept_unless_denied() -> None:
    one = compare(LABELS, FOUND, probability(LEVELS), {})
    by_label = verdicts(one.objects, propose([one]), STAIN)
    assert by_label.pop(4) == DROP
    assert set(by_label.values()) == {KEEP}


def test_the_bar_is_that_of_all_crops_together() -> None:
    sure = compare(squares(1, 2, 3), squares(1, 2, 3), probability({1: 1, 2: 1, 3: 1}), {})
    one = compare(LABELS, FOUND, probability(LEVELS), SCORES)
    proposals = propose([sure, one]).iloc[len(sure.objects) :].reset_index(drop=True)
    assert verdicts(one.objects, proposals, MODEL)[7] == UNCERTAIN  # 0.85 is not 0.9


def test_a_model_that_misses_most_labels_is_not_heard() -> None:
    one = compare(LABELS, squares(1, 2, 3, 7, 8, 10, 11), probability(LEVELS), SCORES)
    proposals = propose([one])
    assert set(verdicts(one.objects, proposals, STAIN).values()) == {KEEP}
    assert set(verdicts(one.objects, proposals, MODEL).values()) == {""}


def test_without_objects_nothing_is_proposed() -> None:
    nothing = squares()
    one = compare(nothing, nothing, probability({}), {})
    assert propose([one]).empty
    labels, uncertain = apply_proposals(nothing, nothing, one.objects.assign(proposal=""))
    assert not labels.any()
    assert not uncertain.any()


def test_what_is_found_where_no_label_is_known_is_not_believed() -> None:
    one = compare(squares(), squares(1), probability({1: 0.9}), {})
    assert propose([one]).tolist() == [""]


def test_proposals_are_applied() -> None:
    one = compare(LABELS, FOUND, probability(LEVELS), SCORES)
    labels, uncertain = apply_proposals(LABELS, FOUND, one.objects.assign(proposal=propose([one])))
    expected = squares(1, 2, 3, 5, 9, 10, 11, 12)
    expected[squares(7) > 0] = 13  # the number after the highest label
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(uncertain, squares(6, 8) > 0)
    assert labels.dtype == np.int32


def test_a_nucleus_found_beside_a_label_takes_none_of_its_pixels() -> None:
    labels, found = squares(1, 2, 3), squares(1, 2, 3)
    found[2:8, 27:40] = 9  # from within the third nucleus to far beyond
    one = compare(labels, found, probability({1: 0.8, 2: 0.8, 3: 0.8}), {})
    objects = one.objects.assign(proposal=[KEEP, KEEP, KEEP, "", "", "", ADD])
    corrected, _ = apply_proposals(labels, found, objects)
    np.testing.assert_array_equal(corrected[labels > 0], labels[labels > 0])
    assert (corrected[2:8, 28:40] == 4).all()
