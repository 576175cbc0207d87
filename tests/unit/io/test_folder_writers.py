"""Folders that appear whole or not at all."""

import errno
from pathlib import Path

import pytest

from cellid.errors import CellidError
from cellid.io.folder_writers import replacing_folder


def fill(
    folder: Path, text: str, overwrite: bool | None = False, error: Exception | None = None
) -> None:
    with replacing_folder(folder, overwrite) as temporary:
        (temporary / "a.txt").write_text(text)
        (temporary / text).mkdir()
        if error:
            raise error


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "deep" / "new", overwrite=False) as temporary:
        assert temporary.parent == tmp_path / "deep"
        assert not (tmp_path / "deep" / "new").exists()
    assert names(tmp_path / "deep") == ["new"]


def test_the_old_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    fill(tmp_path / "new", "one")
    with pytest.raises(CellidError, match="overwrite"):
        fill(tmp_path / "new", "two")
    with pytest.raises(CellidError, match=r"name another folder$"):
        fill(tmp_path / "new", "two", overwrite=None)
    assert names(tmp_path / "new") == ["a.txt", "one"]
    fill(tmp_path / "new", "two", overwrite=True)
    assert names(tmp_path / "new") == ["a.txt", "two"]
    assert names(tmp_path) == ["new"]


@pytest.mark.parametrize("error", [KeyError("stop"), OSError(errno.ENOSPC, "full")])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: Exception) -> None:
    fill(tmp_path / "new", "one")
    for folder, overwrite in (("new", True), ("other", False)):
        with pytest.raises((KeyError, CellidError)):
            fill(tmp_path / folder, "two", overwrite, error)
    assert names(tmp_path) == ["new"]
    assert names(tmp_path / "new") == ["a.txt", "one"]


def test_no_space_is_told_to_the_user(tmp_path: Path) -> None:
    with pytest.raises(CellidError, match="no space left"):
        fill(tmp_path / "new", "one", error=OSError(errno.ENOSPC, "full"))


def test_a_folder_that_cannot_be_moved_in_brings_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "new", "one")
    rename = Path.rename

    def fail_to_move_in(self: Path, target: Path) -> Path:
        if self.name.startswith(".tmp-"):
            raise OSError(errno.EACCES, "no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_to_move_in)
    with pytest.raises(CellidError):
        fill(tmp_path / "new", "two", overwrite=True)
    assert names(tmp_path) == ["new"]
    assert (tmp_path / "new" / "a.txt").read_text() == "one"


def test_a_file_is_never_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("precious")
    with pytest.raises(CellidError):
        fill(tmp_path / "new", "two", overwrite=True)
    assert (tmp_path / "new").read_text() == "precious"
    assert names(tmp_path) == ["new"]
