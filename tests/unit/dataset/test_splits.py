"""Splits: whole groups, every line, names kept, quotas at their edges."""

import numpy as np
import pandas as pd
import pytest

from cellid.config import SplitSettings
from cellid.dataset import assign_splits, mark_duplicates
from cellid.errors import CellidError


def plate(**groups_of_line: int) -> pd.DataFrame:
    """Return a manifest with two fields a group and two crops a field."""
    return pd.DataFrame(
        [
            {
                "group": f"{line}{g}",
                "line": line,
                "field": f"{line}{g}-{field}",
                "file": f"b1/{field}",
            }
            for line, n in groups_of_line.items()
            for g in range(n)
            for field in "pq"
            for _ in range(2)
        ]
    )


def counts(manifest: pd.DataFrame, split: pd.Series) -> dict[str, int]:
    return manifest["group"].groupby(split).nunique().to_dict()


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_whole_and_every_line_gives_its_share(seed: int) -> None:
    manifest = plate(hela=20, cho=7).sample(frac=1, random_state=seed)
    split = assign_splits(manifest, SplitSettings(), seed)
    assert split.index.equals(manifest.index)
    assert split.groupby(manifest["group"]).nunique().eq(1).all()
    for line, expected in (
        ("hela", {"train": 14, "validation": 3, "test": 3}),
        ("cho", {"train": 5, "validation": 1, "test": 1}),
    ):
        rows = manifest["line"] == line
        assert counts(manifest[rows], split[rows]) == expected


def test_the_seed_decides() -> None:
    manifest = plate(hela=20)
    first, again, other = (assign_splits(manifest, SplitSettings(), seed) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (1, {"train": 1}),
        (2, {"train": 1, "validation": 1}),
        (3, {"train": 1, "validation": 1, "test": 1}),
        (4, {"train": 2, "validation": 1, "test": 1}),
        (9, {"train": 7, "validation": 1, "test": 1}),
        (13, {"train": 9, "validation": 2, "test": 2}),
        (100, {"train": 70, "validation": 15, "test": 15}),
    ],
)
def test_quotas_are_rounded_but_not_to_none(n: int, expected: dict[str, int]) -> None:
    manifest = plate(a=n)
    assert counts(manifest, assign_splits(manifest, SplitSettings(), 0)) == expected


def test_without_a_test_share_there_is_no_test() -> None:
    manifest = plate(a=10)
    split = assign_splits(manifest, SplitSettings(test=0), 0)
    assert counts(manifest, split) == {"train": 8, "validation": 2}


def test_named_groups_and_fields_go_where_they_are_named() -> None:
    manifest = plate(a=6, b=3)
    settings = SplitSettings(test_ids=("a1", "b2-q"), validation_ids=("a[23]",))
    split = assign_splits(manifest, settings, 0)
    expected = {"a1": "test", "b2": "test", "a2": "validation", "a3": "validation"}
    for group, rows in split.groupby(manifest["group"]):
        assert set(rows) == {expected.get(str(group), "train")}


def test_files_are_named_by_patterns_with_a_slash() -> None:
    manifest = plate(a=4, b=2)
    settings = SplitSettings(test_ids=("*/q",), validation_ids=("b1*",))
    manifest["file"] = manifest["field"].map({"a1-q": r"x/y/q", "b0-p": "b1/q"}).fillna("b1/p")
    split = assign_splits(manifest, settings, 0)
    assert manifest["group"].groupby(split).unique().map(set).to_dict() == {
        "test": {"a1", "b0"},
        "validation": {"b1"},
        "train": {"a0", "a2", "a3"},
    }


def test_a_line_named_as_a_whole_is_left_out_of_training() -> None:
    manifest = plate(a=6, b=3)
    split = assign_splits(manifest, SplitSettings(test_ids=("b*",)), 0)
    assert set(split[manifest["line"] == "b"]) == {"test"}
    rows = manifest["line"] == "a"
    assert counts(manifest[rows], split[rows]) == {"train": 5, "validation": 1}


def test_a_name_that_fits_nothing_is_refused() -> None:
    with pytest.raises(CellidError, match="a0, a1") as caught:
        assign_splits(plate(a=2), SplitSettings(test_ids=("c9",)), 0)
    assert caught.value.subject == "split.test_ids = 'c9'"


def test_a_group_named_for_both_is_refused() -> None:
    settings = SplitSettings(test_ids=("a1",), validation_ids=("a*",))
    with pytest.raises(CellidError, match="a1 in both"):
        assign_splits(plate(a=4), settings, 0)


def test_the_first_of_equal_crops_is_no_duplicate() -> None:
    manifest = pd.DataFrame({"image_hash": list("abacab")}, index=np.arange(10, 16))
    marked = mark_duplicates(manifest)
    assert marked.index.tolist() == manifest.index.tolist()
    assert marked.tolist() == [False, False, True, False, True, True]
