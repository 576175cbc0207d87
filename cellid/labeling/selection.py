"""Which crops are good enough to train on (thesis, section 5.2.4)."""

import numpy as np
import pandas as pd

from cellid.config import SelectSettings

FEW_NUCLEI = "few_nuclei"
MOSTLY_NUCLEUS = "mostly_nucleus"


def select_crops(manifest: pd.DataFrame, settings: SelectSettings) -> pd.Series:
    """Return the reason why each crop is dropped, "" for those that are kept.

    Dropped are the crops with a larger share of nucleus pixels than
    ``max_nucleus_share`` (almost always segmented noise), and of each cell line, which is a
    data set of its own in the thesis, the share ``drop_lowest`` with the fewest nucleus
    pixels (out of focus, or not taken the dye). The number dropped by the second rule is
    rounded down; where several crops share the cut-off the earlier ones go.

    Parameters
    ----------
    manifest : DataFrame
        With the columns ``line``, ``nucleus_px`` and the crop's corners ``y0 x0 y1 x1``.
    settings : SelectSettings

    Returns
    -------
    Series of str, indexed as the manifest
    """
    area = (manifest["y1"] - manifest["y0"]) * (manifest["x1"] - manifest["x0"])
    share = manifest["nucleus_px"] / area
    reasons = pd.Series("", index=manifest.index, dtype=str)
    # Equal crops have equal areas, where the share ranks as the thesis's pixel count does
    rank = share.groupby(manifest["line"]).rank(method="first")
    n_crops = manifest.groupby("line")["line"].transform("size")
    # 0.29 of 100 crops are 29, not the 28.999… of binary fractions
    reasons[rank <= np.floor(settings.drop_lowest * n_crops + 1e-9)] = FEW_NUCLEI
    reasons[share > settings.max_nucleus_share] = MOSTLY_NUCLEUS
    return reasons
