"""Families of nuclei, laid out as trees."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from cellid.types import Tracks


@dataclass(frozen=True, eq=False)
class Family:
    """All that a nucleus divided into.

    Attributes
    ----------
    field : str
    founder : int
        The track that the others descend from.
    lines : DataFrame
        A row a track: ``track``, ``parent``, ``begin``, ``end`` and ``row``, its place
        from the top: leaves on rows of their own, a mother in the middle of her daughters.
    """

    field: str
    founder: int
    lines: pd.DataFrame


def find_families(field: str, tracks: Tracks, most: int) -> list[Family]:
    """Return the families of most tracks, the largest first; those of one track are left out."""
    lineage = tracks.lineage
    daughters = {
        int(parent): rows["track"].tolist()
        for parent, rows in lineage[lineage["parent"] > 0].groupby("parent")
    }
    founders = set(lineage.loc[lineage["parent"] == 0, "track"]) & set(daughters)
    places = [(founder, _lay_out(founder, daughters)) for founder in sorted(founders)]
    places.sort(key=lambda family: len(family[1]), reverse=True)
    families = []
    for founder, rows in places[:most]:
        lines = lineage[lineage["track"].isin(list(rows))]
        lines = lines.assign(row=lines["track"].map(rows))
        families.append(Family(field, founder, lines.reset_index(drop=True)))
    return families


def _lay_out(founder: int, daughters: Mapping[int, list[int]]) -> dict[int, float]:
    """Return the row of the founder and of each descendant."""
    rows: dict[int, float] = {}
    n_leaves = 0
    # A stack, for a lineage may be deeper than Python's own
    todo = [(founder, False)]
    while todo:
        track, daughters_placed = todo.pop()
        own = daughters.get(track, [])
        if daughters_placed:
            rows[track] = sum(rows[each] for each in own) / len(own)
        elif own:
            todo += [(track, True), *((each, False) for each in reversed(own))]
        else:
            rows[track] = n_leaves
            n_leaves += 1
    return rows
