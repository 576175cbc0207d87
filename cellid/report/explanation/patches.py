"""Which patches the page shows, and pictures of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellid.imaging.overlay import OUTLINE, Picture, find_outlines, lay_heat
from cellid.report.samples import shrink
from cellid.types import Frame, Mask

MAX_POINTS = 400
"""Most points of the plot: with a picture of some 3 kB each, the page stays near 2 MB."""

_EACH = 12  # patches of a kind with heat on them
_POINT_PX = 72


@dataclass(frozen=True)
class Patch:
    """A patch to look at.

    Attributes
    ----------
    image : (Y, X) or (Y, X, 3) uint8
        With the contrast of its whole image.
    heat : (Y, X) float32, not negative
    mask : (Y, X) bool or None
        True objects, where they are known.
    """

    image: Picture
    heat: Frame
    mask: Mask | None


def choose_overlays(
    patches: pd.DataFrame, classes: tuple[str, str], seed: int
) -> dict[str, pd.Index]:
    """Return rows to show with heat: all kinds of right and wrong, the most wrong first.

    Parameters
    ----------
    patches : DataFrame
        A row a patch: ``probability``, ``predicted``, and ``true`` where it is known (bool).
    classes : (str, str)
        Names of the negative and the positive class.
    seed : int
        Those that are right are drawn at random, for the best would flatter.

    Returns
    -------
    dict of str to Index
        By a heading; kinds without a patch are left out.
    """
    shuffled = patches.sample(frac=1, random_state=seed)
    kinds = {}
    for predicted in (True, False):
        found, name = shuffled[shuffled["predicted"] == predicted], f"“{classes[predicted]}”"
        if "true" not in patches:
            kinds[f"Called {name}"] = found
            continue
        kinds[f"Rightly called {name}"] = found[found["true"] == predicted]
        wrong = found[found["true"] != predicted]
        kinds[f"Wrongly called {name}"] = wrong.sort_values("probability", ascending=not predicted)
    return {heading: rows.index[:_EACH] for heading, rows in kinds.items() if len(rows)}


def choose_points(patches: pd.DataFrame, seed: int) -> pd.Index:
    """Return the rows in the plot: at most `MAX_POINTS` of those that have a place, at random."""
    placed = patches[patches["x"].notna()]
    return placed.sample(min(MAX_POINTS, len(placed)), random_state=seed).index.sort_values()


def draw_heat(patch: Patch, hottest: float) -> Picture:
    """Draw a patch beside itself under its heat, both with the outlines of true objects.

    Parameters
    ----------
    patch : Patch
    hottest : float
        Heat of the last colour; the same for all patches, that they compare.

    Returns
    -------
    (Y, 2 X, 3) uint8
    """
    plain = np.dstack([patch.image] * 3) if patch.image.ndim == 2 else patch.image.copy()
    heated = lay_heat(plain, np.clip(patch.heat / (hottest or 1), 0, 1))
    if patch.mask is not None:
        lines = find_outlines(patch.mask.astype(np.int32))
        for picture in (plain, heated):
            picture[lines] = OUTLINE
    return np.hstack([plain, heated])


def draw_point(patch: Patch) -> Picture:
    """Return a small picture of a patch, for the plot."""
    return shrink(patch.image, _POINT_PX).astype(np.uint8)
