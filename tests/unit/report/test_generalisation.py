"""The report of a run on other data sets, by hand: what is pooled, what is shown first."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellid.config import DetectionSettings
from cellid.evaluation.image_kinds import LARGE, MEDIUM
from cellid.io.writers import write_table
from cellid.report.generalisation import JudgedSet, judge_set, write_generalisation
from cellid.report.generalisation.page import describe_scale
from cellid.report.generalisation.scores import find_unlike, score_images

from .studies import FIELDS, RECIPE, make_dataset, make_evaluation
from .test_html import Page

IDS = ["a3_y0_x0", "a3_y0_x64", "a4_y0_x0", "a4_y0_x64", "b2_y0_x0", "b2_y0_x64"]


def judge(study, name: str, folder: Path, scale: float) -> JudgedSet:
    """Judge a folder whose images were seen at this scale, four of them out of focus."""
    unlike = {
        "unlike_training": [-3.0, -5, -1, 0, -8, 0],
        "unlike_in": [*["focus"] * 3, "", "noise", ""],
    }
    write_table(folder / "counts.csv", pd.DataFrame({"id": IDS, **unlike, "scale": scale}))
    return judge_set(name, folder, RECIPE.evaluate, DetectionSettings())


@pytest.fixture
def sets(study, tmp_path: Path) -> tuple[JudgedSet, JudgedSet]:
    """The own test, without two nuclei of each a3, and other data, seen twice as large."""
    other = make_dataset(tmp_path / "<other>", FIELDS)
    folder = make_evaluation(
        tmp_path / "elsewhere",
        study.mixed,
        other,
        lambda crop, labels: np.where(labels > 3, labels, 0),
    )
    return judge(study, "own", study.evaluations[0], 1.0), judge(study, "<other>", folder, 2.0)


def test_images_are_judged_at_the_scale_of_the_network(sets) -> None:
    own, other = sets
    # the squares have the area of disks of 9.03 px, and the training's were 9 px wide
    assert [image.size for image in own.images] == pytest.approx([9.03 / 9] * 6, abs=1e-3)
    assert {image.kind for image in own.images} == {MEDIUM}
    assert {image.kind for image in other.images} == {LARGE}
    assert find_unlike(own.images) == ("focus", -2.0, 4 / 6)


def test_scores_are_pooled_and_their_intervals_drawn_by_field(sets) -> None:
    own, other = sets
    scores = score_images(own.images, RECIPE.evaluate, 0)
    found, true = 3 * 16 - 4, 3 * 16  # 6 and 10 nuclei a field; two of each a3 crop are lost
    assert scores["instance_f1"].estimate == pytest.approx(2 * found / (found + true))
    assert scores["cells_distance_f1"].estimate == scores["instance_f1"].estimate
    assert scores["count_median_ae"] == (0, 0, 2)  # of 2, 2, 0, 0, 0, 0
    mpe = scores["count_mean_percentage_error"]
    assert mpe.estimate == pytest.approx(100 * (2 / 6 + 2 / 10) / 6)
    assert scores["n_true"] == (true, true, true)  # three fields of 16, whichever are drawn
    both = score_images([*own.images, *other.images], RECIPE.evaluate, 0)
    assert both["count_mae"].estimate == pytest.approx((4 + 6 * 3) / 12)


def test_the_page_holds_both_tables_the_worst_and_what_failed(sets, tmp_path: Path) -> None:
    own, other = sets
    report = write_generalisation(own, [other], False, {"gone": "a <file> is missing"}, tmp_path)
    page = Page(report.read_text(encoding="utf-8"))
    assert not [a for a in page.addresses if not a.startswith(("data:image/", "#"))]
    words = page.words()
    assert "Own images own 0.957" in words
    assert "+8.9" in words  # per cent too few
    assert "a <file> is missing" in words
    assert "Large a3_y0_x0 HeLa of <other>" in words  # three of six missed, of all fields alike
    datasets = pd.read_csv(tmp_path / "datasets.csv").set_index("dataset")
    assert datasets.loc["own", "instance_f1"] == pytest.approx(88 / 92, abs=1e-5)
    assert datasets.loc["<other>", ["relative_size", "unlike_share"]].tolist() == pytest.approx(
        [2, 4 / 6], abs=1e-3
    )
    kinds = pd.read_csv(tmp_path / "kinds.csv")
    assert kinds[["images", "kind", "n_images"]].to_numpy().tolist() == [
        ["own", MEDIUM, 6],
        ["other", LARGE, 6],
    ]
    assert pd.read_csv(tmp_path / "images.csv")["dataset"].tolist() == ["own"] * 6 + ["<other>"] * 6


@pytest.mark.parametrize(
    ("trained", "given", "matched", "said"),
    [
        (0.5, 1.0, False, "by the pixel sizes"),
        (0.5, None, False, "unknown"),
        (0.5, None, True, "until"),
    ],
)
def test_the_scale_is_told(
    sets, trained: float, given: float | None, matched: bool, said: str
) -> None:
    other = sets[1]
    info = other.evaluation.dataset.info.model_copy(update={"pixel_size_um": given})
    evaluation = replace(
        other.evaluation,
        config=other.evaluation.config.model_copy(update={"pixel_size_um": trained}),
        dataset=replace(other.evaluation.dataset, info=info),
    )
    text = describe_scale(replace(other, evaluation=evaluation), matched)
    assert said in text
    assert "2.00 times as wide" in text
    assert ("--match-size" in text) == (said == "unknown")
