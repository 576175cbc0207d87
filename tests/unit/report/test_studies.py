import numpy as np
import pandas as pd
import pytest

from cellid.config import NoiseStudySettings
from cellid.evaluation.scores import evaluate_pair
from cellid.report.alpha_study import (
    WeighedRun,
    area_ratio,
    describe_alphas,
    draw_alphas,
    tabulate_runs,
    write_alpha_study,
)
from cellid.report.figures import LIGHT
from cellid.report.noise_study import (
    describe_kind,
    describe_noise,
    draw_noise,
    write_noise_study,
)
from cellid.report.scoring import score_evaluation
from cellid.report.studies import LEVELS, score_levels

from .studies import RECIPE, make_evaluation, make_run, squares
from .test_html import Page

SETTINGS = NoiseStudySettings(missing=(0.5,), debris=(0.5,), patches=(0.1,))


def row(true: np.ndarray, predicted: np.ndarray):
    return evaluate_pair(true, predicted, RECIPE.evaluate)


def noise_table() -> pd.DataFrame:
    """Return the scores of 8 squares found, against 4 of them, and against 8 more."""
    found = squares(8)
    spoilt = {
        ("missing", 0.0): found,
        ("missing", 0.5): squares(4),
        ("debris", 0.0): found,
        ("debris", 1.0): squares(16),
    }
    return pd.DataFrame(
        {"kind": kind, "share": share, "n_labelled": 0, **score_levels([row(labels, found)])}
        for (kind, share), labels in spoilt.items()
    )


def test_levels_are_scored_from_pooled_counts():
    rows = [row(squares(8), squares(4)), row(squares(4), squares(8))]
    scores = score_levels(rows)
    names = [name for _, columns in LEVELS.values() for name in columns]
    assert list(scores) == names
    for level in LEVELS:
        assert scores[f"{level}_precision"] == pytest.approx(8 / 12)
        assert scores[f"{level}_recall"] == pytest.approx(8 / 12)
        assert scores[f"{level}_iou"] == pytest.approx(8 / 16)
        assert scores[f"{level}_dice"] == pytest.approx(8 / 12)
    assert scores["pixel_accuracy"] == pytest.approx(1 - 4 * 64 / 64**2)


def test_the_sentence_on_noise_names_the_level_that_moved_least():
    table = noise_table()
    table.loc[1, ["pixel_dice", "object_dice", "instance_dice"]] = 0.4, 0.9, 0.7
    sentence = describe_noise(table)
    assert "moved Dice by pixels by up to 0.600 and Dice by objects by up to 0.333:" in sentence


def test_each_kind_is_described_by_its_worst_labels():
    table = noise_table()
    missing, debris = (
        describe_kind(table[table["kind"] == kind]) for kind in ("missing", "debris")
    )
    assert "Nuclei without a label, 50\N{NBSP}%: Dice goes from 1.000 to 0.667 by pixels" in missing
    assert "Hardest hit is precision by pixels: from 1.000 to 0.500." in missing
    assert "Hardest hit is recall by pixels: from 1.000 to 0.500." in debris


def test_scores_that_do_not_fall_are_not_called_hit():
    table = noise_table()
    same = pd.concat([table[:1], table[:1].assign(share=0.5)])
    assert "Hardest" not in describe_kind(same)


def test_nothing_labelled_and_nothing_found_is_said():
    empty = squares(0)
    scores = score_levels([row(empty, empty)])
    table = pd.DataFrame([{"kind": "missing", "share": share, **scores} for share in (0.0, 0.5)])
    assert "there is nothing to score" in describe_noise(table)


def test_noise_is_drawn_a_panel_a_kind_and_a_line_a_level():
    table = noise_table()
    panels = draw_noise(table, LIGHT).axes
    assert [axes.get_title("left") for axes in panels] == ["Nuclei without a label", "False labels"]
    for axes, kind in zip(panels, ("missing", "debris"), strict=True):
        rows = table[table["kind"] == kind]
        for line, level in zip(axes.lines, LEVELS, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), rows["share"])
            np.testing.assert_array_equal(line.get_ydata(), rows[f"{level}_dice"])


def test_the_report_on_noise_stands_alone(study, tmp_path):
    table = noise_table()
    evaluation = score_evaluation(study.evaluations[0])
    report = write_noise_study(table, evaluation, SETTINGS, tmp_path / "noise")
    page = Page(report.read_text(encoding="utf-8"))
    assert all(a.startswith(("data:image/png", "#")) for a in page.addresses)
    words = page.words()
    assert "Spoilt Precision Recall Accuracy Dice IoU Nuclei without a label as they are" in words
    assert "Scored on 6 crops of test" in words
    assert "Labels as they are Nuclei without a label, 50 % False labels, 50 %" in words
    pd.testing.assert_frame_equal(pd.read_csv(report.with_name("noise.csv")), table)
    assert report.with_name("noise.png").read_bytes().startswith(b"\x89PNG")


def grow(crop_id: str, labels: np.ndarray) -> np.ndarray:
    """Return every square two pixels longer, and one where none is."""
    grown = np.maximum(labels, np.roll(labels, 2, axis=0))
    return np.maximum(grown, squares(16) * (squares(16) == 16))


@pytest.fixture
def runs(study, tmp_path):
    """Two trainings: one finds all as it is, one larger, but not at its own threshold."""
    weighed = {}
    for alpha, even in ((0.25, None), (0.75, grow)):
        folder = make_run(tmp_path / f"alpha-{alpha}", study.dataset, ("<3T3>", "HeLa"))
        found = {} if even is None else {"predict": even}
        weighed[alpha] = WeighedRun(
            score_evaluation(make_evaluation(folder / "even_odds", folder, study.dataset, **found)),
            score_evaluation(make_evaluation(folder / "evaluation", folder, study.dataset)),
        )
    return weighed


def test_the_area_is_that_of_all_images_together():
    rows = [row(squares(8), squares(4)), row(squares(4), squares(16))]
    assert area_ratio(rows) == pytest.approx(20 / 12)
    assert np.isnan(area_ratio([row(squares(0), squares(1))]))


def test_trainings_are_compared_at_both_thresholds(runs):
    table = tabulate_runs(runs)
    assert table["alpha"].tolist() == [0.25, 0.25, 0.75, 0.75]
    assert table["run"].tolist() == ["alpha-0.25"] * 2 + ["alpha-0.75"] * 2
    # 48 labelled squares of 64 pixels, found with 80; one more of 64 in each of 6 crops
    assert table["area_ratio"].tolist() == pytest.approx([1, 1, (48 * 80 + 6 * 64) / (48 * 64), 1])
    assert table["object_precision"].tolist() == pytest.approx([1, 1, 48 / 54, 1])
    size, mistakes, after_tuning = describe_alphas(table)
    assert "have 1.000 and 1.375 times the labelled area with α of 0.25 and 0.75" in size
    assert "the larger α, the larger the nuclei" in size
    assert "0.0\N{NBSP}% and 11.1\N{NBSP}% have no label" in mistakes
    assert "0.5 and 0.5, the areas are 1.000 and 1.000" in after_tuning


def test_the_sentence_does_not_say_what_is_not_so(runs):
    table = tabulate_runs(runs)
    table["area_ratio"] = 1 / table["area_ratio"]
    assert "a larger α does not always give larger nuclei" in describe_alphas(table)[0]


def test_the_report_on_alpha_stands_alone(runs, tmp_path):
    report = write_alpha_study(runs, RECIPE, tmp_path / "study")
    page = Page(report.read_text(encoding="utf-8"))
    assert all(a.startswith(("data:image/png", "#")) for a in page.addresses)
    words = page.words()
    assert "At probability 0.5 α 0.25 0.500 1.000 α 0.75 0.500 1.375" in words
    assert "At the probability tuned on validation α 0.25" in words
    assert len(pd.read_csv(report.with_name("alpha.csv"))) == 4
    assert report.with_name("alpha.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_crops_are_drawn_side_by_side():
    pictures = {
        alpha: [np.full((4, 5, 3), 10 * place, np.uint8) for place in range(2)]
        for alpha in (0.25, 0.5, 0.75)
    }
    axes = np.reshape(draw_alphas(pictures, LIGHT).axes, (2, 3))
    assert [panel.get_title() for panel in axes[0]] == ["α = 0.25", "α = 0.5", "α = 0.75"]
    for place, crops in enumerate(axes):
        assert all((panel.images[0].get_array() == 10 * place).all() for panel in crops)
