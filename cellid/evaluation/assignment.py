"""One-to-one assignment of candidate pairs: what matching by overlap and by distance share."""

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

    Notes
    -----
    Almost every pair of a good prediction is the only candidate of both its objects
    and settled by looking; the assignment problem is solved for the others.
    """
    if rows.size == 0:
        return np.zeros(0, dtype=bool)
    chosen = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
    contested = np.flatnonzero(~chosen)
    if contested.size:
        chosen[contested] = _assign(rows[contested], columns[contested], score[contested])
    return np.asarray(chosen)


def _assign(rows: Counts, columns: Counts, score: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Solve the assignment problem; every row may also stay alone, at a price."""
    row_ids, row = np.unique(rows, return_inverse=True)
    column_ids, column = np.unique(columns, return_inverse=True)
    n_rows, n_columns = row_ids.size, column_ids.size
    # A pair costs 1 and, all pairs together, at most 1/2 for what their scores lack; a
    # row alone costs 2: so the number of pairs comes first.
    cost = np.append(1 + (1 - score) / (2 * min(n_rows, n_columns)), np.full(n_rows, 2.0))
    every_row = np.arange(n_rows)
    ends = np.append(row, every_row), np.append(column, n_columns + every_row)
    graph = coo_array((cost, ends), shape=(n_rows, n_columns + n_rows)).tocsr()
    matched, partner = min_weight_full_bipartite_matching(graph)
    partner_of = np.empty(n_rows, dtype=np.int64)
    partner_of[matched] = partner
    return np.asarray(partner_of[row] == column)
