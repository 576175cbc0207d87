"""Files of cellid's own that something has happened to."""

from pathlib import Path

import pandas as pd
import pytest

from cellid.errors import CellidError
from cellid.io.readers import read_object, read_table
from cellid.io.writers import write_json, write_table

TABLE = pd.DataFrame({"crop": ["007", "a,b"], "area_px": [5, 71]})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "ö"})
    assert read_object(tmp_path / "a.json", "", "") == {"name": "ö"}
    write_table(tmp_path / "a.csv", TABLE)
    read = read_table(tmp_path / "a.csv", "", dtype={"crop": str})
    pd.testing.assert_frame_equal(read, TABLE, check_dtype=False)


def test_no_table_is_read_in_part(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_table(path, TABLE)
    whole = path.read_bytes()
    for kept in range(len(whole)):
        if not whole[:kept].endswith(b"\n"):  # rows that are missing nobody can see
            path.write_bytes(whole[:kept])
            with pytest.raises(CellidError, match=r"a\.csv(.|\n)*mend it"):
                read_table(path, "mend it")


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"[1, 2]", b"null", b"\xff\xfe"])
def test_what_is_no_object_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(CellidError, match=r"a\.json(.|\n)*a key(.|\n)*mend it"):
        read_object(path, "a key", "mend it")


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(CellidError, match="No such file"):
        read_object(tmp_path / "a.json", "a key", "mend it")
    with pytest.raises(CellidError, match="No such file"):
        read_table(tmp_path / "a.csv", "mend it")
