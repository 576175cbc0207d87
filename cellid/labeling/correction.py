"""What to make of it where labels and a model that has not seen them disagree.

Confident learning (Northcutt, Jiang and Chuang, J. Artif. Intell. Res. 70, 2021), for
objects: a disagreement is believed when the model is at least as sure of it as it is, on
average, where model and label agree on that class. The bar is the model's own, so nothing
is to be tuned: where a third of the nuclei took no dye, the model's probability of a
labelled nucleus never comes near 1, and neither does the bar. What the model neither finds
nor denies is the stain's to say: labels are doubted there only where they look bad in the
stain too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.evaluation.contingency import tabulate_overlap
from cellid.types import Labels, Mask

KEEP, ADD, DROP, UNCERTAIN = "keep", "add", "drop", "uncertain"

STAIN, MODEL = "stain", "model"

_SAME = 0.5  # share of an object that the other side must cover to have found it too
_TOUCHED = 0.1  # share of a model's object, covered by labels, from which it is no new one
# Share of the labels that a model must find to be heard at all. Models that found 0.5 did harm
# on real fields (a third of the right labels lost); good ones, where 0.1 of the labels are false
# and a third of the nuclei have none, find 0.7 to 0.85.
_JUDGE = 0.6
_POOR = 0.5  # of the typical score in the stain: below, a label stands on weak feet


@dataclass(frozen=True)
class Comparison:
    """What a model makes of one crop and its labels.

    Attributes
    ----------
    objects : DataFrame
        A row an object of either side: ``source`` (`STAIN` or `MODEL`), its ``label`` there,
        centre ``y`` and ``x``, ``area_px``, ``support`` (mean probability that the model
        gives its pixels), ``covered`` (share of it that objects of the other side cover)
        and ``score`` (how much it looks like a nucleus in the stain; nan for the model's).
    background_sum : float
        Sum of the probability over pixels that neither side calls nucleus.
    background_px : int
        Number of these pixels.
    """

    objects: pd.DataFrame
    background_sum: float
    background_px: int


def compare(
    labels: Labels,
    predicted: Labels,
    probability: NDArray[np.float32],
    scores: Mapping[int, float],
) -> Comparison:
    """Compare the labels of a crop with what a model found there.

    Parameters
    ----------
    labels, predicted : (Y, X) int32
    probability : (Y, X) float32
        Of a nucleus, by the model.
    scores : mapping of int to float
        By label: how much it looks like a nucleus in the stain, 0 to 1. Labels that nothing
        has scored may be missing.

    Returns
    -------
    Comparison
    """
    table = tabulate_overlap(labels, predicted)
    objects = pd.concat(
        [
            _describe(
                STAIN, labels, probability, table.true_ids, table.true_index, table.intersections_px
            ),
            _describe(
                MODEL,
                predicted,
                probability,
                table.predicted_ids,
                table.predicted_index,
                table.intersections_px,
            ),
        ],
        ignore_index=True,
    )
    of_stain = objects["source"] == STAIN
    objects["score"] = objects["label"].where(of_stain).map(scores).astype(float)
    background = (labels == 0) & (predicted == 0)
    return Comparison(
        objects,
        float(probability[background].sum(dtype=np.float64)),
        int(np.count_nonzero(background)),
    )


def _describe(
    source: str,
    labels: Labels,
    probability: NDArray[np.float32],
    ids: NDArray[np.int64],
    index: NDArray[np.int64],
    intersections_px: NDArray[np.int64],
) -> pd.DataFrame:
    y, x = np.nonzero(labels)
    values = labels[y, x]

    def total(weights: NDArray[np.generic]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(values, weights, minlength=1)[ids], np.float64)

    area = total(np.ones(values.size))
    return pd.DataFrame(
        {
            "source": source,
            "label": ids,
            "y": total(y) / area,
            "x": total(x) / area,
            "area_px": area.astype(np.int64),
            "support": total(probability[y, x]) / area,
            "covered": np.bincount(index, intersections_px, minlength=ids.size) / area,
        }
    )


def propose(comparisons: list[Comparison]) -> pd.Series:
    """Say what should become of every object that one model has judged.

    A labelled nucleus is kept unless the model takes it for background as firmly as the
    average background pixel (drop). What the model alone has found is added if it is as sure
    of it as, on average, of what is labelled too; else nobody knows (uncertain). A labelled
    object that the model neither finds nor denies is uncertain where its probability is
    nearer to the background's than to a nucleus's and its score in the stain is less than
    half of that of the labels that the model finds. A model that finds too few of the
    labelled nuclei has nothing to say: all labels are kept and nothing is proposed.

    Parameters
    ----------
    comparisons : list of Comparison
        Of crops that this model has not seen, all alike: of one cell line.

    Returns
    -------
    Series of str
        `KEEP`, `ADD`, `DROP`, `UNCERTAIN`, or "" for a model's object that the labels have
        too; a row for each of the objects, in their order.
    """
    objects = pd.concat([one.objects for one in comparisons], ignore_index=True)
    of_stain = objects["source"] == STAIN
    found = objects["covered"] >= _SAME
    verdict = pd.Series("", index=objects.index, dtype=str)
    verdict[of_stain] = KEEP
    if not found[of_stain].mean() >= _JUDGE:  # not so either where there are no labels
        return verdict
    # Within the model's own outlines, as what it alone has found is measured
    nucleus = objects.loc[~of_stain & found, "support"].mean()
    background = sum(one.background_sum for one in comparisons) / max(
        sum(one.background_px for one in comparisons), 1
    )
    lost = of_stain & ~found
    poor = objects["score"] < _POOR * objects.loc[of_stain & found, "score"].median()
    verdict[lost & poor & (objects["support"] < (background + nucleus) / 2)] = UNCERTAIN
    verdict[lost & (objects["support"] <= background)] = DROP
    new = ~of_stain & (objects["covered"] < _TOUCHED)
    verdict[new] = UNCERTAIN
    verdict[new & (objects["support"] >= nucleus)] = ADD
    return verdict


def apply_proposals(
    labels: Labels, predicted: Labels, objects: pd.DataFrame
) -> tuple[Labels, Mask]:
    """Return the corrected labels of a crop, and where nobody knows.

    Parameters
    ----------
    labels, predicted : (Y, X) int32
    objects : DataFrame
        The rows of this crop with the column ``proposal``.

    Returns
    -------
    labels : (Y, X) int32
        Kept nuclei have their numbers; added ones follow.
    uncertain : (Y, X) bool
        Pixels of uncertain objects, which are not in the labels.
    """

    def chosen(source: str, *verdicts: str) -> NDArray[np.int64]:
        rows = (objects["source"] == source) & objects["proposal"].isin(verdicts)
        return np.asarray(objects.loc[rows, "label"], np.int64)

    corrected = np.where(np.isin(labels, chosen(STAIN, KEEP)), labels, 0)
    added = np.isin(predicted, chosen(MODEL, ADD)) & (corrected == 0)
    number = np.zeros(int(predicted.max(initial=0)) + 1, np.int32)
    ids = chosen(MODEL, ADD)
    number[ids] = int(labels.max(initial=0)) + np.arange(1, ids.size + 1)
    corrected[added] = number[predicted[added]]
    uncertain = np.isin(labels, chosen(STAIN, UNCERTAIN))
    uncertain |= np.isin(predicted, chosen(MODEL, UNCERTAIN))
    return corrected, uncertain & (corrected == 0)
