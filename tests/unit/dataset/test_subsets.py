"""Which fields a learning curve is trained on, and how often their crops are shown."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from cellid.dataset import Dataset
from cellid.dataset.subsets import choose_groups, curve_sizes, train_on, training_groups

GROUPS = [f"g{i}" for i in range(16)]


@pytest.fixture
def dataset(tiny_dataset: Dataset) -> Dataset:
    """The first group has two crops more than the others."""
    crops = tiny_dataset.manifest
    more = crops[crops["group"] == "f0"]
    more = [more.assign(id=name) for name in ("f0_b", "f0_c")]
    return replace(tiny_dataset, manifest=pd.concat([crops, *more], ignore_index=True))


@pytest.mark.parametrize(
    ("n", "sizes"),
    [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (8, [1, 2, 4, 8]), (9, [1, 2, 4, 8, 9])],
)
def test_sizes_double_up_to_all(n: int, sizes: list[int]) -> None:
    assert curve_sizes(n) == sizes


def test_all_training_groups_are_shuffled_by_the_seed(dataset: Dataset) -> None:
    every = {f"f{i}" for i in range(6)}
    orders = [training_groups(dataset, seed) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    for order in orders:
        assert set(order) == every
        assert len(order) == len(every)


def test_lines_are_mixed_in_every_stretch(dataset: Dataset) -> None:
    line = dataset.manifest.set_index("group")["line"].to_dict()
    for seed in range(20):
        order = training_groups(dataset, seed)
        for first in (0, 2, 4):
            assert {line[group] for group in order[first : first + 2]} == {"CHO", "HeLa"}


def test_a_smaller_choice_is_part_of_the_larger() -> None:
    for repeat in range(5):
        chosen = [choose_groups(GROUPS, size, repeat) for size in (1, 2, 4, 8, 16)]
        for small, large in pairwise(chosen):
            assert large[: len(small)] == small
        assert set(chosen[-1]) == set(GROUPS)


def test_small_choices_of_different_repeats_share_nothing() -> None:
    ones = [choose_groups(GROUPS, 1, repeat)[0] for repeat in range(8)]
    assert len(set(ones)) == 8
    twos = [set(choose_groups(GROUPS, 2, repeat)) for repeat in range(3)]
    assert len(set.union(*twos)) == 6


@pytest.mark.parametrize("chosen", [["f1"], ["f0", "f3"], ["f0", "f1", "f2", "f3", "f4", "f5"]])
def test_fewer_groups_are_shown_as_often_as_all(dataset: Dataset, chosen: list[str]) -> None:
    part = train_on(dataset, chosen, seed=1)
    crops = part.crops("train")
    assert len(crops) == len(dataset.crops("train")) == 8
    assert set(crops["group"]) == set(chosen)
    shown = crops["id"].value_counts()
    assert shown.max() - shown.min() <= 1
    own = dataset.crops("train").query("group in @chosen")["id"]
    assert set(shown.index) == set(own)
    for split in ("validation", "test"):
        assert part.crops(split)["id"].tolist() == dataset.crops(split)["id"].tolist()


def test_crops_shown_once_more_are_chosen_by_the_seed(dataset: Dataset) -> None:
    shown = [
        train_on(dataset, ["f0", "f1", "f2"], seed).crops("train")["id"].tolist()
        for seed in (1, 1, 2)
    ]
    assert shown[0] == shown[1] != shown[2]
    assert np.unique(shown[0]).tolist() == np.unique(shown[2]).tolist()
