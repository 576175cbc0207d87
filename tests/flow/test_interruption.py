"""A training killed at any moment goes on, and loses no file."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellid.models.run import load_run
from cellid.training.checkpoint import STATE

N_KILLS = 10
EPOCHS = 24  # a kill comes at most two epochs after the one before, the first at most four


@pytest.mark.slow
def test_ten_kills_change_neither_epochs_nor_files(
    finished: Path, small: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "cellid", "train", str(finished / "dataset"), *small]
    command += ["--set", f"train.epochs={EPOCHS}", "--out", str(run)]
    moments = random.Random(1)
    started = 0
    for _ in range(N_KILLS):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # past the start of Python and TensorFlow, or the kill would find nothing to break
        _wait_for_news(run, process)
        time.sleep(moments.uniform(0, _least_seconds(run / "history.csv")))
        process.send_signal(signal.SIGKILL)
        process.wait()
        state = run / "checkpoint" / STATE
        if state.exists():
            started += 1
            with np.load(state) as arrays:
                assert len(arrays.files) > 10
        # a kill that finds the training finished would prove nothing
        assert process.returncode == -signal.SIGKILL
    assert started == N_KILLS

    finish = subprocess.run(command, capture_output=True, text=True)
    assert finish.returncode == 0, finish.stderr
    assert "going on after epoch" in finish.stdout
    history = pd.read_csv(run / "history.csv")
    assert list(history["epoch"]) == list(range(1, EPOCHS + 1))
    load_run(run)
    assert not [path for path in run.rglob("*") if path.name.startswith(".tmp")]


def _least_seconds(history: Path) -> float:
    """Return how long an epoch takes that traces nothing, as far as that is known: at most 1."""
    return min([1.0, *pd.read_csv(history)["epoch_s"]]) if history.exists() else 1.0


def _wait_for_news(run: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the checkpoint is newer than the process, or the process ends."""
    state = run / "checkpoint" / STATE
    before = state.stat().st_mtime_ns if state.exists() else 0
    while process.poll() is None:
        if state.exists() and state.stat().st_mtime_ns > before:
            return
        os.sched_yield()
        time.sleep(0.02)
