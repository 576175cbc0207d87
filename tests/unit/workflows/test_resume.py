"""Folders that the same command goes on in."""

from pathlib import Path

import pytest

from cellid.errors import CellidError
from cellid.workflows.resume import go_on


def test_only_the_same_work_goes_on(tmp_path: Path) -> None:
    about_file = tmp_path / "out" / "about.json"
    about_file.parent.mkdir()
    (about_file.parent / ".tmp-1a2b3c4d-about.json").touch()  # of a first attempt that was killed
    for _ in range(2):
        go_on(about_file, {"seed": 1}, "trainings", "recipe")
    with pytest.raises(CellidError, match="another recipe"):
        go_on(about_file, {"seed": 2}, "trainings", "recipe")
    about_file.write_bytes(about_file.read_bytes()[:-5])
    with pytest.raises(CellidError, match=r"about\.json(.|\n)*put it back"):
        go_on(about_file, {"seed": 1}, "trainings", "recipe")


def test_a_command_without_overwrite_does_not_offer_it(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(CellidError, match=r"name another folder$"):
        go_on(tmp_path / "about.json", {}, "trainings", "recipe")
