"""Chromium without a window, driven through a pipe: what a page does when it is clicked on."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# With --remote-debugging-pipe, Chromium reads commands from 3 and writes answers to 4
_START = "import os, sys; c, a, *program = sys.argv[1:]; os.dup2(int(c), 3); "
_START += "os.dup2(int(a), 4); os.execvp(program[0], program)"


class Browser:
    """One page of 1400×900 pixels; a context manager."""

    def __init__(self, program: str, folder: Path) -> None:
        commands_out, self._commands = os.pipe()
        self._answers, answers_in = os.pipe()
        ends = commands_out, answers_in
        arguments = [
            *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--window-size=1400,900", "--remote-debugging-pipe", f"--user-data-dir={folder}"),
            "about:blank",  # not the start page, which asks for things of its own
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, *map(str, ends), program, *arguments],
            pass_fds=ends,
            stderr=subprocess.DEVNULL,
        )
        for end in ends:
            os.close(end)
        self._read = os.fdopen(self._answers, "rb")
        self._n_sent = 0
        self._session: str | None = None
        self.requested: list[str] = []
        targets = self.send("Target.getTargets")["targetInfos"]
        (page,) = [target["targetId"] for target in targets if target["type"] == "page"]
        attached = self.send("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        self.send("Page.enable")
        self.send("Network.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._read.close()
        os.close(self._commands)

    def send(self, method: str, **parameters: Any) -> Mapping[str, Any]:
        """Send a command of the DevTools protocol and return its answer."""
        self._n_sent += 1
        message = {"id": self._n_sent, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._n_sent:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _receive(self) -> dict[str, Any]:
        """Return the next message, and note what the page asks for."""
        message = bytearray()
        while (byte := self._read.read(1)) != b"\0":
            assert byte, "the browser has ended"
            message += byte
        parsed = json.loads(message)
        if parsed.get("method") == "Network.requestWillBeSent":
            self.requested.append(parsed["params"]["request"]["url"])
        return parsed

    def open(self, page: Path | str) -> None:
        """Go to a page, of a file or at an address, and wait until all of it is there."""
        self.send("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        while self.evaluate("document.readyState") != "complete":
            pass

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse at a place of the window, in its pixels."""
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
