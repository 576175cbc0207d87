"""The dataset folder: what is written is read, and nothing leaky or damaged is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cellid.dataset import COLUMNS, Dataset, read_dataset, writing_dataset
from cellid.errors import CellidError

RANDOM = np.random.default_rng(0)
NOT_MEASURED = {name: np.nan for name, dtype in COLUMNS.items() if dtype == "float64"}
INFO = {
    "cellid_version": "0.1.0",
    "pixel_size_um": 1.24,
    "nucleus_diameter_px": 12.5,
    "recipe": {"preset": "fast"},
    "sources": ("HeLa=phase",),
    "problems": {"A2_1": "unreadable"},
}


def pixels(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    image = random.integers(0, 255, (40, 50), np.uint8)
    stain = random.random((40, 50), np.float32)
    labels = np.zeros((40, 50), np.int32)
    labels[3:9, 4:10] = 7
    labels[20:30, 20:30] = 70_000
    return image, stain, labels


def row(crop_id: str, split: str, **more: Any) -> dict[str, Any]:
    known = {
        "id": crop_id,
        "field": crop_id.partition("_")[0],
        "line": "NA",  # a name that a reader of tables could take for a missing value
        "file": f"phase/{crop_id}.tif",
        "stain_file": f"stain/{crop_id}.tif",
        "well": "007",
        "site": "",
        "time_h": np.nan,
        "group": crop_id,
        "y0": 0,
        "x0": 0,
        "y1": 40,
        "x1": 50,
        "split": split,
        "kept": True,
        "reason": "",
        "shift_y_px": 0.1,
        "shift_x_px": -1 / 3,
        "labelled_by": "auto",
        "weight": 1.0,
    }
    return known | more


def write(folder: Path, rows: list[dict[str, Any]], overwrite: bool = False) -> Dataset:
    with writing_dataset(folder, overwrite) as writer:
        full = [
            {**NOT_MEASURED, **writer.add_crop(entry["id"], *pixels(i), 1.24), **entry}
            for i, entry in enumerate(rows)
        ]
        writer.add_objects(pd.DataFrame({"id": ["a_1"], "label": [7], "score": [np.nan]}))
        writer.finish(pd.DataFrame(full), **INFO)
    return read_dataset(folder)


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return [
        row("a_1", "train"),
        row("b_1", "validation", line="3T3", time_h=2.5),
        row("c_1", "test"),
        row("d_1", "train", kept=False, reason="few_nuclei"),
    ]


def test_what_is_written_is_read(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    dataset = write(tmp_path / "data", rows)
    assert list(dataset.manifest.columns) == list(COLUMNS)
    for entry, (_, got) in zip(rows, dataset.manifest.iterrows(), strict=True):
        for name, value in entry.items():
            assert got[name] == value or (value != value and np.isnan(got[name])), name
    assert dataset.manifest["nucleus_px"].tolist() == [136] * 4
    assert dataset.manifest["n_nuclei"].tolist() == [2] * 4
    assert dataset.manifest["nucleus_share"].tolist() == [136 / 2000] * 4
    assert dataset.manifest["doubt"].isna().all()
    assert (dataset.folder / "objects.csv").read_text() == "id,label,score\na_1,7,\n"
    assert dataset.objects()[["id", "label"]].to_numpy().tolist() == [["a_1", 7]]
    (dataset.folder / "objects.csv").unlink()
    assert dataset.objects().empty
    assert dataset.info.pixel_size_um == 1.24
    assert dataset.info.nucleus_diameter_px == 12.5
    assert dataset.info.sources == ("HeLa=phase",)
    assert dataset.info.problems == {"A2_1": "unreadable"}
    for i, entry in enumerate(rows):
        image, stain, labels = pixels(i)
        read = dataset.image(entry["id"]), dataset.stain(entry["id"]), dataset.labels(entry["id"])
        for before, after in zip((image, stain, labels), read, strict=True):
            assert after.dtype == before.dtype
            np.testing.assert_array_equal(after, before)


def test_crops_of_a_split_are_those_kept(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    dataset = write(tmp_path / "data", rows)
    assert dataset.crops("train")["id"].tolist() == ["a_1"]
    assert dataset.crops("validation")["id"].tolist() == ["b_1"]
    assert dataset.only_line("3T3").manifest["id"].tolist() == ["b_1"]
    dataset.check_trainable()
    with pytest.raises(CellidError, match="one kept crop for train"):
        dataset.only_line("3T3").check_trainable()
    with pytest.raises(CellidError, match="one kept crop for validation"):
        dataset.only_line("NA").check_trainable()


def test_equal_pixels_have_equal_hashes_and_others_not(tmp_path: Path) -> None:
    image, stain, labels = pixels(0)
    other = labels.copy()
    other[0, 0] = 1
    with writing_dataset(tmp_path / "data", overwrite=False) as writer:
        first = writer.add_crop("a", image, stain, labels, None)
        again = writer.add_crop("b", image.copy(), stain, labels[:, ::-1][:, ::-1], None)
        flat = writer.add_crop("c", image.reshape(50, 40), stain, other, None)
        wide = writer.add_crop("d", image.astype(np.uint16), stain, labels, None)
    assert first == again
    assert len({crop["image_hash"] for crop in (first, flat, wide)}) == 3
    assert flat["labels_hash"] != first["labels_hash"]


@pytest.mark.parametrize("column", ["image_hash", "group"])
def test_the_same_thing_in_two_splits_is_refused(
    column: str, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    rows[0][column] = rows[1][column] = "same"
    with pytest.raises(CellidError, match="train and validation: a_1, b_1"):
        write(tmp_path / "data", rows)
    rows[1]["kept"] = False
    write(tmp_path / "data", rows, overwrite=True)


def edit_json(folder: Path, **values: Any) -> None:
    path = folder / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def edit_manifest(folder: Path, change: Callable[[str], str]) -> None:
    path = folder / "manifest.csv"
    path.write_text(change(path.read_text()))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: edit_json(folder, version=0), "version 0"),
        (lambda folder: edit_json(folder, cells=3), "cells"),
        (lambda folder: (folder / "dataset.json").write_text("{"), "dataset folder with"),
        (lambda folder: (folder / "dataset.json").write_text("[1]"), "dataset folder with"),
        (lambda folder: (folder / "dataset.json").unlink(), "No such file"),
        (lambda folder: (folder / "manifest.csv").unlink(), "No such file"),
        (lambda folder: (folder / "manifest.csv").write_bytes(b"\xff\xfe"), "dataset folder with"),
        (lambda folder: (folder / "manifest.csv").write_text(""), "dataset folder with"),
        (lambda folder: edit_manifest(folder, lambda t: t.replace("kept", "keep")), "kept"),
        (lambda folder: edit_manifest(folder, lambda t: t.replace("136", "many")), "many"),
        (lambda folder: edit_manifest(folder, lambda t: t.replace(",train,", ",tran,")), "'tran'"),
        (lambda folder: edit_manifest(folder, lambda t: t[:-10]), "cut short"),
        (lambda folder: edit_manifest(folder, lambda t: t.replace(",1.0\n", ",inf\n")), "inf"),
    ],
)
def test_a_damaged_folder_is_refused(
    damage: Callable[[Path], object], words: str, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path / "data"
    write(folder, rows)
    damage(folder)
    with pytest.raises(CellidError, match=words):
        read_dataset(folder)


def test_a_manifest_changed_by_hand_is_another_data_set(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    before = write(tmp_path / "data", rows)
    edit_manifest(tmp_path / "data", lambda text: text.replace("test,True", "test,False"))
    after = read_dataset(tmp_path / "data")
    assert after.crops("test").empty
    assert after.info.manifest_hash != before.info.manifest_hash
    assert read_dataset(tmp_path / "data").info == after.info


def test_a_missing_image_names_its_file(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    dataset = write(tmp_path / "data", rows)
    (tmp_path / "data" / "labels" / "a_1.tif").unlink()
    with pytest.raises(CellidError, match=r"a_1\.tif"):
        dataset.labels("a_1")


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> None:
        with writing_dataset(tmp_path / "data", overwrite=False) as writer:
            writer.add_crop("a", *pixels(0), pixel_size_um=None)
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_is_replaced_only_when_asked(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    folder = tmp_path / "data"
    write(folder, rows)
    with pytest.raises(CellidError, match="overwrite"):
        write(folder, rows[:2])
    assert len(read_dataset(folder).manifest) == 4
    assert len(write(folder, rows[:2], overwrite=True).manifest) == 2
    assert not (folder / "images" / "c_1.tif").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["data"]


def test_a_folder_of_something_else_is_never_replaced(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "dear.tif").write_text("dear")
    with pytest.raises(CellidError, match="no data set"):
        write(tmp_path / "photos", rows, overwrite=True)
    assert (tmp_path / "photos" / "dear.tif").read_text() == "dear"
