"""Labels handed to a person as files, corrected as programs save them, and taken back."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pandas as pd
import pytest
import tifffile

from cellid.cli import main
from cellid.dataset import (
    Correction,
    Dataset,
    enforce_corrections,
    read_dataset,
    undo_corrections,
    write_correction,
)
from cellid.errors import CellidError
from cellid.types import Labels
from cellid.workflows.review import export_review, rank_by_doubt
from cellid.workflows.review_return import take_review


@pytest.fixture
def dataset(tiny_dataset: Dataset, tmp_path: Path) -> Dataset:
    return read_dataset(Path(shutil.copytree(tiny_dataset.folder, tmp_path / "dataset")))


@pytest.fixture
def review(dataset: Dataset, tmp_path: Path) -> Path:
    """The crops f1 to f5, handed out."""
    export_review(dataset, tmp_path / "review", 1, [f"f{i}" for i in range(1, 6)])
    return tmp_path / "review"


def take(dataset: Dataset, review: Path, **options: Any) -> tuple[Dataset, dict[str, str], str]:
    """Take a review back; return the data set, the problems and what was said."""
    said: list[str] = []
    options = {"by": "Ada", "weight": 2.0, **options}
    problems = take_review(read_dataset(dataset.folder), review, say=said.append, **options)
    return read_dataset(dataset.folder), problems, "\n".join(said)


def correct(labels: Labels) -> Labels:
    """Return labels as a person would leave them: one nucleus removed, one added."""
    corrected = np.where(labels == 2, 0, labels)
    corrected[58:62, 66:70] = 40
    return corrected


def by_hand(dataset: Dataset) -> list[str]:
    return dataset.manifest.loc[dataset.manifest["labelled_by"] == "hand", "id"].tolist()


def provenance(dataset: Dataset) -> pd.DataFrame:
    return pd.read_csv(dataset.folder / "corrected/hand/provenance.csv", index_col="id")


def as_imagej(path: Path, labels: Labels) -> None:
    tifffile.imwrite(path, labels.astype(np.uint16), imagej=True, metadata={"unit": "micron"})


def as_float(path: Path, labels: Labels) -> None:
    tifffile.imwrite(path, labels.astype(np.float32), imagej=True)


def as_napari(path: Path, labels: Labels) -> None:
    tifffile.imwrite(path, labels.astype(np.int64), compression="zlib")


def as_png(path: Path, labels: Labels) -> None:
    path.with_suffix(".png").write_bytes(imagecodecs.png_encode(labels.astype(np.uint16)))


@pytest.mark.parametrize("save", [as_imagej, as_float, as_napari, as_png])
def test_corrected_labels_come_back_from_every_program(
    dataset: Dataset, review: Path, save: Callable[[Path, Labels], None]
) -> None:
    corrected = correct(tifffile.imread(review / "labels" / "f3.tif").astype(np.int32))
    save(review / "labels" / "f3.tif", corrected)
    after, problems, said = take(dataset, review)
    assert not problems
    assert "1 of 5 crops taken" in said
    assert by_hand(after) == ["f3"]  # the others were not looked at
    np.testing.assert_array_equal(after.labels("f3"), corrected)
    row = after.manifest.set_index("id").loc["f3"]
    assert (row["weight"], row["n_nuclei"]) == (2.0, 6)

    first = dataset.manifest.set_index("id").loc["f3", "labels_hash"]
    written = provenance(after).loc["f3"]
    assert (written["by"], written["labels_before"]) == ("Ada", first)
    assert written["labels_hash"] == row["labels_hash"]
    assert written["files"].startswith("labels/f3.")
    assert undo_corrections(after, "hand").manifest.equals(dataset.manifest)


def test_what_cannot_be_decided_is_painted_beside(dataset: Dataset, review: Path) -> None:
    mask = np.zeros((64, 72), np.uint8)
    mask[10:20, 10:20] = 255
    tifffile.imwrite(review / "uncertain" / "f2.tif", mask, imagej=True)
    after, problems, _ = take(dataset, review)
    assert not problems
    assert by_hand(after) == ["f2"]
    np.testing.assert_array_equal(after.uncertain("f2"), mask > 0)
    np.testing.assert_array_equal(after.labels("f2"), dataset.labels("f2"))


def test_a_bad_file_stops_no_other(dataset: Dataset, review: Path) -> None:
    labels = {i: correct(dataset.labels(i)) for i in ("f1", "f2", "f3", "f4", "f5")}
    rgb = np.stack([labels["f1"].astype(np.uint8)] * 3, axis=-1)
    tifffile.imwrite(review / "labels" / "f1.tif", rgb, photometric="rgb")
    as_imagej(review / "labels" / "f2.tif", labels["f2"][:-2])
    (review / "labels" / "f3.tif").write_bytes(b"II*\0")
    as_imagej(review / "labels" / "f4.tif", labels["f4"])
    as_png(review / "labels" / "f4.tif", np.zeros((64, 72)))
    as_imagej(review / "labels" / "f5.tif", labels["f5"])
    as_imagej(review / "labels" / "f5-1.tif", labels["f5"])
    after, problems, said = take(dataset, review)
    assert by_hand(after) == ["f5"]
    assert set(problems) == {"f1", "f2", "f3", "f4", str(review / "labels" / "f5-1.tif")}
    for crop_id, word in (("f1", "RGB"), ("f2", "62×72"), ("f4", "one corrected version")):
        assert word in problems[crop_id]
    assert said.count("not taken: ") == 5


def test_what_is_odd_is_said(dataset: Dataset, review: Path) -> None:
    labels = dataset.labels("f1")
    as_imagej(review / "labels" / "f1.tif", (labels > 0) * 255)
    after, problems, said = take(dataset, review)
    assert not problems
    assert "f1: one number only, 255" in said
    assert after.manifest.set_index("id").loc["f1", "n_nuclei"] == 6


def test_unchanged_crops_are_taken_only_if_confirmed(dataset: Dataset, review: Path) -> None:
    after, problems, _ = take(dataset, review)
    assert not problems
    assert after.manifest.equals(dataset.manifest)
    after, problems, _ = take(dataset, review, confirm_unchanged=True)
    assert not problems
    assert by_hand(after) == ["f1", "f2", "f3", "f4", "f5"]
    np.testing.assert_array_equal(after.labels("f1"), dataset.labels("f1"))
    assert "f1" not in set(rank_by_doubt(after)["id"])


def test_a_review_goes_on_after_it_was_taken(dataset: Dataset, review: Path) -> None:
    as_imagej(review / "labels" / "f1.tif", correct(dataset.labels("f1")))
    take(dataset, review)
    as_imagej(review / "labels" / "f2.tif", correct(dataset.labels("f2")))
    _, problems, said = take(dataset, review, by="Ben")
    assert not problems
    assert "1 of 5 crops taken" in said  # what is in force is not taken again
    again = np.zeros((64, 72), np.int32)
    again[5:9, 5:9] = 1
    as_imagej(review / "labels" / "f1.tif", again)
    after, problems, _ = take(dataset, review, by="Cleo")
    assert not problems
    np.testing.assert_array_equal(after.labels("f1"), again)
    assert provenance(after)["by"].to_dict() == {"f1": "Cleo", "f2": "Ben"}


def test_a_review_of_another_state_is_refused(
    dataset: Dataset, review: Path, tmp_path: Path
) -> None:
    export_review(dataset, tmp_path / "other", 1, ["f1", "f2"])
    theirs = correct(dataset.labels("f1"))
    as_imagej(review / "labels" / "f1.tif", theirs)
    take(dataset, review)
    mine = np.where(theirs == 40, 0, theirs)
    for name in ("f1", "f2"):
        as_imagej(tmp_path / "other" / "labels" / f"{name}.tif", mine)
    after, problems, _ = take(dataset, tmp_path / "other")
    assert set(problems) == {"f1"}
    assert "by: hand" in problems["f1"]
    np.testing.assert_array_equal(after.labels("f1"), theirs)
    np.testing.assert_array_equal(after.labels("f2"), mine)
    after, problems, _ = take(dataset, tmp_path / "other", overwrite=True)
    assert not problems
    np.testing.assert_array_equal(after.labels("f1"), mine)

    export_review(after, tmp_path / "later", 1, ["f1"])  # begins from the correction in force
    as_imagej(tmp_path / "later" / "labels" / "f1.tif", theirs)
    after, problems, _ = take(dataset, tmp_path / "later")
    assert not problems
    np.testing.assert_array_equal(after.labels("f1"), theirs)


def test_a_person_overrules_a_model(dataset: Dataset, tmp_path: Path) -> None:
    found = np.where(dataset.labels("f1") == 1, 0, dataset.labels("f1"))
    write_correction(dataset, Correction("f1", found, found == 3), "model")
    dataset = enforce_corrections(dataset, ["f1"], "model", weight=1.0)
    export_review(dataset, tmp_path / "review", 1, ["f1"])
    file = tmp_path / "review" / "labels" / "f1.tif"
    np.testing.assert_array_equal(tifffile.imread(file), found)  # the labels in force
    as_imagej(file, correct(found))
    after, problems, _ = take(dataset, tmp_path / "review")
    assert not problems
    assert by_hand(after) == ["f1"]
    np.testing.assert_array_equal(after.uncertain("f1"), found == 3)  # not painted over: stays


def test_label_studio_sends_polygons_back(dataset: Dataset, review: Path) -> None:
    tasks = json.loads((review / "label_studio" / "tasks.json").read_text())
    assert tasks[0]["data"]["stain"].startswith("data:image/png;base64,")
    exported = []
    for task in tasks:
        result = task["predictions"][0]["result"]
        annotation = {"result": result, "was_cancelled": False, "updated_at": "2024"}
        if task["data"]["crop"] == "f2":
            annotation["result"] = result[1:]
        done = [] if task["data"]["crop"] == "f3" else [annotation]
        exported.append({"data": task["data"], "annotations": done})
    (review / "label_studio" / "project-1.json").write_text(json.dumps(exported))
    for _ in range(2):  # a second time nothing changes
        after, problems, _ = take(dataset, review)
        assert not problems
        assert by_hand(after) == ["f2"]
        labels = dataset.labels("f2")
        uppermost = labels[labels > 0][0]
        kept = np.where(labels == uppermost, 0, labels)
        np.testing.assert_array_equal(after.labels("f2"), kept)
    as_imagej(review / "labels" / "f2.tif", correct(labels))
    _, problems, _ = take(dataset, review)
    assert "project-1.json" in problems["f2"]  # which of the two counts?

    (review / "label_studio" / "project-2.json").write_text("[{}]")
    _, problems, _ = take(dataset, review)
    assert any("JSON-MIN" in problem for problem in problems.values())


def test_the_most_doubtful_crops_come_first(dataset: Dataset, tmp_path: Path) -> None:
    dataset.manifest["doubt"] = np.linspace(0, 0.9, 10)
    dataset.manifest.loc[9, "kept"] = False
    review = export_review(dataset, tmp_path / "review", 3)
    assert list(review.crops) == ["f8", "f7", "f6"]
    proposals = pd.DataFrame(
        {
            "crop": ["f4", "f4", "f2", "f6", "f6", "f6"],
            "proposal": ["add", "uncertain", "drop", "keep", "keep", ""],
        }
    )
    (dataset.folder / "corrected" / "model").mkdir(parents=True)
    proposals.to_csv(dataset.folder / "corrected" / "model" / "proposals.csv", index=False)
    assert rank_by_doubt(dataset)["id"].tolist()[:4] == ["f4", "f2", "f8", "f7"]


def test_what_cannot_be_exported_or_taken_is_told(
    dataset: Dataset, review: Path, tmp_path: Path
) -> None:
    with pytest.raises(CellidError, match="somebody's work"):
        export_review(dataset, review, 1)
    with pytest.raises(CellidError, match="no such id"):
        export_review(dataset, tmp_path / "new", 1, ["f1", "nothing"])
    with pytest.raises(CellidError, match=r"review\.json"):
        take(dataset, dataset.folder)
    everything = dataset.manifest["id"].tolist()
    export_review(dataset, tmp_path / "all", 1, everything)
    after, _, _ = take(dataset, tmp_path / "all", confirm_unchanged=True)
    with pytest.raises(CellidError, match="nobody has corrected"):
        export_review(after, tmp_path / "new", 1)


def test_tables_cut_short_are_told(dataset: Dataset, review: Path, tmp_path: Path) -> None:
    proposals = dataset.folder / "corrected" / "model" / "proposals.csv"
    proposals.parent.mkdir(parents=True)
    for content in ("", "crop,propo", "crop,proposal\nf4,a"):
        proposals.write_text(content)
        with pytest.raises(CellidError, match=r"proposals\.csv"):
            export_review(dataset, tmp_path / "new", 3)
    as_imagej(review / "labels" / "f1.tif", correct(dataset.labels("f1")))
    take(dataset, review)
    table = dataset.folder / "corrected" / "hand" / "provenance.csv"
    cut = table.read_bytes()[:-20]
    table.write_bytes(cut)
    with pytest.raises(CellidError, match=r"provenance\.csv"):
        take(dataset, review)
    assert table.read_bytes() == cut


def test_a_review_of_other_images_is_refused(dataset: Dataset, review: Path) -> None:
    as_imagej(review / "labels" / "f1.tif", correct(dataset.labels("f1")))
    as_imagej(review / "original" / "labels" / "f2.tif", correct(dataset.labels("f2")))
    dataset.manifest.loc[1, "image_hash"] = "another"
    dataset.manifest.drop(index=3).to_csv(dataset.folder / "manifest.csv", index=False)
    after, problems, _ = take(dataset, review, overwrite=True)
    assert set(problems) == {"f1", "f2", "f3"}
    assert not by_hand(after)


def test_the_command_says_by_its_status_whether_all_was_taken(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    review = tmp_path / "review"

    def call(*options: str) -> Any:
        with pytest.raises(SystemExit) as stop:
            main(["review", str(dataset.folder), *options])
        return stop.value.code

    assert call() == 2
    assert "--out, --take" in capsys.readouterr().err
    assert call("--out", str(review), "--crop", "f1", "--crop", "f2") == 0
    as_imagej(review / "labels" / "f1.tif", correct(dataset.labels("f1")))
    assert call("--take", str(review), "--by", "Ada", "--weight", "3") == 0
    assert by_hand(read_dataset(dataset.folder)) == ["f1"]
    (review / "labels" / "f2.tif").write_bytes(b"")
    assert call("--take", str(review)) == 1
    assert call("--take", str(review), "--weight", "inf") == 2
    assert "--weight" in capsys.readouterr().err


def test_what_was_undone_is_said(
    dataset: Dataset, review: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    as_imagej(review / "labels" / "f1.tif", correct(dataset.labels("f1")))
    take(dataset, review)
    for n in (1, 0):
        with pytest.raises(SystemExit):
            main(["undo-corrections", str(dataset.folder), "--by", "hand"])
        assert capsys.readouterr().out == f"crops with their first labels back: {n}\n"
