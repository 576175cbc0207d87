"""Parts of the training fields, for a learning curve."""

from dataclasses import replace

import numpy as np
import pandas as pd

from cellid.dataset.folder import Dataset

# Steps of this part of a circle lie far from each other, however many are taken
_GOLDEN = (5**0.5 - 1) / 2


def training_groups(dataset: Dataset, seed: int) -> list[str]:
    """Return the groups trained on, shuffled so that any stretch of them is a fair sample.

    Cell lines follow each other in the proportion in which they occur.

    Parameters
    ----------
    dataset : Dataset
    seed : int
        Of the shuffle.
    """
    crops = dataset.crops("train").drop_duplicates("group")
    rng = np.random.default_rng(seed)
    groups = crops.iloc[rng.permutation(len(crops))]
    lines = groups.groupby("line")["line"]
    place = (lines.cumcount() + rng.random(len(groups))) / lines.transform("size")
    return list(groups.loc[place.sort_values().index, "group"])


def curve_sizes(n_groups: int) -> list[int]:
    """Return 1, 2, 4, 8 and so on below ``n_groups``, and ``n_groups``."""
    return [*(2**k for k in range((n_groups - 1).bit_length())), n_groups]


def choose_groups(groups: list[str], size: int, repeat: int) -> list[str]:
    """Return ``size`` of the groups for one repeat.

    Within a repeat the smaller choice is part of the larger. Repeats start far from each
    other on the circle of groups, so small choices share none, and a repeat is the same
    however many there are.

    Parameters
    ----------
    groups : list of str
        From `training_groups`.
    size : int
        At most the number of groups.
    repeat : int
        From 0.
    """
    start = int(len(groups) * (repeat * _GOLDEN % 1))
    return [*groups[start:], *groups[:start]][:size]


def train_on(dataset: Dataset, groups: list[str], seed: int) -> Dataset:
    """Return the data set with only these groups to train on; the other splits stay.

    Their crops are repeated until they are as many as those of all groups. An epoch then has
    as many steps as with all, and a training as many epochs, looks at validation and steps
    of its learning rate: with fewer fields an epoch would be shorter, and a training on them
    would score less for want of steps rather than of images.

    Parameters
    ----------
    dataset : Dataset
    groups : list of str
    seed : int
        Chooses the crops that occur once more than others.
    """
    every = dataset.crops("train")
    own = every[every["group"].isin(groups)]
    order = np.random.default_rng(seed).permutation(len(own))
    rows = own.iloc[np.resize(order, len(every))]
    rest = dataset.manifest[dataset.manifest["split"] != "train"]
    return replace(dataset, manifest=pd.concat([rows, rest], ignore_index=True))
