from cellid.config import EvaluateSettings
from cellid.report.scoring import score_evaluation
from cellid.report.tables import group_rows, instance_columns

from .studies import make_dataset, make_evaluation, make_run


def layout(groups):
    return {group.heading: [row.label for row in group.rows] for group in groups}


def test_rows_are_laid_out_as_in_the_thesis(study):
    groups = group_rows([score_evaluation(folder) for folder in study.evaluations])

    assert layout(groups) == {"Pure classifier": ["HeLa"], "Mixed classifier": ["<3T3>", "HeLa"]}
    mixed = groups[1].rows[1]
    assert (mixed.n_crops, mixed.n_fields) == (4, 2)
    assert mixed.scores["instance_recall"].estimate == 28 / 32
    assert groups[0].rows[0].scores["instance_recall"].estimate == 1


def test_doubtful_rows_say_what_was_trained_on_and_which_run(study, tmp_path):
    other = make_run(tmp_path / "other", study.dataset, ("HeLa",))
    whole = make_evaluation(tmp_path / "whole", other, study.dataset)
    evaluations = [score_evaluation(folder) for folder in (study.evaluations[1], whole)]

    assert layout(group_rows(evaluations)) == {
        "Pure classifiers": ["<3T3>, trained on HeLa", "HeLa (other)", "HeLa (pure)"]
    }


def test_a_nameless_line_has_a_name(study, tmp_path):
    dataset = make_dataset(tmp_path / "one", {"f": ("", "test"), "g": ("", "test")})
    run = make_run(tmp_path / "only", dataset, ("",))
    evaluation = score_evaluation(make_evaluation(tmp_path / "e", run, dataset))

    assert layout(group_rows([evaluation])) == {"Pure classifier": ["all cells"]}


def test_columns_name_their_thresholds():
    columns = instance_columns(EvaluateSettings(iou_threshold=0.6, sweep=(0.5, 0.7, 0.9)))

    assert columns["instance_f1"] == "F1 at IoU 0.6"
    assert columns["instance_ap"] == "AP 0.5–0.9"
