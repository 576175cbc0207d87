"""Detection and counting as in the published code of the c-ResUnet study, by plain loops.

The loops restate what that code does, pair by pair and with masks of the whole image;
cellid gets the same from one table of overlaps and a tree of centres.
"""

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from cellid.config import DetectionSettings
from cellid.evaluation.detection import find_cells, score_detection

SETTINGS = DetectionSettings(compat="fluocells")
PAIRS = {
    "fluocells/red/sample/masks": ("MAR31S1C1R2_DMHr_200x_r.png", "RT353S2C1R5_r1.png"),
    "fluocells/yellow/sample/masks": (
        "Mar19bS1C4R2_LHr_200x.png",
        "Mar24bS1C2R3_LHl_200x.png",
    ),
}


def tally(best_of_true, best_of_predicted, is_hit):
    hits = sum(map(is_hit, best_of_true))
    missed = len(best_of_true) - hits
    return hits, sum(not is_hit(best) for best in best_of_predicted), missed


def loop_over_overlaps(true, predicted, threshold):
    true_masks, predicted_masks = (
        [labels == number for number in np.unique(labels[labels > 0])]
        for labels in (true, predicted)
    )
    iou = [
        [np.sum(one & other) / np.sum(one | other) for other in predicted_masks]
        for one in true_masks
    ]
    best_of_true = [max(row, default=0) for row in iou]
    best_of_predicted = [
        max((row[place] for row in iou), default=0) for place in range(len(predicted_masks))
    ]
    return tally(best_of_true, best_of_predicted, lambda best: best > threshold)


def loop_over_centres(true, predicted, threshold):
    centres = [
        [np.argwhere(labels == number).mean(axis=0) for number in np.unique(labels[labels > 0])]
        for labels in (true, predicted)
    ]
    nearest = [
        [min((np.linalg.norm(one - other) for other in others), default=np.inf) for one in ones]
        for ones, others in (centres, centres[::-1])
    ]
    return tally(*nearest, lambda distance: distance <= threshold)


def summarise(rows, kind):
    """F1, mean and median absolute error and mean relative error, as tables of all images."""
    table = pd.DataFrame(rows, columns=["tp_iou", "fp_iou", "fn_iou", "tp_d", "fp_d", "fn_d"])
    target = table["tp_iou"] + table["fn_d"]
    counted = table[f"tp_{kind}"] + table[f"fn_{kind}"]
    hits, false, missed = (table[f"{name}_{kind}"].sum() for name in ("tp", "fp", "fn"))
    precision, recall = hits / (hits + false + 0.01), hits / (hits + missed + 0.01)
    error = counted - target
    relative = error / target.replace(0, 1)
    f1 = 2 * precision * recall / (precision + recall)
    return f1, error.abs().mean(), error.abs().median(), relative.mean()


def compare(pairs):
    found = [find_cells(*pair, SETTINGS) for pair in pairs]
    rows = [
        loop_over_overlaps(*pair, SETTINGS.iou) + loop_over_centres(*pair, SETTINGS.distance_px)
        for pair in pairs
    ]

    assert [(*image.by_overlap.values(), *image.by_distance.values()) for image in found] == rows
    scores = score_detection(found)
    f1_by_distance, mae, median_ae, relative = summarise(rows, "d")
    assert scores.overlap_f1 == pytest.approx(summarise(rows, "iou")[0], rel=1e-9)
    assert scores.distance_f1 == pytest.approx(f1_by_distance, rel=1e-9)
    assert (scores.mae, scores.median_ae) == pytest.approx((mae, median_ae), rel=1e-9)
    assert scores.mean_percentage_error == pytest.approx(100 * relative, rel=1e-9)


@pytest.mark.real
def test_real_masks_and_poorer_ones(test_data):
    """Masks of the study against themselves moved, cut and with specks."""
    rng = np.random.default_rng(0)
    pairs = []
    for folder, names in PAIRS.items():
        for name in names:
            mask = cv2.imread(str(test_data / folder / name), cv2.IMREAD_GRAYSCALE)[::4, ::4] > 0
            other = np.roll(mask, rng.integers(-9, 10, 2), (0, 1))
            other[:, :: int(rng.integers(15, 30))] = False
            other[tuple((rng.random((2, 5)) * np.array([mask.shape]).T).astype(int))] = True
            pairs.append((ndimage.label(mask)[0], ndimage.label(other)[0]))

    compare(pairs)


def test_crowded_synthetic_masks():
    rng = np.random.default_rng(1)
    pairs = []
    for level in (0.3, 0.6, 0.8):
        field = ndimage.gaussian_filter(rng.normal(size=(2, 220, 200)), (0, 7, 7))
        field[1] = 0.7 * field[0] + 0.3 * field[1]
        pairs.append([ndimage.label(each > np.quantile(each, level))[0] for each in field])
    pairs.append((np.zeros((50, 50), int), pairs[0][0][:50, :50]))

    compare(pairs)
