"""What each user of the page has on the computer: images, and the results of the last job."""

import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock

from cellid.apps.jobs import Results, take_files


class Stopped(Exception):
    """A job was stopped by its user, or the user has left."""


class Session:
    """The images and results of one user, in a folder of their own.

    Parameters
    ----------
    folder : Path
        New; is made, and removed by `end`.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._lock = Lock()
        self._stop = Event()
        self._ended = False
        self.images: tuple[Path, ...] = ()
        self.results: Results | None = None
        self.token = ""

    def take(self, sent: Sequence[Path]) -> None:
        """Have other images; a job on those before is stopped, and its results are gone."""
        self.stop()
        images = take_files(sent, self._new_folder()) if sent else ()
        with self._lock:
            old, self.images = self.images, images
        if old:
            _remove(old[0].parent)
        self.keep(None)

    @contextmanager
    def working(self) -> Iterator[tuple[Path, Event]]:
        """Give a new folder for a job, and what is set when it is to stop.

        Raises
        ------
        Stopped
            In place of whatever went wrong in a job that was to stop, such as images that
            were removed under it.
        """
        with self._lock:
            self._stop = stop = Event()
        out = self._new_folder()
        try:
            yield out, stop
        except Exception as error:
            _remove(out)
            if stop.is_set():
                raise Stopped from error
            raise
        finally:
            if self._ended:
                _remove(self._folder)

    def stop(self) -> None:
        """Have a running job end after its frame."""
        self._stop.set()

    def end(self) -> None:
        """Stop, and remove all there is."""
        self._ended = True
        self.stop()
        self.images, self.results = (), None
        _remove(self._folder)

    def keep(self, results: Results | None) -> None:
        """Have the results of a job in place of those before, under a token of their own."""
        with self._lock:
            old, self.results = self.results, results
            self.token = secrets.token_urlsafe(16)
        if old is not None:
            _remove(old.folder)

    def _new_folder(self) -> Path:
        return self._folder / secrets.token_hex(8)


class Sessions:
    """The users of one page.

    Parameters
    ----------
    root : Path
        Folder for theirs.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = Lock()
        self._sessions: dict[str, Session] = {}

    def of(self, key: str) -> Session:
        """Return the session of a user, new if there is none."""
        with self._lock:
            if key not in self._sessions:
                self._sessions[key] = Session(self._root / secrets.token_hex(8))
            return self._sessions[key]

    def end(self, key: str) -> None:
        """End the session of a user who has left."""
        with self._lock:
            session = self._sessions.pop(key, None)
        if session is not None:
            session.end()

    def end_all(self) -> None:
        """End all sessions."""
        for key in list(self._sessions):
            self.end(key)

    def find(self, token: str, name: str) -> Path | None:
        """Return a file of someone's results, for who knows their token; None if it is none."""
        with self._lock:
            sessions = list(self._sessions.values())
        for session in sessions:
            results = session.results
            known = secrets.compare_digest(session.token.encode(), token.encode())
            if results and known and name in results.files:
                return results.folder / name
        return None


def _remove(folder: Path) -> None:
    """Remove a folder; what a job still holds open goes with the page's own folder at its end."""
    shutil.rmtree(folder, ignore_errors=True)
