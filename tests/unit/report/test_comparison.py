"""The report of a study: means, ranks and tests of a few trainings, by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cellid.config import DetectionSettings
from cellid.evaluation.scores import Report, evaluate_pair
from cellid.report.comparison import ScoredRun, name_levels, score_run, write_comparison
from cellid.report.comparison.figures import draw_histories, draw_scores
from cellid.report.comparison.scores import (
    compare_levels,
    orient,
    summarise_levels,
    tabulate_runs,
)
from cellid.report.figures import LIGHT

from .studies import RECIPE, make_evaluation, make_run, squares
from .test_html import Page

LOST = {"A": (2, 2, 3), "B": (0, 1, 1), "<C>": (2, 2, 2)}  # of 8 nuclei in each image, by seed


@pytest.fixture
def runs(study) -> list[ScoredRun]:
    """Trainings of three levels, two of them with three seeds: image and seed alike."""
    scored = score_run(study.mixed, {"loss": "A"}, RECIPE.evaluate, DetectionSettings())
    return [
        _lose(scored, level, seed, lost)
        for level, seeds in LOST.items()
        for seed, lost in enumerate(seeds)
    ]


def _lose(scored: ScoredRun, level: str, seed: int, lost: int) -> ScoredRun:
    """Return a run that misses so many nuclei in each image."""
    true = squares(8)
    rows = tuple(
        evaluate_pair(true, np.where(true > lost, true, 0), RECIPE.evaluate, name)
        for name in scored.evaluation.crops["id"]
    )
    config = scored.evaluation.config
    recipe = config.recipe.model_copy(update={"seed": seed})
    evaluation = replace(
        scored.evaluation,
        config=config.model_copy(update={"recipe": recipe}),
        report=Report(rows),
    )
    scores = scored.scores | evaluation.report.pooled()
    return replace(scored, levels={"loss": level}, evaluation=evaluation, scores=scores)


def f1(lost: int) -> float:
    return 2 * (8 - lost) / (16 - lost)


def test_cells_are_found_within_a_nucleus_unless_a_distance_is_given(study) -> None:
    moved = make_run(study.mixed.parent / "moved", study.dataset, ("HeLa", "<3T3>"))
    make_evaluation(
        moved / "evaluation",
        moved,
        study.dataset,
        # one nucleus, 8 px right and down of the nearest
        lambda _, labels: np.roll(np.where(labels == 1, 1, 0), (24, 24), axis=(0, 1)),
    )
    levels = {"loss": "Dice", "filters": "8"}
    scored = score_run(moved, levels, RECIPE.evaluate, DetectionSettings(iou=0.3))
    assert scored.label == name_levels(levels) == "Dice · 8"
    assert scored.scores["cells_distance_precision"] == 0  # 11 px, of a nucleus's 9
    far = DetectionSettings(distance_px=12)
    assert score_run(moved, levels, RECIPE.evaluate, far).scores["cells_distance_precision"] == 1


def test_levels_are_summarised_over_seeds_the_best_first(runs) -> None:
    summary = summarise_levels(tabulate_runs(runs), "instance_f1")
    assert summary.index.tolist() == ["B", "<C>", "A"]
    values = [f1(lost) for lost in LOST["B"]]
    assert summary.loc["B", "instance_f1_mean"] == pytest.approx(np.mean(values))
    assert summary.loc["B", "instance_f1_sd"] == pytest.approx(np.std(values, ddof=1))
    assert summarise_levels(tabulate_runs(runs), "count_mae").index[0] == "B"  # the lowest


@pytest.mark.parametrize(
    ("name", "best"), [("instance_f1", 2), ("cells_mae", -3), ("count_bias", 0.5)]
)
def test_what_is_best_depends_on_the_score(name: str, best: float) -> None:
    values = pd.Series([-3, 0.5, 2])
    assert values[orient(name, values).idxmax()] == best


def test_levels_are_compared_over_the_seeds_that_both_have(runs) -> None:
    compared = compare_levels(runs[:-1], "B", "instance_f1", RECIPE.evaluate).set_index("level")
    differences = [f1(a) - f1(b) for a, b in zip(LOST["A"], LOST["B"], strict=True)]
    assert compared.loc["A", "difference"] == pytest.approx(np.mean(differences))
    assert compared.loc["A", "p_seeds"] == pytest.approx(2 / 8)
    assert compared.loc["A", "p_seeds_holm"] == pytest.approx(2 / 4)
    assert compared["n_seeds"].to_dict() == {"A": 3, "<C>": 2}
    # images are alike: drawn or not, the pooled difference is the same
    pooled = 2 * 17 / (2 * 24 - 7) - 2 * 22 / (2 * 24 - 2)
    assert compared.loc["A", ["low", "high"]].tolist() == pytest.approx([pooled] * 2)
    assert compared.loc["A", "p_images"] == 1 / RECIPE.evaluate.bootstrap_samples


def test_the_page_holds_tables_ranks_tests_and_what_failed(runs, tmp_path) -> None:
    failures = {"D_seed-1": "a loss that is <nan>"}
    report = write_comparison(runs, RECIPE, "instance_f1", None, failures, tmp_path)
    page = Page(report.read_text(encoding="utf-8"))
    assert not [a for a in page.addresses if not a.startswith(("data:image/png", "#", "runs/"))]
    words = page.words()
    mean, sd = np.mean([f1(x) for x in LOST["B"]]), np.std([f1(x) for x in LOST["B"]], ddof=1)
    best = f"{mean:.3f} ± {sd:.3f}"
    assert f"The best F1 (IoU ≥ 0.5) has B: {best}; next is <C> with" in words
    assert "D_seed-1: a loss that is <nan>" in words
    assert f"<b>{best}</b>" in report.read_text(encoding="utf-8")
    assert "3 seeds cannot give less than 0.25" in words
    assert "centres at most 9.0 px apart" in words
    assert "The best was chosen by the same scores" in words
    report = write_comparison(runs, RECIPE, "instance_f1", "A", {}, tmp_path)
    words = Page(report.read_text(encoding="utf-8")).words()
    assert "Differences of F1 (IoU ≥ 0.5) from A." in words
    assert "was chosen by the same scores" not in words


def test_every_training_is_a_dot_and_a_line(runs) -> None:
    table = tabulate_runs(runs)
    figure = draw_scores(table, ["B", "<C>", "A"], {"instance_f1": "F1"}, LIGHT)
    seeds, means = figure.axes[0].lines
    assert len(seeds.get_xdata()) == 9
    assert dict(zip(means.get_ydata(), means.get_xdata(), strict=True))[2] == pytest.approx(
        np.mean([f1(lost) for lost in LOST["A"]])
    )
    histories = {level: [runs[0].history] * 3 for level in ("B", "A")}
    lines = draw_histories(histories, LIGHT).axes[0].lines
    assert [line.get_label() for line in lines][::3] == ["B", "A"]
    assert len({line.get_color() for line in lines}) == 2
