"""One-to-one assignment of candidate pairs: what matching and tracking share."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from cellid.evaluation.contingency import Counts


def choose_pairs(rows: Counts, columns: Counts, score: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Choose the most pairs in which none occurs twice and, among those, the best sum of scores.

    Parameters
    ----------
    rows, columns : (C,) int64
        The two objects of each candidate pair, by number; no pair occurs twice.
    score : (C,) float64 in [0, 1]
        How well they fit.

    Returns
    -------
    (C,) bool
        Which candidates are chosen.
    """
    n_most = max(min(np.unique(rows).size, np.unique(columns).size), 1)
    # What all scores together lack takes off at most half a pair: so their number comes first
    return choose_gains(rows, columns, 1 - (1 - score) / (2 * n_most))


def choose_gains(rows: Counts, columns: Counts, gain: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Choose pairs in which none occurs twice, with the best sum of gains.

    Parameters
    ----------
    rows, columns : (C,) int64
        The two objects of each candidate pair, by number; no pair occurs twice.
    gain : (C,) float64
        What a pair brings; who stays alone brings 0.

    Returns
    -------
    (C,) bool
        Which candidates are chosen.

    Notes
    -----
    Almost every pair of a good prediction is the only candidate of both its objects
    and settled by looking; the assignment problem is solved for the others.
    """
    chosen = gain > 0
    if not chosen.any():
        return np.asarray(chosen)
    alone = (np.bincount(rows[chosen], minlength=rows.max() + 1)[rows] == 1) & (
        np.bincount(columns[chosen], minlength=columns.max() + 1)[columns] == 1
    )
    contested = np.flatnonzero(chosen & ~alone)
    if contested.size:
        chosen[contested] = _assign(rows[contested], columns[contested], gain[contested])
    return np.asarray(chosen)


def _assign(rows: Counts, columns: Counts, gain: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Solve the assignment problem; every row may also stay alone."""
    row_ids, row = np.unique(rows, return_inverse=True)
    column_ids, column = np.unique(columns, return_inverse=True)
    n_rows, n_columns = row_ids.size, column_ids.size
    # The same is added to whatever a row chooses, for no cost may be 0
    dearest = 1 + gain.max()
    cost = np.append(dearest - gain, np.full(n_rows, dearest))
    every_row = np.arange(n_rows)
    ends = np.append(row, every_row), np.append(column, n_columns + every_row)
    graph = coo_array((cost, ends), shape=(n_rows, n_columns + n_rows)).tocsr()
    matched, partner = min_weight_full_bipartite_matching(graph)
    partner_of = np.empty(n_rows, dtype=np.int64)
    partner_of[matched] = partner
    return np.asarray(partner_of[row] == column)
