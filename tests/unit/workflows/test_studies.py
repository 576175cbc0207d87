"""The studies of noisy labels and of α, on the command line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellid.cli import main
from cellid.config import EvaluateSettings, NoiseStudySettings
from cellid.dataset import Dataset
from cellid.io.images import open_image
from cellid.models.run import Run, load_run
from cellid.prediction import find_nuclei
from cellid.workflows.noise_study import score_spoilt


def cellid(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


def times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def make_grid(n: int) -> np.ndarray:
    """Return n squares of 5 pixels a side, (60, 60)."""
    labels = np.zeros((60, 60), np.int32)
    for number in range(n):
        y, x = divmod(number, 5)
        labels[12 * y + 3 : 12 * y + 8, 12 * x + 3 : 12 * x + 8] = number + 1
    return labels


def test_perfect_nuclei_lose_what_the_labels_lose() -> None:
    pairs = [(make_grid(10), make_grid(10)), (make_grid(20), make_grid(20))]
    settings = NoiseStudySettings(missing=(0.2, 0.5), debris=(0.5,), patches=(0.1,))
    table = score_spoilt(pairs, 5.0, settings, EvaluateSettings()).set_index(["kind", "share"])
    assert (table.loc[(slice(None), 0.0), "pixel_dice":"instance_iou"] == 1).all(axis=None)
    half = table.loc[("missing", 0.5)]
    assert half["n_labelled"] == 15
    for level in ("pixel", "object", "instance"):
        assert half[f"{level}_recall"] == 1
        assert half[f"{level}_precision"] == pytest.approx(0.5)
        assert table.loc[("missing", 0.2), f"{level}_precision"] == pytest.approx(0.8)
        assert table.loc[("debris", 0.5), f"{level}_precision"] == 1
    assert table.loc[("debris", 0.5), "object_recall"] == pytest.approx(30 / 45)
    patches_px = sum(round(0.1 * (pair[0] == 0).sum()) for pair in pairs)
    assert table.loc[("patches", 0.1), "pixel_recall"] == pytest.approx(750 / (750 + patches_px))


def test_noise_is_studied_without_a_training_and_leaves_the_data_as_it_is(
    tiny_run: Run, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "noise"
    before = times(tiny_dataset.folder) | times(tiny_run.folder)
    command = ["study", "noise", tiny_run.folder, "--dataset", tiny_dataset.folder, "--out", out]
    assert cellid(*command) == 0
    assert times(tiny_dataset.folder) | times(tiny_run.folder) == before
    table = pd.read_csv(out / "noise.csv")
    assert table["kind"].unique().tolist() == ["missing", "debris", "patches"]
    assert table.loc[table["share"] == 0, "n_labelled"].tolist() == [12] * 3
    assert (out / "noise.png").exists()
    assert "labels that get worse" in (out / "report.html").read_text(encoding="utf-8")
    assert cellid(*command) == 2  # nothing is overwritten unasked


def test_alpha_is_studied_once_for_each_value(
    tiny_run: Run, tiny_dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "alpha"
    command = ["study", "alpha", tiny_dataset.folder, "--out", out]
    command += ["--recipe", tiny_run.folder / "recipe.toml", "--set", "train.epochs=1"]
    values = ["--value", 0.75, "--value", 0.25]
    assert cellid(*command, *values) == 0
    table = pd.read_csv(out / "alpha.csv")
    assert table["alpha"].tolist() == [0.25, 0.25, 0.75, 0.75]
    assert table["threshold"].tolist()[::2] == [0.5, 0.5]
    for alpha in (0.25, 0.75):
        recipe = (out / f"alpha-{alpha}" / "recipe.toml").read_text(encoding="utf-8")
        assert f"alpha = {alpha}" in recipe
    run = load_run(out / "alpha-0.25")
    at_even_odds = run.config.model_copy(update={"threshold": 0.5})
    name = tiny_dataset.crops("test")["id"].iloc[0]
    found = find_nuclei(replace(run, config=at_even_odds), tiny_dataset.image(name), 1.0).labels
    written = open_image(out / "alpha-0.25" / "even_odds" / "labels" / f"{name}.tif").read()
    np.testing.assert_array_equal(written, found)
    assert table["threshold"][1] == run.config.instances.threshold
    before = times(out / "alpha-0.25") | times(out / "alpha-0.75")
    capsys.readouterr()

    assert cellid(*command, *values) == 0
    assert "training:" not in capsys.readouterr().out
    assert times(out / "alpha-0.25") | times(out / "alpha-0.75") == before
    assert cellid(*command, *values, "--set", "train.batch_size=3") == 2
    assert "another recipe or data set" in capsys.readouterr().err


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5], [0.5, 1]])
def test_alphas_that_cannot_be_compared(
    tiny_dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], values: list[float]
) -> None:
    options = [word for value in values for word in ("--value", value)]
    assert cellid("study", "alpha", tiny_dataset.folder, "--out", tmp_path / "out", *options) == 2
    assert "--value" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_alpha_is_studied_in_the_loss_that_has_it(
    tiny_dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--out", tmp_path / "out", "--set", "train.loss.name=tversky"]
    assert cellid("study", "alpha", tiny_dataset.folder, *options) == 2
    assert "expected: binary_focal" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
