"""Which runs a page offers, and that nobody learns where they lie."""

import json
from pathlib import Path

import pytest

from cellid.apps.runs import offer_runs
from cellid.errors import CellidError
from cellid.models.run import Run


def _copy(run: Run, folder: Path, **changed: object) -> Path:
    folder.mkdir(parents=True)
    config = json.loads((run.folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changed))
    return folder


def test_runs_are_found_in_a_folder_and_named_apart(disk_run: Run, tmp_path: Path) -> None:
    _copy(disk_run, tmp_path / "more" / "disks")
    _copy(disk_run, tmp_path / "more" / "old", version=1)
    (tmp_path / "more" / "no-run").mkdir()
    said: list[str] = []
    runs = offer_runs([disk_run.folder, tmp_path / "more", disk_run.folder], said.append)
    assert list(runs) == ["disks", "disks (2)"]
    assert runs["disks (2)"].folder == tmp_path / "more" / "disks"
    assert runs["disks"].threshold == 0.4975
    assert len(said) == 1
    assert "version 1" in said[0]


@pytest.mark.parametrize("dataset", ["../../ada/secret/cells", r"D:\ada\secret\cells"])
def test_what_is_told_of_a_run_names_no_folder_above_its_data(
    disk_run: Run, tmp_path: Path, dataset: str
) -> None:
    folder = _copy(disk_run, tmp_path / "run", provenance={"dataset": dataset})
    told = offer_runs([folder])["run"].describe()
    assert "“cells”" in told
    assert "HeLa" in told
    assert "secret" not in told


def test_a_folder_without_runs_is_refused(disk_run: Run, tmp_path: Path) -> None:
    with pytest.raises(CellidError, match=r"config\.json"):
        offer_runs([tmp_path])
    with pytest.raises(CellidError, match="nowhere"):
        offer_runs([tmp_path / "nowhere"])
    with pytest.raises(CellidError, match="version 1"):
        offer_runs([_copy(disk_run, tmp_path / "old", version=1)])
