import json

import pytest

from cellid.config import EvaluateSettings
from cellid.errors import CellidError
from cellid.report import score_evaluation


def test_scores_are_counted_from_the_files(study):
    evaluation = score_evaluation(study.evaluations[0])

    assert [row.name for row in evaluation.report.rows] == [
        f"{field}_y0_x{x}" for field in ("a3", "a4", "b2") for x in (0, 64)
    ]
    # Of 3 x (6 + 10) nuclei two are lost on each crop of a3
    pooled = evaluation.report.pooled()
    assert pooled["instance_recall"] == 44 / 48
    assert pooled["instance_precision"] == 1
    assert pooled["count_mae"] == pytest.approx(4 / 6)
    hela = evaluation.of_lines(["HeLa"]).pooled()
    assert hela["pixel_recall"] == 28 / 32
    assert evaluation.lines == ("<3T3>", "HeLa")
    assert evaluation.settings == evaluation.config.recipe.evaluate


def test_a_run_of_one_line_is_judged_on_that_line(study):
    evaluation = score_evaluation(study.evaluations[1])

    assert evaluation.lines == ("HeLa",)
    assert len(evaluation.report.rows) == 4


def test_settings_of_another_recipe_can_be_used(study):
    strict = EvaluateSettings(iou_threshold=0.9)

    assert score_evaluation(study.evaluations[0], strict).report.rows[0].iou_thresholds[0] == 0.9


def test_intervals_draw_fields_not_crops(study):
    # Two fields of HeLa: recall 12/16 in one and 16/16 in the other, the same on both crops
    # together, so that a sample of fields has one of three values.
    interval = score_evaluation(study.evaluations[0]).intervals(["HeLa"])["instance_recall"]

    assert interval == (28 / 32, 12 / 16, 1)


def test_a_single_field_has_no_interval(study):
    interval = score_evaluation(study.evaluations[0]).intervals(["<3T3>"])["instance_recall"]

    assert interval.estimate == 1
    assert interval.low != interval.low


def test_crops_that_are_not_in_the_split_are_refused(study):
    labels = study.evaluations[0] / "labels"
    (labels / "a3_y0_x0.tif").rename(labels / "a1_y0_x0.tif")

    with pytest.raises(CellidError, match="a1_y0_x0"):
        score_evaluation(study.evaluations[0])


def test_an_evaluation_without_images_is_refused(study):
    for file in (study.evaluations[0] / "labels").iterdir():
        file.unlink()

    with pytest.raises(CellidError, match="none"):
        score_evaluation(study.evaluations[0])


@pytest.mark.parametrize("text", ["{", json.dumps({"run": "r"})])
def test_a_damaged_evaluation_is_told(study, text):
    (study.evaluations[0] / "evaluation.json").write_text(text)

    with pytest.raises(CellidError, match="cellid evaluate"):
        score_evaluation(study.evaluations[0])
