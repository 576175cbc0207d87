"""A study: what its file asks for, what is trained when it is called again, what it writes."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellid.dataset import Dataset, read_dataset
from cellid.errors import CellidError
from cellid.io.tiff_writers import write_labels
from cellid.io.writers import write_json, write_table, write_text
from cellid.recipes import write_recipe
from cellid.runs import InstanceRule, RunConfig
from cellid.workflows import study
from cellid.workflows.search import read_space, search_settings
from cellid.workflows.study import run_study
from cellid.workflows.study_plan import PlannedRun, plan_grid, read_study

GRID = """
[grid.loss]
"BCE 50" = {"train.loss" = {name = "weighted_bce", nucleus_weight = 50}}
Dice = {train.loss.name = "dice"}
"""
SET = """
[set]
train.epochs = 2
"evaluate.bootstrap_samples" = 100
"""
FOUND = {  # of 6 nuclei, by level and seed
    **{("BCE 50", 1): 5, ("BCE 50", 2): 4, ("BCE 50", 3): 4},
    **{("Dice", 1): 6, ("Dice", 2): 6, ("Dice", 3): 6},
}


@pytest.fixture
def write(tmp_path: Path, tiny_dataset: Dataset) -> Callable[[str], Path]:
    """Write a study file of two seeds on the tiny data set."""

    def write(rest: str, seeds: str = "[1, 2]") -> Path:
        file = tmp_path / "study.toml"
        start = f'dataset = "{tiny_dataset.folder.as_posix()}"\nseeds = {seeds}\n'
        write_text(file, start + rest)
        return file

    return write


class Trainer:
    """Stands in for the processes: writes run folders in which some nuclei were found."""

    def __init__(self) -> None:
        self.trained: list[str] = []
        self.fails: set[str] = set()
        self.interrupted: set[str] = set()

    def __call__(
        self, runs: Iterable[PlannedRun], dataset: Path, split: str | None, *rest: object
    ) -> Iterator[tuple[PlannedRun, str | None]]:
        for run in runs:
            if run.folder.name in self.interrupted:
                raise KeyboardInterrupt
            if run.folder.name in self.fails:
                yield run, "a loss that is no number"
            else:
                self.trained.append(run.folder.name)
                write_run(run, read_dataset(dataset), split or "test")
                yield run, None


def write_run(run: PlannedRun, dataset: Dataset, split: str) -> None:
    """Write what a study reads of a run folder."""
    config = RunConfig(
        recipe=run.recipe,
        n_channels=1,
        **dict.fromkeys(("scale", "nucleus_diameter_px", "nucleus_area_px"), 1.0),
        instances=InstanceRule(threshold=0.5, seed_distance_px=4.0, min_area_px=6.0),
        appearance={},
        lines=("CHO", "HeLa"),
        pixel_size_um=1.0,
        provenance={"dataset_hash": dataset.info.manifest_hash},
    )
    write_text(run.folder / "recipe.toml", write_recipe(run.recipe))
    write_text(run.folder / "config.json", config.model_dump_json())
    write_table(run.folder / "history.csv", pd.DataFrame({"epoch": [1], "val_iou": [0.5]}))
    n_found = FOUND[run.levels["loss"], run.recipe.seed]
    for name in dataset.crops(split)["id"]:
        labels = dataset.labels(name)
        found = np.where(labels > n_found, 0, labels)
        write_labels(run.folder / "evaluation" / "labels" / f"{name}.tif", found)
    about = {"run": "..", "dataset": str(dataset.folder), "split": split}
    write_json(run.folder / "evaluation" / "evaluation.json", about)
    write_text(run.folder / "report.html", "")


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    trainer = Trainer()
    monkeypatch.setattr(study, "train_in_processes", trainer)
    return trainer


def test_what_failed_is_told_and_tried_again_and_nothing_else(
    write: Callable[..., Path], trainer: Trainer, tmp_path: Path
) -> None:
    file, out, said = write(SET + GRID), tmp_path / "out", []
    trainer.fails = {"Dice_seed-2"}
    assert run_study(file, out, say=said.append) == {"Dice_seed-2": "a loss that is no number"}
    assert trainer.trained == ["BCE_50_seed-1", "BCE_50_seed-2", "Dice_seed-1"]
    assert "failed: Dice_seed-2: a loss that is no number" in said
    assert "Dice_seed-2: a loss" in (out / "study.html").read_text(encoding="utf-8")

    trainer.trained, trainer.fails = [], set()
    assert run_study(file, out, jobs=2, say=said.append) == {}
    assert trainer.trained == ["Dice_seed-2"]
    results = pd.read_csv(out / "results.csv")
    assert results["run"].tolist() == [
        f"{level}_seed-{seed}" for level in ("BCE_50", "Dice") for seed in (1, 2)
    ]
    assert results["loss"].tolist() == ["BCE 50"] * 2 + ["Dice"] * 2
    f1 = [10 / 11, 4 / 5, 1, 1]  # of 4 of 6: 2 · 4 / (4 + 6)
    assert results["instance_f1"].tolist() == pytest.approx(f1)
    assert results["cells_distance_f1"].tolist() == pytest.approx(f1)
    assert results["cells_mae"].tolist() == [1, 2, 0, 0]
    summary = pd.read_csv(out / "summary.csv", index_col="level")
    assert summary.index.tolist() == ["Dice", "BCE 50"]
    assert summary.loc["BCE 50", "instance_f1_mean"] == pytest.approx(sum(f1[:2]) / 2)
    assert summary.loc["BCE 50", "instance_f1_sd"] == pytest.approx((f1[0] - f1[1]) / np.sqrt(2))
    for name in ("scores.png", "curves.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")

    trainer.trained = []
    run_study(write(SET + GRID, "[1, 2, 3]"), out, say=said.append)
    assert trainer.trained == ["BCE_50_seed-3", "Dice_seed-3"]


def test_a_run_of_another_recipe_is_told_not_used(
    write: Callable[..., Path], trainer: Trainer, tmp_path: Path
) -> None:
    run_study(write(SET + GRID), tmp_path / "out", say=[].append)
    with pytest.raises(CellidError, match=r"4 with other train\.epochs: BCE_50_seed-1"):
        run_study(write(SET.replace("= 2", "= 3") + GRID), tmp_path / "out", say=[].append)
    # how scores are counted may change
    run_study(write(SET.replace("100", "200") + GRID), tmp_path / "out", say=[].append)


def test_where_all_fails_the_first_failure_is_told(
    write: Callable[..., Path], trainer: Trainer, tmp_path: Path
) -> None:
    trainer.fails = {f"{level}_seed-{seed}" for level in ("BCE_50", "Dice") for seed in (1, 2)}
    with pytest.raises(CellidError, match="4 failures, the first: a loss that is no number"):
        run_study(write(SET + GRID), tmp_path / "out", say=[].append)


def test_axes_are_crossed_and_a_table_takes_the_place_of_another(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    file = write(SET + '[grid]\n"model.filters" = [8, 16]' + GRID)
    runs = plan_grid(read_study(file), tmp_path)
    assert [run.folder.name for run in runs][:4] == [
        *("filters-8_BCE_50_seed-1", "filters-8_BCE_50_seed-2"),
        *("filters-8_Dice_seed-1", "filters-8_Dice_seed-2"),
    ]
    assert len(runs) == 8
    last = runs[-1]
    assert last.levels == {"model.filters": "16", "loss": "Dice"}
    assert last.recipe.model.filters == 16
    assert last.recipe.seed == 2
    assert last.recipe.train.epochs == 2
    assert last.recipe.train.loss.name == "dice"
    assert runs[0].recipe.train.loss.nucleus_weight == 50


SEARCH = """
trials = 4
[grid.loss]
"BCE 50" = {train.loss = {name = "weighted_bce"}}
Dice = {train.loss.name = "dice"}
[search]
"train.learning_rate" = {low = 1e-4, high = 1e-2, log = true}
"model.depth" = {low = 1, high = 3}
"augment.flips" = [true, false]
"""


def test_an_interrupted_search_tries_what_it_would_have_and_never_looks_at_the_test(
    write: Callable[..., Path], trainer: Trainer, tmp_path: Path
) -> None:
    pytest.importorskip("optuna")
    file = write("score = 'count_mae'" + SEARCH, seeds="[1]")
    search_settings(file, tmp_path / "whole", say=[].append)
    runs = [f"trial-{number:03d}_seed-1" for number in range(4)]
    assert trainer.trained == runs

    out, trainer.trained = tmp_path / "out", []
    trainer.interrupted, trainer.fails = {runs[2]}, {runs[1]}
    with pytest.raises(KeyboardInterrupt):
        search_settings(file, out, say=[].append)
    trainer.interrupted = set()
    search_settings(file, out, say=[].append)
    assert trainer.trained == [runs[0], *runs[2:]]  # what failed is not tried again
    whole, results = (pd.read_csv(folder / "results.csv") for folder in (tmp_path / "whole", out))
    pd.testing.assert_frame_equal(
        results, whole[~whole["trial"].isin([1])].reset_index(drop=True), check_exact=True
    )
    assert (results["split"] == "validation").all()
    assert whole["train.learning_rate"].between(1e-4, 1e-2).all()
    assert set(whole["model.depth"]) <= {1, 2, 3}
    best = pd.read_csv(out / "summary.csv").iloc[0]
    assert best["level"].split(" · ")[1] == "Dice"
    assert best["count_mae_mean"] == 0
    with pytest.raises(CellidError, match="another data set and search"):
        search_settings(write(SEARCH), out, say=[].append)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GRID, r"no \[search\]"),
        ('[search]\n"train.dropout" = {low = 0, high = 1}', "a setting that exists"),
        ('[search]\n"model.dropout" = {low = 0, high = 2}', r"model\.dropout"),
        ('[search]\n"model.depth" = {low = 1, hihg = 2}', r"did you mean high\?$"),
        ('[search]\n"model.depth" = {low = 3, high = 2}', "low must be less than high"),
        ('[search]\n"model.dropout" = {low = 0, high = 0.5, log = true}', "low must be above 0"),
    ],
)
def test_what_cannot_be_searched_is_told(write: Callable[..., Path], text: str, told: str) -> None:
    with pytest.raises(CellidError, match=told):
        read_space(read_study(write(text)))


def test_the_study_in_readme_is_planned_as_it_says(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```\n(dataset = .*?)```", readme, flags=re.S)
    write_text(tmp_path / "study.toml", 'baseline = "8 · Dice"\n' + text)
    assert len(plan_grid(read_study(tmp_path / "study.toml"), tmp_path)) == 12


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("grit = 3", "did you mean grid"),
        ("[set]\ntrain.epoch = 3" + GRID, r"did you mean train\.epochs"),
        ("[grid.loss]\nA = {train.loss.name = 'mse'}", r"train\.loss\.name(.|\n)*dice"),
        ("[grid.loss]", r"levels with their settings"),
        ('[grid]\n"model.filters" = []', r"levels with their settings"),
        ('[grid]\n"model.filters" = [8, 8]', r"different values"),
        ("[grid]\nmodel.filters = [8, 16]", "put quotes about"),
        ("[grid.loss]\nA = {train.epochs = 5}\nB = {train.epochs = 5}", "the same training as A"),
        ("[set]\ncrops.size = 100" + GRID, "when it is labelled"),
        ('[grid]\n"seed" = [1, 2]', "seeds are named in seeds"),
        ("[set]\ntrain.epochs = 5", r"no \[grid\]"),
        ("baseline = 'Focal'" + GRID, "BCE 50, Dice"),
    ],
)
def test_a_wrong_file_is_told(
    write: Callable[..., Path], tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(CellidError, match=told):
        plan_grid(read_study(write(text)), tmp_path)
