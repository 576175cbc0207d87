"""Shared fixtures: where real microscopy lies."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real microscopy; missing is a failure under CI and a skip elsewhere."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("CELLID_TEST_DATA", default))
    if not folder.is_dir():
        message = f"no real microscopy at {folder}; set CELLID_TEST_DATA"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return folder
