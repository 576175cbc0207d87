"""Which crops are good enough to train on: the thesis's rules (section 5.2.4), and others."""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass

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
    measure : str
        The column of the manifest that it looks at.
    is_past : callable
        Tells which measures of one cell line are past a limit.
    suggested : float
        A limit to try where the rule is off; NaN for one that never is.
    """

    reason: str
    setting: str
    measure: str
    is_past: Callable[[pd.Series, float], pd.Series]
    suggested: float = math.nan

    def find(self, manifest: pd.DataFrame, limit: float) -> pd.Series:
        """Tell which crops are dropped at a limit; those not measured stay."""
        measures = manifest.groupby("line")[self.measure]
        return measures.transform(self.is_past, limit).astype(bool)


def _is_among_lowest(measures: pd.Series, share: float) -> pd.Series:
    # 0.29 of 100 crops are 29, not the 28.999… of binary fractions
    return measures.rank(method="first") <= math.floor(share * len(measures) + 1e-9)


# Where several rules drop a crop the last one names the reason: blur explains few nuclei.
# Limits to try: of 48 crops of 13 fields of six cell lines none is past them; those fields
# blurred by a fifth of a nucleus had a focus of less than 0.5, and a doubt of more than 0.35
# when it was a third, or when their contrast was dimmed to six times the noise, as a rule.
RULES = (
    # Equal crops have equal areas, where the share ranks as the thesis's pixel count does
    Rule(FEW_NUCLEI, "drop_lowest", "nucleus_share", _is_among_lowest),
    Rule(MOSTLY_NUCLEUS, "max_nucleus_share", "nucleus_share", operator.gt),
    Rule(DOUBTFUL, "max_doubt", "doubt", operator.gt, 0.35),
    Rule(SATURATED, "max_saturated_share", "saturated_share", operator.gt, 0.1),
    Rule(FAINT, "min_contrast_to_noise", "contrast_to_noise", operator.lt, 5.0),
    Rule(OUT_OF_FOCUS, "min_focus", "focus", operator.lt, 0.5),
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
        A row a rule: ``reason``, ``setting``, ``limit``, ``in_force``; ``n_dropped`` crops and
        ``n_kept``, those of them that are kept as things are; and ``low``, ``high``, between
        which nine tenths of the crops lie in what the rule looks at.
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
                "low": manifest[rule.measure].quantile(0.05),
                "high": manifest[rule.measure].quantile(0.95),
            }
        )
    return pd.DataFrame(rows)
