"""A study killed half-way goes on, repeats no finished run, and once whole stays as it is."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

STUDY = """
dataset = "{dataset}"
seeds = [1, 2]
[set]
train = {{epochs = 1, window_px = 96, batch_size = 4}}
model = {{filters = 2, depth = 1}}
"evaluate.bootstrap_samples" = 100
[grid.loss]
Dice = {{train.loss.name = "dice"}}
"BCE 50" = {{"train.loss" = {{name = "weighted_bce", nucleus_weight = 50}}}}
"""


@pytest.mark.slow
def test_a_killed_study_repeats_no_finished_run(finished: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "study.toml", tmp_path / "out"
    file.write_text(STUDY.format(dataset=(finished / "dataset").as_posix()), encoding="utf-8")
    command = [sys.executable, "-m", "cellid", "study", str(file), "--out", str(out)]
    first = out / "runs" / "Dice_seed-1"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (first / "report.html").exists():
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    before = {path: path.stat().st_mtime_ns for path in first.rglob("*") if path.is_file()}
    assert not (out / "results.csv").exists()

    resumed = subprocess.run([*command, "--jobs", "2"], capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    assert "1 finished before" in resumed.stdout
    assert {path: path.stat().st_mtime_ns for path in before} == before
    results = pd.read_csv(out / "results.csv")
    assert results["run"].tolist() == [
        *("Dice_seed-1", "Dice_seed-2", "BCE_50_seed-1", "BCE_50_seed-2")
    ]
    assert results["instance_f1"].between(0, 1).all()
    written = (out / "results.csv").read_bytes()

    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert "4 finished before" in again.stdout
    assert (out / "results.csv").read_bytes() == written
