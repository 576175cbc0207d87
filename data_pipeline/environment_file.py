#!/usr/bin/env python3
"""Write environment.yml for conda from setup.cfg, the single source of dependencies."""

import configparser
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
TARGET = PROJECT / "environment.yml"


def render() -> str:
    """Return the text of environment.yml."""
    config = configparser.ConfigParser()
    config.read(PROJECT / "setup.cfg", encoding="utf-8")
    requirements = config["options"]["install_requires"].splitlines()
    # A comment line in the list is not a requirement
    packages = [line.strip() for line in requirements if line.strip() and line[0] != "#"]
    lines = [
        "# Generated from setup.cfg by data_pipeline/environment_file.py; do not edit.",
        "name: cellid",
        "channels:",
        "  - conda-forge",
        "dependencies:",
        f"  - python {config['options']['python_requires']}",
        "  - pip",
        "  - pip:",
        *(f"      - {package}" for package in packages),
        "      - --editable .",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
    print(f"wrote {TARGET}")
