"""Trainings in processes of their own: where they run, and what is heard of those that fail."""

import errno
import multiprocessing
import subprocess
from pathlib import Path

import pytest

from cellid.config import Recipe
from cellid.errors import DiskFullError
from cellid.io.writers import told_as_user_error
from cellid.workflows import run_processes
from cellid.workflows.run_processes import (
    _Running,
    _tell_failure,
    find_places,
    train_in_processes,
)
from cellid.workflows.study_plan import PlannedRun


def test_gpus_are_not_shared_and_cores_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5,7")
    assert find_places(2) == [{"CUDA_VISIBLE_DEVICES": "2"}, {"CUDA_VISIBLE_DEVICES": "5"}]
    assert len(find_places(8)) == 3

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # none is to be used
    monkeypatch.setattr(run_processes.os, "cpu_count", lambda: 9)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # somebody's own choice
    threads = {"TF_NUM_INTRAOP_THREADS": "2", "OMP_NUM_THREADS": "1"}
    assert find_places(4) == [threads] * 4


def test_gpus_are_counted_without_starting_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    listing = subprocess.CompletedProcess([], 0, stdout="GPU 0: A\nGPU 1: B\n")
    monkeypatch.setattr(run_processes.subprocess, "run", lambda *_, **__: listing)
    assert find_places(3) == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]


def test_what_a_process_dies_of_is_told(tmp_path: Path) -> None:
    run = PlannedRun({}, Recipe(), tmp_path / "run")
    ended = train_in_processes([run], tmp_path / "nowhere", None, [{}], lambda: None)
    ((told, failure),) = ended
    assert told is run
    assert failure is not None
    assert "expected: a dataset folder" in failure
    assert (run.folder / "log.txt").exists()


def test_a_full_disk_stops_the_others(tmp_path: Path) -> None:
    hear, tell = multiprocessing.Pipe(duplex=False)
    tell.send(told_as_user_error(tmp_path, OSError(errno.ENOSPC, "No space left on device")))
    run = PlannedRun({}, Recipe(), tmp_path)
    with pytest.raises(DiskFullError):
        _tell_failure(_Running(run, multiprocessing.Process(), hear, {}))
