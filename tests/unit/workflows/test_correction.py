"""Cross-fitted correction of a data set, with an oracle in the place of the models."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cellid.config import Recipe
from cellid.dataset import (
    Correction,
    Dataset,
    enforce_corrections,
    read_dataset,
    undo_corrections,
    write_correction,
)
from cellid.dataset.manifest import describe_labels, write_manifest
from cellid.errors import CellidError
from cellid.io.tiff_writers import write_labels
from cellid.prediction import Nuclei
from cellid.types import Labels
from cellid.workflows import correction
from cellid.workflows.correction import correct


def spoil(labels: Labels) -> Labels:
    """Return labels without their first nucleus, and with an object where there is none."""
    wrong = np.where(labels == 1, 0, labels)
    wrong[:4, :4] = labels.max() + 1
    return wrong


@pytest.fixture
def dataset(tiny_dataset: Dataset, tmp_path: Path) -> Dataset:
    """The tiny data set with a nucleus missed and one invented in every crop but the empty one."""
    copy = read_dataset(Path(shutil.copytree(tiny_dataset.folder, tmp_path / "dataset")))
    for row in copy.manifest.index[1:]:
        crop_id = copy.manifest.at[row, "id"]
        wrong = spoil(copy.labels(crop_id))
        write_labels(copy.folder / "labels" / f"{crop_id}.tif", wrong)
        for column, value in describe_labels(wrong).items():
            copy.manifest.at[row, column] = value
    write_manifest(copy.folder, copy.manifest)
    return read_dataset(copy.folder)


@pytest.fixture
def trained(
    dataset: Dataset, tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> list[Dataset]:
    """Models that know the truth; the data sets they were trained on."""
    seen: list[Dataset] = []
    truth = {
        dataset.image(i).tobytes(): tiny_dataset.labels(i) for i in tiny_dataset.manifest["id"]
    }

    def train_once(part: Dataset, out: Path, *_: Any, **__: Any) -> None:
        out.mkdir(parents=True, exist_ok=True)
        seen.append(part)

    def find_nuclei(_: Any, image: np.ndarray, __: Any) -> Nuclei:
        labels = truth[image.tobytes()]
        return Nuclei(labels, np.where(labels > 0, 0.9, 0.1).astype(np.float32), 0, 0.0)

    monkeypatch.setattr(correction, "train_once", train_once)
    monkeypatch.setattr(correction, "find_nuclei", find_nuclei)
    return seen


def in_mode(recipe: Recipe, mode: str) -> Recipe:
    return recipe.model_copy(update={"correct": recipe.correct.model_copy(update={"mode": mode})})


def quiet(_: str) -> None:
    pass


def test_every_label_is_judged_by_a_model_that_has_not_seen_its_field(
    dataset: Dataset, trained: list[Dataset], tiny_recipe: Recipe, tmp_path: Path
) -> None:
    correct(dataset, tmp_path / "out", in_mode(tiny_recipe, "suggest"), quiet)
    judged = [part.crops("test")["group"] for part in trained]
    assert sorted(pd.concat(judged)) == [f"f{i}" for i in range(8)]  # not the two of the test
    for part in trained:
        part.check_trainable()
        learned = pd.concat([part.crops("train"), part.crops("validation")])["group"]
        assert not set(learned) & set(part.crops("test")["group"])


def test_suggestions_change_nothing_and_application_mends_the_labels(
    dataset: Dataset,
    tiny_dataset: Dataset,
    trained: list[Dataset],
    tiny_recipe: Recipe,
    tmp_path: Path,
) -> None:
    unknown = np.zeros((64, 72), np.int32)
    unknown[:2, :2] = 1
    write_labels(dataset.folder / "uncertain" / "f1.tif", unknown)
    suggested = correct(dataset, tmp_path / "out", in_mode(tiny_recipe, "suggest"), quiet)
    assert suggested.manifest.equals(dataset.manifest)
    table = pd.read_csv(dataset.folder / "corrected" / "model" / "proposals.csv")
    counts = table["proposal"].value_counts()
    assert (counts["add"], counts["drop"]) == (7, 7)
    assert "found without a label" in (tmp_path / "out" / "proposals.html").read_text()

    applied = correct(dataset, tmp_path / "out", in_mode(tiny_recipe, "apply"), quiet)
    by_model = applied.manifest.set_index("id")["labelled_by"] == "model"
    assert by_model[[f"f{i}" for i in range(1, 8)]].all()
    assert not by_model[["f0", "f8", "f9"]].any()  # nothing to say of it, and of the test
    for crop_id in applied.manifest["id"][:8]:
        true = tiny_dataset.labels(crop_id) > 0
        np.testing.assert_array_equal(applied.labels(crop_id) > 0, true)
    np.testing.assert_array_equal(applied.labels("f8"), dataset.labels("f8"))
    assert applied.uncertain("f1")[:2, :2].all()  # a model does not know better
    assert undo_corrections(applied, "model").manifest.equals(dataset.manifest)


def test_corrections_come_back_into_a_data_set_that_has_lost_them(
    dataset: Dataset, trained: list[Dataset], tiny_recipe: Recipe, tmp_path: Path
) -> None:
    applying = in_mode(tiny_recipe, "apply")
    first = correct(dataset, tmp_path / "out", applying, quiet)
    manifest, labels = first.manifest, first.labels("f1")
    shutil.rmtree(dataset.folder / "corrected")
    (dataset.folder / "manifest.csv").write_text(dataset.manifest.to_csv(index=False))
    again = correct(read_dataset(dataset.folder), tmp_path / "out", applying, quiet)
    assert again.manifest.equals(manifest)
    np.testing.assert_array_equal(again.labels("f1"), labels)


def test_what_a_fold_has_lost_is_told_or_made_again(
    dataset: Dataset, trained: list[Dataset], tiny_recipe: Recipe, tmp_path: Path
) -> None:
    applying = in_mode(tiny_recipe, "apply")
    manifest = correct(dataset, tmp_path / "out", applying, quiet).manifest
    table = tmp_path / "out" / "fold-1" / "proposals.csv"
    table.write_bytes(table.read_bytes()[:-20])
    with pytest.raises(CellidError, match=r"fold-1(.|\n)*cut short(.|\n)*remove it"):
        correct(dataset, tmp_path / "out", applying, quiet)
    table.unlink()
    assert correct(dataset, tmp_path / "out", applying, quiet).manifest.equals(manifest)
    next((tmp_path / "out" / "fold-1" / "found").iterdir()).unlink()
    assert correct(dataset, tmp_path / "out", applying, quiet).manifest.equals(manifest)


def test_folds_of_another_recipe_are_refused(
    dataset: Dataset, trained: list[Dataset], tiny_recipe: Recipe, tmp_path: Path
) -> None:
    correct(dataset, tmp_path / "out", in_mode(tiny_recipe, "suggest"), quiet)
    two = tiny_recipe.correct.model_copy(update={"mode": "suggest", "folds": 2})
    with pytest.raises(CellidError, match="another recipe"):
        correct(dataset, tmp_path / "out", tiny_recipe.model_copy(update={"correct": two}), quiet)


def test_what_a_person_has_drawn_is_not_judged(
    dataset: Dataset, trained: list[Dataset], tiny_recipe: Recipe, tmp_path: Path
) -> None:
    drawn = np.zeros((64, 72), np.int32)
    write_correction(dataset, Correction("f3", drawn, drawn > 0), "hand")
    dataset = enforce_corrections(dataset, ["f3"], "hand", weight=2.0)
    applied = correct(dataset, tmp_path / "out", in_mode(tiny_recipe, "apply"), quiet)
    assert not applied.labels("f3").any()
    table = pd.read_csv(dataset.folder / "corrected" / "model" / "proposals.csv")
    assert "f3" not in set(table["crop"])


def test_lines_of_a_field_a_fold_leave_one_for_validation(
    dataset: Dataset, trained: list[Dataset], tiny_recipe: Recipe, tmp_path: Path
) -> None:
    few = dataset.manifest[dataset.manifest["id"].isin(["f1", "f2", "f3", "f4", "f8"])]
    few.to_csv(dataset.folder / "manifest.csv", index=False)
    two = tiny_recipe.correct.model_copy(update={"folds": 2})
    recipe = tiny_recipe.model_copy(update={"correct": two})
    correct(read_dataset(dataset.folder), tmp_path / "out", recipe, quiet)
    for part in trained:
        part.check_trainable()


def test_a_single_field_is_told(
    dataset: Dataset, trained: list[Dataset], tiny_recipe: Recipe, tmp_path: Path
) -> None:
    dataset.manifest.iloc[:1].to_csv(dataset.folder / "manifest.csv", index=False)
    with pytest.raises(CellidError, match="two folds"):
        correct(read_dataset(dataset.folder), tmp_path / "out", tiny_recipe, quiet)


def test_labels_all_drawn_by_a_person_need_no_judge(
    dataset: Dataset, trained: list[Dataset], tiny_recipe: Recipe, tmp_path: Path
) -> None:
    drawn = np.zeros((64, 72), np.int32)
    for crop_id in dataset.manifest["id"]:
        write_correction(dataset, Correction(crop_id, drawn, drawn > 0), "hand")
    dataset = enforce_corrections(dataset, dataset.manifest["id"], "hand", weight=2.0)
    with pytest.raises(CellidError, match="no person has corrected"):
        correct(dataset, tmp_path / "out", tiny_recipe, quiet)
    assert not trained


def test_scores_in_the_stain_and_each_line_have_their_say(
    dataset: Dataset, trained: list[Dataset], tiny_recipe: Recipe, tmp_path: Path
) -> None:
    pd.DataFrame({"id": ["f1"], "label": [2], "score": [0.75]}).to_csv(
        dataset.folder / "objects.csv", index=False
    )
    # Labels of one line all elsewhere than what is found: no model is heard there
    for crop_id in ("f2", "f4", "f6"):
        write_labels(
            dataset.folder / "labels" / f"{crop_id}.tif",
            np.roll(dataset.labels(crop_id), (32, 36), (0, 1)),
        )
    correct(dataset, tmp_path / "out", tiny_recipe, quiet)
    table = pd.read_csv(dataset.folder / "corrected" / "model" / "proposals.csv")
    scored = table[table["score"].notna()]
    assert scored[["crop", "source", "label", "score"]].to_numpy().tolist() == [
        ["f1", "stain", 2, 0.75]
    ]
    of_line = table["crop"].isin(["f2", "f4", "f6"])
    assert set(table.loc[of_line, "proposal"].dropna()) == {"keep"}
    assert "add" in set(table.loc[~of_line, "proposal"])
