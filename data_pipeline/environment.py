"""A Python environment with cellid in it, made where none is active. Standard library only."""

import os
import subprocess
import sys
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SUPPORTED = ((3, 11), (3, 14))


def prepare(extras: str = "") -> str:
    """Install this checkout into the active virtual environment, or into a new `.venv`.

    Parameters
    ----------
    extras : str
        Such as ``"[test]"``.

    Returns
    -------
    str
        The environment's Python.
    """
    low, high = SUPPORTED
    if not low <= sys.version_info[:2] < high:
        sys.exit(
            f"cellid needs Python {low[0]}.{low[1]} up to {high[0]}.{high[1] - 1}, and this is "
            f"{sys.version.split()[0]}: install one of these and start this script with it"
        )
    if sys.prefix != sys.base_prefix or "CONDA_PREFIX" in os.environ:
        python = sys.executable
    else:
        folder = PROJECT / ".venv"
        if not (folder / "pyvenv.cfg").exists():
            print(f"making a virtual environment in {folder}", flush=True)
            venv.create(folder, with_pip=True)
        inside = "Scripts/python.exe" if os.name == "nt" else "bin/python"
        python = str(folder / inside)
    print("installing cellid (about a minute)", flush=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--editable", f"{PROJECT}{extras}"], check=True)
    return python
