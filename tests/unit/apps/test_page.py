"""The page with its server: for two users at once, from outside, and in a browser."""

import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cellid.apps.runs import OfferedRun
from cellid.cli import main
from cellid.config import PageSettings
from cellid.errors import CellidError
from cellid.models.run import Run

from ..report.browser import Browser

gradio = pytest.importorskip("gradio", reason="the extra web is not installed")
gradio_client = pytest.importorskip("gradio_client")

LIMITS = PageSettings(max_frames=5, max_upload_mb=1, jobs_at_once=2)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of what users send and make, beside which there is a secret."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "secret.tif").write_text("secret")
    (folder / "adalove").mkdir()
    return folder / "adalove"


@pytest.fixture(scope="module")
def address(offered: OfferedRun, disk_run: Run, root: Path) -> Iterator[str]:
    """A server of the page."""
    from cellid.apps.server import PageServer, build_app

    patch = pytest.MonkeyPatch()
    patch.setattr("cellid.apps.models.load_any_run", lambda folder: disk_run)
    patch.setenv("GRADIO_TEMP_DIR", "")  # is set to another, and put back at the end
    server = PageServer(build_app({offered.name: offered}, LIMITS, root))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    patch.undo()
    assert not list((root / "sessions").iterdir())


@pytest.fixture
def client(address: str) -> Any:
    """A user of the page."""
    return gradio_client.Client(address, verbose=False)


def _find(client: Any, *images: Path, run: str = "disks", threshold: float = 0.5) -> str:
    client.predict([gradio_client.handle_file(image) for image in images], "", api_name="/take")
    return str(client.predict("", None, None, None, run, threshold, api_name="/find"))


def _status(address: str, path: str, sent: bytes | None = None) -> int:
    try:
        with urllib.request.urlopen(address + path, sent) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _link(page: str, name: str) -> str:
    """Return the link to a file of results."""
    (link,) = [part for part in page.split('"') if part.endswith(f"/{name}")]
    return link


def test_two_users_at_once_get_their_own(
    address: str, draw: Callable[..., Path], root: Path
) -> None:
    before = set((root / "sessions").iterdir())
    clients = [gradio_client.Client(address, verbose=False) for _ in range(2)]
    images = draw("same.tif", 2, 3, 1), draw("other/same.tif", 5, 4)
    pages = ["", ""]

    def use(user: int) -> None:
        for _ in range(2):
            pages[user] = _find(clients[user], images[user])

    users = [threading.Thread(target=use, args=(user,)) for user in range(2)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert "1 to 3 nuclei in each of 3 frames" in pages[0]
    assert "4 to 5 nuclei in each of 2 frames" in pages[1]
    tables = []
    for page in pages:
        with urllib.request.urlopen(address + _link(page, "counts.csv")) as answer:
            assert answer.headers["Content-Disposition"].startswith("attachment")
            tables.append(answer.read().decode())
    counts = [[line.split(",")[5] for line in table.splitlines()[1:]] for table in tables]
    assert counts == [["2", "3", "1"], ["5", "4"]]
    theirs = set((root / "sessions").iterdir()) - before
    kept = [list(folder.glob("*/counts.csv")) for folder in theirs]
    assert [len(tables) for tables in kept] == [1, 1]  # those of their first jobs are gone


def test_images_are_sent_once_for_all_thresholds(client: Any, draw: Callable[..., Path]) -> None:
    assert "3 nuclei" in _find(client, draw("a.tif", 3))
    again = client.predict("", None, None, None, "disks", 1.0, api_name="/find")
    assert "0 nuclei" in again


def test_nothing_of_the_machine_goes_out(
    address: str, client: Any, draw: Callable[..., Path], root: Path
) -> None:
    page = _find(client, draw("a.tif", 1))
    token = _link(page, "counts.csv").split("/")[2]
    uploaded = next((root / "uploads").rglob("a.tif"))
    for path in (
        "/gradio_api/file=/etc/passwd",
        f"/gradio_api/file={uploaded}",
        f"/gradio_api/file={root.parent / 'secret.tif'}",
        f"/file={uploaded}",
        f"/results/{token}/settings.json",
        f"/results/{token}/..%2f..%2f..%2fsecret.tif",
        f"/results/{token[:-1]}/counts.csv",
        "/results//counts.csv",
    ):
        assert _status(address, path) in (403, 404), path
    for path in ("/", "/config", "/gradio_api/info"):
        with urllib.request.urlopen(address + path) as answer:
            told = answer.read().decode()
        for part in (
            "adalove",
            str(Path.cwd()),
            str(Path.home()),
            str(Path(gradio.__file__).parent),
        ):
            assert part not in told, (path, part)
    assert "adalove" not in page


@pytest.mark.parametrize("path", ["/etc/passwd", "sent:/../../secret.tif", "sent:/nothing.tif"])
def test_a_file_that_was_not_sent_cannot_be_taken(client: Any, path: str) -> None:
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(Exception):  # noqa: B017, PT011 - of Gradio, without a word
        client.predict([file], "", api_name="/take")
    assert "at least one image" in client.predict(
        "", None, None, None, "disks", 0.5, api_name="/find"
    )


def test_a_run_that_is_not_offered_cannot_be_chosen(client: Any, draw: Callable[..., Path]) -> None:
    with pytest.raises(Exception, match=r"not in the list of choices|Value"):
        _find(client, draw("a.tif", 1), run="../disks")


def test_mistakes_are_told_and_errors_of_ours_are_not(
    address: str,
    client: Any,
    draw: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert "--max-frames" in _find(client, draw("a.tif", 1, 1, 1, 1, 1, 1))
    (tmp_path / "text.tif").write_text("no image")
    assert "a whole image file" in _find(client, tmp_path / "text.tif")
    assert _status(address, "/gradio_api/upload", bytes(2_000_000)) == 413

    def fail(*_: object) -> None:
        raise RuntimeError("of /etc/ours")

    monkeypatch.setattr("cellid.apps.page.run_job", fail)
    page = _find(client, draw("b.tif", 1))
    assert "in cellid itself" in page
    assert "ours" not in page
    assert "of /etc/ours" in caplog.text


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium to open the page with")
    with Browser(program, tmp_path / "browser") as opened:
        yield opened


def test_the_page_in_a_browser(
    address: str, browser: Browser, draw: Callable[..., Path], root: Path
) -> None:
    def wait(expression: str) -> None:
        deadline = time.monotonic() + 60
        while not browser.evaluate(expression):
            assert time.monotonic() < deadline, expression
            time.sleep(0.2)

    before = set((root / "sessions").iterdir())
    browser.open(address)
    wait("!!document.querySelector('.welcome')")
    time.sleep(1)  # Gradio draws its parts anew while it starts
    start = "[...document.querySelectorAll('button')].find(b => b.innerText == 'Find and count')"
    assert browser.evaluate(f"{start}.disabled")  # there is nothing to look at yet
    inputs = browser.send(
        "Runtime.evaluate", expression="document.querySelector('input[type=file]')"
    )["result"]
    files = [str(draw("a b.tif", 2, 4, 3))]
    browser.send("DOM.setFileInputFiles", objectId=inputs["objectId"], files=files)
    wait("document.body.innerText.includes('1 file, 3 frames, 240×64 pixels')")
    wait(f"!{start}.disabled")
    browser.evaluate(f"{start}.click()")
    wait("document.querySelector('.viewer img')?.naturalWidth === 240")
    assert "2 to 4 nuclei" in browser.evaluate("document.querySelector('.results').innerText")
    first = browser.evaluate("document.querySelector('.viewer img').src")
    browser.evaluate(
        "(() => { const slider = document.querySelector('.viewer input'); slider.value = 2; "
        "slider.dispatchEvent(new Event('input')); })()"
    )
    caption = browser.evaluate("document.querySelector('.viewer figcaption').innerText")
    assert "frame 2 (of 0 to 2)" in caption
    assert browser.evaluate("document.querySelector('.viewer img').src") != first
    wait("document.querySelector('.viewer img').complete")
    assert browser.evaluate("document.querySelector('.viewer img').naturalWidth") == 240
    assert all(url.startswith((address, "about:", "data:", "blob:")) for url in browser.requested)
    (mine,) = set((root / "sessions").iterdir()) - before
    browser.send("Page.navigate", url="about:blank")  # leaves
    deadline = time.monotonic() + 40
    while mine.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not mine.exists()


def test_another_host_and_a_port_in_use_are_told(offered: OfferedRun) -> None:
    from cellid.apps.server import serve

    with pytest.raises(CellidError, match="--open-to-network"):
        serve({}, PageSettings(host="0.0.0.0"))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CellidError, match=f"--port {port + 1}"):
            serve({"disks": offered}, PageSettings(port=port))


def test_without_gradio_the_command_says_what_to_install(
    disk_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gradio", None)
    with pytest.raises(SystemExit):
        main(["page", str(disk_run.folder)])
    assert 'pip install "cellid[web]"' in capsys.readouterr().err
