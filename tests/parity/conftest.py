"""Where the outputs of the reference programs lie: beside the real microscopy."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cellprofiler(test_data: Path) -> Path:
    """Folder of CellProfiler's and Fiji's outputs; missing as for ``test_data``."""
    folder = test_data.parent / "reference" / "cellprofiler"
    if not folder.is_dir():
        message = f"no outputs of CellProfiler and Fiji at {folder}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return folder
