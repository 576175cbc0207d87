"""Who goes into training, validation and test."""

from fnmatch import fnmatch
from pathlib import PurePath

import numpy as np
import pandas as pd

from cellid.config import SplitSettings
from cellid.dataset.manifest import SPLITS
from cellid.errors import CellidError


def assign_splits(manifest: pd.DataFrame, settings: SplitSettings, seed: int) -> pd.Series:
    """Return the split of every crop: whole groups, in every cell line.

    Groups named in the settings go where they are named, and a split with named groups gets
    no others. Else each line gives its share to the test and to validation, rounded, but at
    least one where it has three or more groups; a line with two gives one to validation.

    Parameters
    ----------
    manifest : DataFrame
        With the columns ``group``, ``line``, ``field`` and ``file``.
    settings : SplitSettings
    seed : int
        Of the shuffle.

    Returns
    -------
    Series of str, indexed as the manifest

    Raises
    ------
    CellidError
        If a name fits no group, or one group is named for both.
    """
    rng = np.random.default_rng(seed)
    groups = manifest.drop_duplicates("group").set_index("group")
    files = [PurePath(file).as_posix() for file in manifest["file"]]
    split = pd.Series("", index=groups.index)
    for name, patterns in (("test", settings.test_ids), ("validation", settings.validation_ids)):
        for pattern in patterns:
            fits = [
                # A folder above all images, called like a field, is no name of a field
                any(fnmatch(name, pattern) for name in names[: 2 + ("/" in pattern)])
                for names in zip(manifest["group"], manifest["field"], files, strict=True)
            ]
            named = manifest.loc[fits, "group"].unique()
            if not named.size:
                raise CellidError(
                    f"split.{name}_ids = {pattern!r}",
                    expected="the name of a field, well, group or image file",
                    got=f"no match among {', '.join(groups.index[:8])}",
                    remedy="use one of these names, or a pattern with *",
                )
            if name == "validation" and (split[named] == "test").any():
                raise CellidError(
                    f"split.validation_ids = {pattern!r}",
                    expected="groups that split.test_ids does not name",
                    got=f"{', '.join(g for g in named if split[g] == 'test')} in both",
                    remedy="name each field or group for one of them",
                )
            split[named] = name
    named_any = {name: bool((split == name).any()) for name in SPLITS}
    for _, line in groups.groupby("line", sort=True):
        free = rng.permutation([g for g in line.index if split[g] == ""])
        n = len(free)
        wanted = {
            "test": 0 if named_any["test"] else _quota(n, settings.test, least_of=3),
            "validation": 0
            if named_any["validation"]
            else _quota(n, settings.validation, least_of=2),
        }
        start = 0
        for name, count in wanted.items():
            split[free[start : start + count]] = name
            start += count
        split[free[start:]] = "train"
    return manifest["group"].map(split)


def assign_folds(manifest: pd.DataFrame, n: int, seed: int) -> pd.Series:
    """Return a fold from 0 for every crop: whole groups, every cell line dealt out evenly.

    Parameters
    ----------
    manifest : DataFrame
        With the columns ``group`` and ``line``.
    n : int
        Number of folds.
    seed : int
        Of the shuffle.

    Returns
    -------
    Series of int, indexed as the manifest
    """
    groups = manifest.drop_duplicates("group").sample(frac=1, random_state=seed)
    groups = groups.sort_values("line", kind="stable")["group"]
    fold = pd.Series(np.arange(len(groups)) % n, index=groups.to_numpy())
    return manifest["group"].map(fold)


def _quota(n: int, share: float, least_of: int) -> int:
    """Return how many of n groups a share is: rounded, but one of ``least_of`` or more."""
    return max(round(share * n), int(share > 0 and n >= least_of))


def mark_duplicates(manifest: pd.DataFrame) -> pd.Series:
    """Return True for every crop whose phase pixels an earlier crop has already."""
    return manifest["image_hash"].duplicated(keep="first")
