"""Sheets that tell nothing of the classifier, and a key that tells all."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd
import pytest

from cellid.config import ExpertSettings
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.io.images import open_image
from cellid.models.run import Run
from cellid.prediction import find_nuclei
from cellid.report.experts import Key, read_key
from cellid.workflows.expert_scores import score
from cellid.workflows.experts import prepare


@pytest.fixture(scope="module")
def runs(tiny_run: Run) -> list[Run]:
    """The mixed run, and two that claim to be of one line each."""
    config = tiny_run.config
    return [
        tiny_run,
        *(
            replace(
                tiny_run,
                folder=tiny_run.folder.with_name(f"of-{line}"),
                config=config.model_copy(update={"lines": (line,), "threshold": threshold}),
            )
            for line, threshold in (("HeLa", 0.2), ("CHO", 0.3))
        ),
    ]


def make(runs: list[Run], dataset: Dataset, out: Path, n: int = 2, seed: int = 5) -> Key:
    prepare(runs, dataset, out, ExpertSettings(n_crops=n, seed=seed), "train", lambda _: None)
    return read_key(out / "key.json")


@pytest.fixture(scope="module")
def study(runs: list[Run], tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("experts") / "study"
    make(runs, tiny_dataset, out)
    return out


def test_every_classifier_is_shown_on_the_same_crops_of_its_lines(
    study: Path, tiny_dataset: Dataset
) -> None:
    sheets = pd.DataFrame(map(dict, read_key(study / "key.json").sheets.values()))
    assert Counter(zip(sheets["classifier"], sheets["line"], strict=True)) == {
        (kind, line): 2 for kind in ("mixed", "pure") for line in ("HeLa", "CHO")
    }
    of_mixed, of_pure = (
        set(sheets.loc[sheets["classifier"] == kind, "crop"]) for kind in ("mixed", "pure")
    )
    assert of_mixed == of_pure <= set(tiny_dataset.crops("train")["id"])


def test_sheets_show_what_the_run_finds(
    study: Path, tiny_dataset: Dataset, runs: list[Run]
) -> None:
    by_name = {run.folder.resolve(): run for run in runs}
    for name, sheet in read_key(study / "key.json").sheets.items():
        run = by_name[(study / sheet.run).resolve()]
        found = find_nuclei(run, tiny_dataset.image(sheet.crop), 1.0).labels
        np.testing.assert_array_equal(open_image(study / "labels" / f"{name}.tif").read(), found)
        assert sheet.n_objects == found.max()
        picture = (study / "for-experts" / "sheets" / f"{name}.jpg").read_bytes()
        assert imagecodecs.jpeg_decode(picture).shape == (64, 3 * 72, 3)


def segments(jpeg: bytes) -> set[int]:
    """Return the kinds of segment before the pixels (ITU-T T.81, table B.1)."""
    found, place = set(), 2
    while (kind := jpeg[place + 1]) != 0xDA:  # start of scan
        found.add(kind)
        place += 2 + int.from_bytes(jpeg[place + 2 : place + 4])
    return found


def test_nothing_the_experts_get_tells_whose_a_sheet_is(study: Path, runs: list[Run]) -> None:
    key = read_key(study / "key.json")
    files = [path for path in (study / "for-experts").rglob("*") if path.is_file()]
    pictures = [path for path in files if path.suffix == ".jpg"]
    assert {path.stem for path in pictures} == set(key.sheets)
    for path in pictures:  # JFIF, tables and sizes: no EXIF, no comment
        assert segments(path.read_bytes()) <= {0xE0, 0xDB, 0xC0, 0xC4}
    secrets = {word for sheet in key.sheets.values() for word in (sheet.run, sheet.crop)}
    secrets |= {"pure", "mixed", "HeLa", "CHO", key.dataset, key.manifest_hash}
    secrets |= {run.folder.name for run in runs}
    for path in set(files) - set(pictures):
        told = path.read_text(encoding="utf-8")
        assert not [word for word in secrets if re.search(rf"\b{re.escape(word)}\b", told)], path
    assert len({path.stat().st_mtime for path in files}) == 1


def test_ids_and_order_are_random_and_the_seeds_own(
    study: Path, runs: list[Run], tiny_dataset: Dataset, tmp_path: Path
) -> None:
    key = read_key(study / "key.json")
    again = make(runs, tiny_dataset, tmp_path / "study" / "study")
    assert list(again.sheets) == list(key.sheets)
    assert again.study == key.study
    kinds = {tuple(sheet.classifier for sheet in key.sheets.values())}
    ids = set(key.sheets)
    for name, part, seed in (("seed", runs, 6), ("runs", runs[:1], 5)):
        other = make(part, tiny_dataset, tmp_path / name, seed=seed)
        assert other.study != key.study
        assert not ids & set(other.sheets)
        kinds.add(tuple(sheet.classifier for sheet in other.sheets.values()))
    assert len(kinds) == 3
    assert all(len(set(name)) > 1 and name.isalpha() for name in ids)


def test_a_line_with_few_crops_is_said(
    runs: list[Run], tiny_dataset: Dataset, tmp_path: Path
) -> None:
    said: list[str] = []
    prepare(runs[:1], tiny_dataset, tmp_path / "out", ExpertSettings(), say=said.append)
    assert [line for line in said if "all 1 crops of test" in line] == said
    assert len(said) == 2


def test_runs_of_one_kind_are_named_by_their_folders(
    runs: list[Run], tiny_dataset: Dataset, tmp_path: Path
) -> None:
    other = replace(runs[0], folder=tmp_path / "wide")
    key = make([*runs[:2], other], tiny_dataset, tmp_path / "out", n=1)
    assert {sheet.classifier for sheet in key.sheets.values()} == {
        "pure",
        f"mixed ({runs[0].folder.name})",
        "mixed (wide)",
    }
    with pytest.raises(CellidError, match="two that would be mixed"):
        make([runs[0], runs[0]], tiny_dataset, tmp_path / "twice")


def test_a_study_is_never_replaced(study: Path, runs: list[Run], tiny_dataset: Dataset) -> None:
    before = (study / "key.json").read_bytes()
    with pytest.raises(CellidError, match="study"):
        make(runs, tiny_dataset, study)
    assert (study / "key.json").read_bytes() == before


def test_nothing_to_show_is_told(runs: list[Run], tiny_dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(CellidError, match="kept crops in the tset split"):
        prepare(runs, tiny_dataset, tmp_path / "out", ExpertSettings(), "tset")
    assert not (tmp_path / "out").exists()


def test_filled_in_by_hand_and_scored(study: Path, tmp_path: Path) -> None:
    key = read_key(study / "key.json")
    table = pd.read_csv(study / "for-experts" / "form.csv", dtype=str)
    with pytest.raises(CellidError, match="at least one sheet"):
        score([study / "for-experts" / "form.csv"], study / "key.json", tmp_path / "none")
    assert not (tmp_path / "none").exists()

    table[["false_positives", "misses"]] = "0", "1"
    table.to_csv(tmp_path / "Ada.csv", index=False)
    report = score([tmp_path / "Ada.csv"], study / "key.json", tmp_path / "out")
    scores = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert scores["true_positives"].sum() == sum(s.n_objects for s in key.sheets.values())
    assert scores["false_negatives"].tolist() == [2, 2, 2, 2]
    assert scores["classifier"].tolist() == ["pure", "pure", "mixed", "mixed"]
    assert "8 sheets judged by Ada" in report.read_text(encoding="utf-8")
    with pytest.raises(CellidError, match="--overwrite"):
        score([tmp_path / "Ada.csv"], study / "key.json", tmp_path / "out")
