import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cellid.evaluation.bootstrap import Interval
from cellid.evaluation.learning_curve import Extrapolation, PowerLaw
from cellid.evaluation.scores import evaluate_pair
from cellid.report.figures import LIGHT
from cellid.report.learning_curve import (
    describe_extrapolation,
    draw_learning_curve,
    write_learning_curve,
)

from .studies import RECIPE, squares
from .test_html import Page

CURVE = PowerLaw(np.float64(0.9), np.float64(0.4), np.float64(0.5))
RISING = Extrapolation(
    8, CURVE, Interval(0.829, 0.81, 0.85), Interval(0.0414, 0.02, 0.06), spread=0.01
)


def trainings(sizes=(1, 2, 4, 8), repeats=3):
    """Return a table of trainings; a repeat loses a nucleus at the two first sizes."""
    true = squares(16)
    rows = []
    for repeat in range(repeats):
        for place, n in enumerate(sizes):
            kept = 6 + 2 * place - (repeat == 0 and place < 2)
            scores = evaluate_pair(true, np.where(true > kept, 0, true), RECIPE.evaluate).as_dict()
            run = f"fields-{n:02d}-repeat-{repeat + 1}"
            row = {"n_groups": n, "repeat": repeat + 1, "run": run, "groups": "<a1> a2"}
            rows.append({**row, **scores})
    return pd.DataFrame(rows)


def write(table, study, tmp_path, split="test"):
    report = write_learning_curve(table, study.dataset, RECIPE, split, tmp_path)
    assert report == tmp_path / "report.html"
    return Page(report.read_text(encoding="utf-8"))


def test_the_report_stands_alone_and_holds_figure_table_and_sentence(study, tmp_path):
    table = trainings()
    page = write(table, study, tmp_path)

    assert all(a.startswith(("data:image/png", "#")) for a in page.addresses)
    assert {a[1:] for a in page.addresses if a[0] == "#"} <= set(page.ids)
    words = page.words()
    assert "Twice as many fields of the same kind, 16 instead of 8, would bring about +0.0" in words
    assert "Scored on 3 fields of test" in words
    assert "the scores flatter" not in words
    assert "fields-04-repeat-2 <a1> a2 0.769 1.000 0.625" in words  # 10 of 16 found
    assert "2 0.647 0.609–0.667" in words  # 7, 8 and 8 of 16
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "learning_curve.csv"), table)
    assert (tmp_path / "learning_curve.png").read_bytes().startswith(b"\x89PNG")


def test_scores_on_validation_are_said_to_flatter(study, tmp_path):
    words = write(trainings(), study, tmp_path, "validation").words()
    assert "No field was left for a test" in words
    assert "Scored on 1 field of validation" in words


@pytest.mark.parametrize(("sizes", "repeats"), [((1,), 1), ((1, 2, 3), 3)])
def test_a_short_curve_has_a_report_too(study, tmp_path, sizes, repeats):
    words = write(trainings(sizes, repeats), study, tmp_path).words()
    assert "Too few sizes to tell what more fields would bring: it takes at least 5" in words


def test_the_sentence_says_gain_interval_and_spread():
    assert describe_extrapolation(RISING, "well", 0.95) == (
        "Twice as many wells of the same kind, 16 instead of 8, would bring about +0.041 F1 "
        "(95% interval 0.020–0.060); single trainings on the same number of wells scatter by 0.010 "
        "(standard deviation)."
    )


def test_the_sentence_says_when_more_images_bring_little():
    sentence = describe_extrapolation(replace(RISING, spread=0.05), "field", 0.9)
    assert "would bring little: about +0.041 F1 (90% interval 0.020–0.060)" in sentence
    assert "Better labels or a longer training may bring more." in sentence


def test_the_sentence_says_when_nobody_knows_the_spread():
    once = replace(RISING, gain=Interval(0.0414, math.nan, math.nan), spread=math.nan)
    sentence = describe_extrapolation(once, "field", 0.95)
    assert "about +0.041 F1. Each number of fields was trained on once" in sentence
    assert "nan" not in sentence


def test_every_training_is_a_dot_and_what_is_guessed_is_dashed():
    scores = trainings().pivot(index="repeat", columns="n_groups", values="instance_f1")

    axes = draw_learning_curve(scores, RISING, "F1", "field", LIGHT).axes[0]

    dots = [line for line in axes.lines if len(line.get_xdata()) == 4][:3]
    for line, (_, row) in zip(dots, scores.iterrows(), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), row)
    lines = {line.get_label(): line for line in axes.lines}
    guessed = lines["extrapolation"]
    assert guessed.is_dashed()
    assert guessed.get_xdata()[[0, -1]] == pytest.approx([8, 16])
    assert guessed.get_ydata()[-1] == pytest.approx(0.9 - 0.4 / 4)
    assert not lines["fitted curve"].is_dashed()
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "4", "8", "16"]
