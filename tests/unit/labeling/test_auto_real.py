"""The automatic method against nuclei drawn by hand; objects of under 30 pixels are ignored."""

import cv2
import numpy as np
import pytest

from cellid.config import LabelSettings
from cellid.evaluation.contingency import tabulate_overlap
from cellid.evaluation.matching import match_table
from cellid.labeling import label_stain

pytestmark = pytest.mark.real


def compare(stain, drawn):
    """Match the labels of a stain file with those of another."""
    image = cv2.imread(str(stain), cv2.IMREAD_UNCHANGED)
    true = cv2.imread(str(drawn), cv2.IMREAD_UNCHANGED)
    labels = label_stain(image, LabelSettings())
    table = tabulate_overlap(true, labels)
    (matching,) = match_table(table, iou_thresholds=(0.5,), min_area_px=30)
    return matching


@pytest.mark.parametrize(
    ("stain", "drawn", "least_f1"),
    [
        ("pairs_deepcell/HeLa_1_nuclear.png", "pairs_deepcell/HeLa_1_nuclei_gt.png", 0.96),
        ("pairs_deepcell/3T3_2_nuclear.png", "pairs_deepcell/3T3_2_nuclei_gt.png", 0.97),
        ("pairs_deepcell/MCF10A_1_nuclear.png", "pairs_deepcell/MCF10A_1_nuclei_gt.png", 0.94),
        ("nuclei_deepcell_gt/set4_nuclear.png", "nuclei_deepcell_gt/set4_nuclei_gt.png", 0.98),
    ],
    ids=["HeLa", "3T3", "MCF10A", "crowded 3T3"],
)
def test_hand_drawn_nuclei_are_found(test_data, stain, drawn, least_f1):
    matching = compare(test_data / stain, test_data / drawn)

    assert matching.f1 >= least_f1
    assert abs(matching.n_predicted - matching.n_true) <= 0.05 * matching.n_true


def test_the_data_science_bowl_is_answered(test_data):
    folder = test_data / "nuclei_dsb2018"
    files = sorted((folder / "images").glob("*.png"))
    matchings = [compare(file, folder / "labels" / file.name) for file in files]

    assert len(matchings) == 153
    assert sum(matchings[1:], start=matchings[0]).f1 >= 0.89
    assert np.mean([matching.f1 for matching in matchings]) >= 0.89
