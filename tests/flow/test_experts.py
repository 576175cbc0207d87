"""From a training to what experts say of it, on the command line."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

Cellid = Callable[..., int]


def test_sheets_out_and_answers_in(finished: Path, cellid: Cellid, tmp_path: Path) -> None:
    study = tmp_path / "study"
    dataset = ["--dataset", finished / "dataset"]
    assert cellid("experts", "prepare", finished, *dataset, "--n", 2, "--out", study) == 0
    form = pd.read_csv(study / "for-experts" / "form.csv", dtype=str)
    assert len(form) == 2
    for name, misses in (("Ada", "1"), ("Bo", "2")):
        form[["false_positives", "misses"]] = "0", misses
        form.to_csv(tmp_path / f"{name}.csv", index=False)
    answers = [tmp_path / "Ada.csv", tmp_path / "Bo.csv"]
    key = ["--key", study / "key.json"]
    assert cellid("experts", "score", *answers, *key, "--out", tmp_path / "said") == 0
    assert "Ada and Bo" in (tmp_path / "said" / "report.html").read_text(encoding="utf-8")
    disagreements = pd.read_csv(tmp_path / "said" / "disagreements.csv")
    assert disagreements["false_negatives"].tolist() == [1, 1]


def test_answers_without_a_key(
    cellid: Cellid, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = ["--key", tmp_path / "key.json"]
    assert cellid("experts", "score", tmp_path / "Ada.json", *key, "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "the key.json of a study" in said
    assert "Traceback" not in said
