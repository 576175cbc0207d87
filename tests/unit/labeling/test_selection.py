"""Which crops are dropped, counted by hand."""

import pandas as pd
import pytest

from cellid.config import SelectSettings
from cellid.labeling.selection import FEW_NUCLEI, MOSTLY_NUCLEUS, select_crops


def crops(nucleus_px: list[int], line: str = "a", side: int = 10) -> pd.DataFrame:
    table = pd.DataFrame({"line": line, "nucleus_px": nucleus_px})
    return table.assign(y0=5, x0=7, y1=5 + side, x1=7 + side)


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
