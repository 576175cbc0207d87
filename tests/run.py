#!/usr/bin/env python3
"""All tests from nothing: install cellid with its test extras, then pytest."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "data_pipeline"))

import environment  # noqa: E402

if __name__ == "__main__":
    python = environment.prepare("[test]")
    command = [python, "-m", "pytest", *sys.argv[1:]]
    sys.exit(subprocess.run(command, cwd=PROJECT).returncode)
