"""Which crops are dropped, counted by hand."""

import pandas as pd
import pytest

from cellid.config import SelectSettings
from cellid.labeling.selection import (
    DOUBTFUL,
    FAINT,
    FEW_NUCLEI,
    MOSTLY_NUCLEUS,
    OUT_OF_FOCUS,
    SATURATED,
    compare_rules,
    select_crops,
)


def crops(nucleus_px: list[int], line: str = "a", side: int = 10) -> pd.DataFrame:
    share = [number / side**2 for number in nucleus_px]
    good = {"focus": 1.0, "contrast_to_noise": 99.0, "saturated_share": 0.0, "doubt": 0.0}
    return pd.DataFrame({"line": line, "nucleus_share": share, **good})


def dropped(manifest: pd.DataFrame, **settings: float) -> list[str]:
    return select_crops(manifest, SelectSettings(**settings)).tolist()


def test_the_lowest_quarter_is_dropped() -> None:
    few, kept = FEW_NUCLEI, ""
    assert (
        dropped(crops([9, 1, 5, 40, 0, 20, 30, 8])) == [kept, few] + [kept] * 2 + [few] + [kept] * 3
    )


@pytest.mark.parametrize(("n", "expected"), [(1, 0), (3, 0), (4, 1), (7, 1), (8, 2), (100, 25)])
def test_the_number_dropped_is_rounded_down(n: int, expected: int) -> None:
    assert dropped(crops([i % 40 for i in range(n)])).count(FEW_NUCLEI) == expected


@pytest.mark.parametrize("percent", [0, 1, 7, 28, 29, 30, 55, 57, 58, 99])
def test_a_whole_share_is_met_exactly(percent: int) -> None:
    reasons = dropped(crops([1] * 100), drop_lowest=percent / 100)
    assert reasons.count(FEW_NUCLEI) == percent


def test_of_equals_the_earlier_go() -> None:
    assert dropped(crops([3] * 4), drop_lowest=0.5) == [FEW_NUCLEI] * 2 + [""] * 2


def test_each_line_loses_its_own_share() -> None:
    sparse, dense = crops([1, 2, 3, 4], "a"), crops([31, 32, 33, 34], "b")
    both = pd.concat([sparse, dense], ignore_index=True)
    assert dropped(both) == [FEW_NUCLEI, "", "", ""] * 2


def test_more_nucleus_than_background_is_noise() -> None:
    assert dropped(crops([49, 50, 51, 100]), drop_lowest=0) == ["", ""] + [MOSTLY_NUCLEUS] * 2


def test_the_share_counts_not_the_size_of_the_crop() -> None:
    both = pd.concat([crops([30], side=10), crops([40], side=20)], ignore_index=True)
    assert dropped(both, drop_lowest=0.5) == ["", FEW_NUCLEI]


def test_nothing_is_dropped_when_nothing_is_asked() -> None:
    assert dropped(crops([0, 0, 100]), drop_lowest=0, max_nucleus_share=1) == [""] * 3


def spoilt() -> pd.DataFrame:
    """Return a good crop, one that is bad by every measure, and one that was not measured."""
    manifest = crops([20, 20, 20])
    measures = ["focus", "contrast_to_noise", "saturated_share", "doubt"]
    manifest.loc[1, measures] = 0.2, 3.0, 0.7, 0.6
    manifest.loc[2, measures] = float("nan")
    return manifest


@pytest.mark.parametrize(
    ("setting", "limit", "reason"),
    [
        ("min_focus", 0.3, OUT_OF_FOCUS),
        ("min_contrast_to_noise", 4, FAINT),
        ("max_saturated_share", 0.5, SATURATED),
        ("max_doubt", 0.5, DOUBTFUL),
    ],
)
def test_other_rules_drop_what_is_past_their_limit(setting: str, limit: float, reason: str) -> None:
    assert dropped(spoilt()) == [""] * 3
    assert dropped(spoilt(), **{setting: limit}) == ["", reason, ""]
    at_the_limit = {"min_focus": 0.2, "min_contrast_to_noise": 3}
    at_the_limit |= {"max_saturated_share": 0.7, "max_doubt": 0.6}
    assert dropped(spoilt(), **at_the_limit) == [""] * 3


def test_the_most_telling_reason_is_given() -> None:
    strict = {"min_focus": 0.3, "min_contrast_to_noise": 4, "max_doubt": 0.5, "drop_lowest": 0.7}
    assert dropped(spoilt(), **strict) == [FEW_NUCLEI, OUT_OF_FOCUS, ""]


def test_every_rule_says_what_it_would_drop_by_itself() -> None:
    manifest = pd.concat([spoilt(), crops([5, 60, 21, 22, 23])], ignore_index=True)
    settings = SelectSettings(max_doubt=0.9)
    manifest["kept"] = select_crops(manifest, settings) == ""

    rules = compare_rules(manifest, settings).set_index("reason")

    # a quarter of eight: the one with 5 pixels, and the first of those with 20
    told = rules[["setting", "limit", "in_force", "n_dropped", "n_kept"]]
    assert told.loc[FEW_NUCLEI].tolist() == ["drop_lowest", 0.25, True, 2, 0]
    assert told.loc[MOSTLY_NUCLEUS].tolist() == ["max_nucleus_share", 0.5, True, 1, 0]
    assert told.loc[DOUBTFUL].tolist() == ["max_doubt", 0.9, True, 0, 0]
    assert rules.loc[MOSTLY_NUCLEUS, ["low", "high"]].tolist() == pytest.approx([0.1025, 0.4705])
    for reason in (OUT_OF_FOCUS, FAINT, SATURATED):
        assert rules.loc[reason, ["in_force", "n_dropped", "n_kept"]].tolist() == [False, 1, 1]
    assert len(rules) == 6
