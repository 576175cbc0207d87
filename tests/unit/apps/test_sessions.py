"""What users have is their own, is given out by token alone, and is gone after them."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cellid.apps.jobs import Results
from cellid.apps.sessions import Session, Sessions, Stopped


@pytest.fixture
def sessions(tmp_path: Path) -> Sessions:
    (tmp_path / "root").mkdir()
    return Sessions(tmp_path / "root")


def _finish(session: Session, text: str) -> Results:
    with session.working() as (out, _):
        out.mkdir()
        for name in ("counts.csv", "private.txt"):
            (out / name).write_text(text)
        results = Results(out, (), pd.DataFrame(), pd.DataFrame(), ("counts.csv",), (), ())
    session.keep(results)
    return results


def test_results_are_given_out_by_their_token_alone(sessions: Sessions) -> None:
    for user in ("ada", "bo"):
        _finish(sessions.of(user), user)
    tokens = [sessions.of(user).token for user in ("ada", "bo")]
    found = [sessions.find(token, "counts.csv") for token in tokens]
    assert [path.read_text() for path in found if path] == ["ada", "bo"]
    for name in ("private.txt", "../counts.csv", "/etc/passwd", ""):
        assert sessions.find(tokens[0], name) is None
    for token in ("", "ü", tokens[0].lower()):
        assert sessions.find(token, "counts.csv") is None


def test_new_results_and_new_images_replace_old_ones(
    sessions: Sessions, draw: Callable[..., Path]
) -> None:
    session = sessions.of("ada")
    first, token = _finish(session, "first"), session.token
    second = _finish(session, "second")
    assert not first.folder.exists()
    assert second.folder.exists()
    assert sessions.find(token, "counts.csv") is None
    session.take([draw("a.tif", 1)])
    assert not second.folder.exists()
    (before,) = session.images
    session.take([draw("a.tif", 1)])
    assert not before.exists()
    session.take([])
    assert session.images == ()


def test_a_job_on_images_that_were_taken_away_is_stopped(sessions: Sessions) -> None:
    session = sessions.of("ada")

    def fail(taken: bool) -> None:
        with session.working() as (out, stop):
            out.mkdir()
            folders.append(out)
            if taken:
                session.take([])
            assert stop.is_set() == taken
            raise OSError("damaged")

    folders: list[Path] = []
    with pytest.raises(Stopped):
        fail(taken=True)
    with pytest.raises(OSError, match="damaged"):
        fail(taken=False)
    assert not any(folder.exists() for folder in folders)


def test_who_leaves_leaves_nothing_even_in_the_middle_of_a_job(
    sessions: Sessions, tmp_path: Path, draw: Callable[..., Path]
) -> None:
    session = sessions.of("ada")
    session.take([draw("a.tif", 1)])
    _finish(session, "ada")
    with session.working() as (out, stop):
        sessions.end("ada")
        assert stop.is_set()
        out.mkdir(parents=True)
    assert list((tmp_path / "root").iterdir()) == []
    sessions.of("bo").take([draw("a.tif", 1)])
    sessions.end_all()
    assert list((tmp_path / "root").iterdir()) == []
