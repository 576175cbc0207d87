"""What experts say of predictions, counted (thesis sections 5.4.3, 6.2.3 and 6.2.4).

An expert looks at a prediction on its phase image, beside the stain, and names the objects
that are no nucleus (false positives) and the nuclei without an object (false negatives). There
is no ground truth: an object that nobody objects to is taken to be right.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellid.evaluation.counts import BinaryCounts, divide

COUNTS = ("false_positives", "false_negatives")
"""What an expert counts on a sheet."""

SCORES = ("precision", "recall", "dice", "iou")


@dataclass(frozen=True, eq=False)
class Agreement:
    """How two experts judged the same things.

    Attributes
    ----------
    first, second : str
        The experts.
    classifier : str
        Whose predictions they judged.
    value : str
        What of them is compared.
    table : (K, K) int64
        How often the first said i and the second said j (`tabulate_agreement`).
    """

    first: str
    second: str
    classifier: str
    value: str
    table: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Number of things that both judged."""
        return int(self.table.sum())

    @property
    def observed(self) -> float:
        """Share of them on which both said the same."""
        return divide(float(np.trace(self.table)), self.n)

    @property
    def kappa(self) -> float:
        """Cohen's kappa (`cohen_kappa`)."""
        return cohen_kappa(self.table)


def score_experts(judgements: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of every classifier and cell line by every expert, as tables 6.3 and 6.4.

    Parameters
    ----------
    judgements : DataFrame
        A row a sheet and expert: ``expert``, ``classifier``, ``line``, ``n_objects`` and
        `COUNTS`.

    Returns
    -------
    DataFrame
        A row an expert, classifier and line, with ``n_sheets``, ``n_objects``,
        ``true_positives``, `COUNTS` and `SCORES`; scores of 0/0 are nan.

    Notes
    -----
    True positives are TP* of section 6.2.3, objects less false positives: a clump found as one
    object is one, however many nuclei it holds.
    """
    keys = ["expert", "classifier", "line"]
    groups = judgements.groupby(keys, sort=False)
    table = groups[["n_objects", *COUNTS]].sum()
    table.insert(0, "n_sheets", groups.size())
    table.insert(2, "true_positives", table["n_objects"] - table["false_positives"])
    counts = [BinaryCounts(*row) for row in table[["true_positives", *COUNTS]].to_numpy().tolist()]
    for score in SCORES:
        table[score] = [getattr(each, score) for each in counts]
    return table.reset_index()


def tabulate_agreement(first: ArrayLike, second: ArrayLike) -> NDArray[np.int64]:
    """Count how often one expert said i where the other said j, as tables 6.5 and 6.6.

    Parameters
    ----------
    first, second : (N,) integers from 0
        What each said of the same N things.

    Returns
    -------
    (K, K) int64
        Rows are the first expert's; K is one more than the largest number said.
    """
    said = np.stack([np.asarray(first, np.int64), np.asarray(second, np.int64)])
    size = int(said.max(initial=0)) + 1
    return np.bincount(said[0] * size + said[1], minlength=size**2).reshape(size, size)


def cohen_kappa(table: ArrayLike) -> float:
    """Return by how much two experts agree beyond chance, as a share of what chance leaves.

    Parameters
    ----------
    table : (K, K) integers
        As from `tabulate_agreement`.

    Returns
    -------
    float
        1 for full agreement, 0 for that of chance; nan if chance alone would make them agree
        on all, as when both said the same of everything.

    Notes
    -----
    Unweighted: of counts, 3 against 4 is as much a disagreement as 0 against 4, so read it
    beside the table. On whether an object is a nucleus there are but two answers.

    References
    ----------
    Cohen, A coefficient of agreement for nominal scales, Educational and Psychological
    Measurement 20, 1960.
    """
    counts = np.asarray(table, np.float64)
    n = counts.sum()
    observed = np.trace(counts) * n
    expected = float(counts.sum(axis=0) @ counts.sum(axis=1))
    return divide(float(observed - expected), float(n**2 - expected))


def compare_experts(said: pd.DataFrame, value: str, unit: Sequence[str]) -> Iterator[Agreement]:
    """Compare every two experts on what both judged, by classifier.

    Parameters
    ----------
    said : DataFrame
        A row a thing and expert: ``expert``, ``classifier``, ``value`` and ``unit``.
    value : str
        Column of what was said, integers from 0.
    unit : sequence of str
        Columns that tell the things apart.

    Yields
    ------
    Agreement
        None for two experts who have judged nothing in common.
    """
    experts = said["expert"].unique()
    for classifier, part in said.groupby("classifier", sort=False):
        answers = part.pivot(index=list(unit), columns="expert", values=value)
        for first, second in combinations(experts, 2):
            if {first, second} <= set(answers):
                both = answers[[first, second]].dropna()
                if len(both):
                    table = tabulate_agreement(both[first], both[second])
                    yield Agreement(first, second, str(classifier), value, table)


def find_disagreements(judgements: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the sheets on which experts disagree, those with most of it first.

    Parameters
    ----------
    judgements : DataFrame
        A row a sheet and expert: ``expert``, ``sheet`` and `COUNTS`.
    verdicts : DataFrame
        A row an object and expert, of those who have pointed at objects: ``expert``,
        ``sheet``, ``object`` and ``is_false``, 0 or 1.

    Returns
    -------
    DataFrame
        ``sheet``; of each of `COUNTS` the largest less the smallest said; ``objects``, the
        number of objects on which they differ.
    """
    table = judgements.groupby("sheet", sort=False)[list(COUNTS)].agg(np.ptp)
    differs = verdicts.groupby(["sheet", "object"])["is_false"].nunique() > 1
    table["objects"] = differs.groupby("sheet").sum().reindex(table.index, fill_value=0)
    # A disputed object may cancel out in the counts, and is in both where it does not
    most = table["false_negatives"] + table[["false_positives", "objects"]].max(axis=1)
    order = most[most > 0].sort_values(ascending=False, kind="stable").index
    return table.loc[order].astype(np.int64).reset_index()
