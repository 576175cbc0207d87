"""The face of the package: quick to import, and every name is there."""

import subprocess
import sys
from pathlib import Path

import pytest

import cellid

LAZY = """
import sys
import cellid
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & {"keras", "tensorflow", "jax", "torch", "numpy", "pandas", "matplotlib"}))
"""

COMMAND = """
import sys
from cellid.cli import main
try:
    main()
except SystemExit as stop:
    print(stop.code, "keras" in sys.modules)
"""


def test_importing_it_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command",
    [
        "experts score answers.json --key key.json --out out",
        "label --phase images --stain images --out out",
        "review dataset --out out",
        "review dataset --take out",
        "undo-corrections dataset",
    ],
)
def test_commands_without_a_network_do_not_wait_for_keras(command: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "2 False"  # nothing is there to work on


@pytest.mark.parametrize("name", cellid.__all__)
def test_every_name_resolves(name: str) -> None:
    assert callable(getattr(cellid, name))
    assert getattr(cellid, name).__doc__
    assert name in dir(cellid)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lable'"):
        cellid.lable  # noqa: B018
