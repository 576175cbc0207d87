#!/usr/bin/env python3
"""The main job from nothing: install, simulate stained pairs, label, train, report.

Takes about ten minutes on two slow cores and ends with the path of an HTML report. With
``--data`` it runs on real pairs instead. Standard library only, so that it starts anywhere.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import environment

HERE = Path(__file__).resolve().parent
PAIRS = ("wells=['A1','A2','A3','B1','B2','B3']", "tiles=2", "frames=1")


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, help="folder of real pairs, phase and stain told apart by their names"
    )
    parser.add_argument("--out", type=Path, default=Path("cellid-demo"), help="folder to write to")
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting, as for `cellid label-and-train`",
    )
    options = parser.parse_args()
    report = options.out / "run" / "report.html"
    if report.exists():
        print(f"done before; the report: {report.resolve()}")
        return
    python = environment.prepare()
    cellid = [python, "-m", "cellid"]
    recipe = HERE / "recipes" / ("demo_real.toml" if options.data else "demo.toml")
    if options.data:
        phase = stain = options.data
    else:
        pairs = options.out / "pairs"
        if not pairs.exists():
            settings = [word for setting in PAIRS for word in ("--set", setting)]
            run([*cellid, "simulate", "--out", str(pairs), *settings])
        phase, stain = pairs / "phase", pairs / "stain"
    folders = ["--phase", str(phase), "--stain", str(stain), "--out", str(options.out / "run")]
    overrides = [word for setting in options.overrides for word in ("--set", setting)]
    run([*cellid, "label-and-train", *folders, "--recipe", str(recipe), *overrides])


def run(command: list[str]) -> None:
    """Run a command; if it fails, end with its status, for it has said why."""
    status = subprocess.run(command).returncode
    if status:
        sys.exit(status)


if __name__ == "__main__":
    main()
