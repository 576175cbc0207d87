"""The face of the package: quick to import, and every name is there."""

import subprocess
import sys

import pytest

import cellid

LAZY = """
import sys
import cellid
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & {"keras", "tensorflow", "jax", "torch", "numpy", "pandas", "matplotlib"}))
"""


def test_importing_it_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", cellid.__all__)
def test_every_name_resolves(name: str) -> None:
    assert callable(getattr(cellid, name))
    assert getattr(cellid, name).__doc__
    assert name in dir(cellid)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lable'"):
        cellid.lable  # noqa: B018
