"""Which crops are good enough to train on: the thesis's rules (section 5.2.4), and others."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellid.config import SelectSettings

FEW_NUCLEI = "few_nuclei"
MOSTLY_NUCLEUS = "mostly_nucleus"
OUT_OF_FOCUS = "out_of_focus"
FAINT = "faint"
SATURATED = "saturated"
DOUBTFUL = "doubtful"


@dataclass(frozen=True)
class Rule:
    """One reason to drop crops.

    Attributes
    ----------
    reason : str
        What the manifest says of the crops it drops.
    setting : str
        The field of `SelectSettings` that holds its limit; none switches it off.
    find : callable
        Tells which crops of a manifest it drops at a limit; those not measured stay.
    suggested : float
        A limit to try where the rule is off; NaN for one that never is.
    """

    reason: str
    setting: str
    find: Callable[[pd.DataFrame, float], "pd.Series[bool]"]
    suggested: float = math.nan


def _find_lowest(manifest: pd.DataFrame, share: float) -> "pd.Series[bool]":
    by_line = manifest.groupby("line")["nucleus_share"]
    # Equal crops have equal areas, where the share ranks as the thesis's pixel count does
    rank, n_crops = by_line.rank(method="first"), by_line.transform("size")
    # 0.29 of 100 crops are 29, not the 28.999… of binary fractions
    return rank <= np.floor(share * n_crops + 1e-9)


# Where several rules drop a crop the last one names the reason: blur explains few nuclei
RULES = (
    Rule(FEW_NUCLEI, "drop_lowest", _find_lowest),
    Rule(MOSTLY_NUCLEUS, "max_nucleus_share", lambda crops, most: crops["nucleus_share"] > most),
    # On fields of eight cell lines nuclei had a focus of 0.6 to 0.9, and of less than 0.5
    # when blurred by a fifth of their diameter; contrast to noise was 10 or more; a doubt of
    # 0.35 was passed by blurring them by a third or dimming them to six times the noise.
    Rule(DOUBTFUL, "max_doubt", lambda crops, most: crops["doubt"] > most, 0.35),
    Rule(
        SATURATED,
        "max_saturated_share",
        lambda crops, most: crops["saturated_share"] > most,
        0.1,
    ),
    Rule(
        FAINT,
        "min_contrast_to_noise",
        lambda crops, least: crops["contrast_to_noise"] < least,
        5.0,
    ),
    Rule(OUT_OF_FOCUS, "min_focus", lambda crops, least: crops["focus"] < least, 0.5),
)


def select_crops(manifest: pd.DataFrame, settings: SelectSettings) -> pd.Series:
    """Return the reason why each crop is dropped, "" for those that are kept.

    The thesis drops the crops with a larger share of nucleus pixels than
    ``max_nucleus_share`` (almost always segmented noise), and of each cell line, which is a
    data set of its own there, the share ``drop_lowest`` with the fewest nucleus
    pixels (out of focus, or not taken the dye). The number dropped by the second rule is
    rounded down; where several crops share the cut-off the earlier ones go. The other rules
    are off by default.

    Parameters
    ----------
    manifest : DataFrame
        With the columns ``line``, ``nucleus_share`` and those of `summarise_objects`.
    settings : SelectSettings

    Returns
    -------
    Series of str, indexed as the manifest
    """
    reasons = pd.Series("", index=manifest.index, dtype=str)
    for rule in RULES:
        limit = getattr(settings, rule.setting)
        if limit is not None:
            reasons[rule.find(manifest, limit)] = rule.reason
    return reasons


def compare_rules(manifest: pd.DataFrame, settings: SelectSettings) -> pd.DataFrame:
    """Count what every rule by itself would drop, those that are off at the suggested limit.

    Parameters
    ----------
    manifest : DataFrame
        As for `select_crops`, with ``kept``.
    settings : SelectSettings
        The rules in force.

    Returns
    -------
    DataFrame
        A row a rule: ``reason``, ``setting``, ``limit``, ``in_force``, ``n_dropped`` crops and
        ``n_kept``, those of them that are kept as things are.
    """
    rows = []
    for rule in RULES:
        in_force = getattr(settings, rule.setting) is not None
        limit = getattr(settings, rule.setting) if in_force else rule.suggested
        dropped = rule.find(manifest, limit)
        rows.append(
            {
                "reason": rule.reason,
                "setting": rule.setting,
                "limit": limit,
                "in_force": in_force,
                "n_dropped": int(dropped.sum()),
                "n_kept": int((dropped & manifest["kept"]).sum()),
            }
        )
    return pd.DataFrame(rows)
