#!/usr/bin/env python3
"""All tests from nothing: install cellid with its test extras, then pytest."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "data_pipeline"))

import environment  # noqa: E402

if __name__ == "__main__":
    python = environment.prepare("[test]")
    # A file of tests to a core; in their order, for the longest of `flow` come first so
    spread = ("--numprocesses", "auto", "--dist", "loadfile", "--no-loadscope-reorder")
    command = [python, "-m", "pytest", *spread, *sys.argv[1:]]
    threads = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    sys.exit(subprocess.run(command, cwd=PROJECT, env={**threads, **os.environ}).returncode)
