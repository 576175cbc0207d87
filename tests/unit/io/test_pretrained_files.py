"""Weights fetched from a server on this machine, checked and kept."""

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cellid.cli import main
from cellid.errors import CellidError, DiskFullError
from cellid.io import pretrained_files
from cellid.io.pretrained_files import CACHE, MIRROR, PretrainedFile, cache_folder

CONTENT = bytes(range(256)) * 5000  # more than a chunk
DIGITS = hashlib.sha256(CONTENT).hexdigest()[:8]


class Server(BaseHTTPRequestHandler):
    """Sends the content, another, or a part of it, by the name that is asked for."""

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        if name.startswith("missing"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(
            CONTENT[: len(CONTENT) // 2]
            if name.startswith("cut")
            else bytes(len(CONTENT))
            if name.startswith("other")
            else CONTENT
        )

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def known(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four files that cellid knows, and a cache of this test's own."""
    entries = (
        PretrainedFile(name, f"{name}-{DIGITS}.pth", "a test")
        for name in ("good", "other", "cut", "missing")
    )
    monkeypatch.setattr(pretrained_files, "PRETRAINED", {entry.name: entry for entry in entries})
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    monkeypatch.setenv(MIRROR, f"{address}/models/")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Run `cellid weights`; return its exit status and what it said."""
    with pytest.raises(SystemExit) as stop:
        main(["weights", *map(str, arguments)])
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out + captured.err


def test_weights_are_fetched_once_and_verified(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cache_folder() / f"good-{DIGITS}.pth"
    assert "good: a test; not fetched" in run(capsys, "list")[1]
    status, said = run(capsys, "verify", "good")
    assert status == 2
    assert "remedy:   cellid weights fetch good" in said
    assert run(capsys, "fetch", "good")[0] == 0
    assert path.read_bytes() == CONTENT
    monkeypatch.setenv(MIRROR, "http://127.0.0.1:9")  # nobody answers there
    assert run(capsys, "fetch", "good") == (0, f"weights: {path}\n")
    assert f"good: a test; {path}" in run(capsys, "list")[1]
    for which in ((), ("good",), (path,)):
        assert run(capsys, "verify", *which) == (0, f"whole: {path}\n")
    path.write_bytes(CONTENT[:-1])
    for which, expected in (((), 1), ((path,), 2)):
        status, said = run(capsys, "verify", *which)
        assert status == expected
        assert f"SHA-256 begins with {DIGITS}" in said


@pytest.mark.parametrize(
    ("name", "got"),
    [
        ("other", hashlib.sha256(bytes(len(CONTENT))).hexdigest()),
        ("cut", f"the connection ended after {len(CONTENT) // 2} of {len(CONTENT)} bytes"),
        ("missing", "HTTP Error 404: Not Found"),
    ],
    ids=["another file", "cut short", "404"],
)
def test_what_is_not_the_whole_file_is_not_kept(
    name: str, got: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = run(capsys, "fetch", name)
    assert status == 2
    assert f"got:      {got}" in said
    assert "Traceback" not in said
    assert list(cache_folder().iterdir()) == []


@pytest.mark.parametrize("mirror", ["http://127.0.0.1:9", "no address"])
def test_no_server_is_told_with_the_place_for_the_file(
    mirror: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MIRROR, mirror)
    status, said = run(capsys, "fetch", "good")
    assert status == 2
    assert f"{mirror}/good-{DIGITS}.pth" in said
    assert f"put the file there: {cache_folder()}" in said


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError):
        pretrained_files.fetch("good")
    assert list(cache_folder().iterdir()) == []


def test_a_path_goes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CellidError, match="good, other, cut, missing"):
        pretrained_files.locate("mine.pth")
    for name in ("mine.pth", "good"):
        Path(name).write_bytes(b"mine")
        assert pretrained_files.locate(name) == Path(name)


def test_a_file_without_a_checksum_in_its_name_cannot_be_verified(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(CONTENT)
    with pytest.raises(CellidError, match="name that ends in the first digits"):
        pretrained_files.verify(path)


@pytest.mark.parametrize(
    ("platform", "variable", "folder"),
    [
        ("linux", "XDG_CACHE_HOME", "cellid"),
        ("win32", "LOCALAPPDATA", "cellid/cache"),
        ("darwin", "HOME", "Library/Caches/cellid"),
    ],
)
def test_each_platform_has_its_place_for_cached_files(
    platform: str, variable: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CACHE)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert cache_folder() == tmp_path / folder
