"""Paths of uploads go out and come in under another name; Gradio's own file routes are closed."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from cellid.apps.guard import Guard

UPLOADS = Path("/tmp/ada/uploads")


def _ask(path: str, body: bytes = b"", answer: Any = None, length: int = 0) -> tuple[int, Any, Any]:
    """Return the status and body of an answer, and the body that the application got."""
    got: list[bytes] = []
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part["body"], part.get("more_body")
        got.append(body)
        assert dict(scope["headers"])[b"content-length"] == str(length or len(got[0])).encode()
        whole = json.dumps(answer).encode()
        start = {"type": "http.response.start", "status": 200}
        await send(start | {"headers": [(b"content-length", str(len(whole)).encode())]})
        await send({"type": "http.response.body", "body": whole[:3], "more_body": True})
        await send({"type": "http.response.body", "body": whole[3:]})

    parts = [body[:5], body[5:]]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: dict[str, Any]) -> None:
        assert not parts, "who still sends may not see the answer"
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path}
    scope["headers"] = [(b"content-length", str(length or len(body)).encode())]
    asyncio.run(Guard(application, UPLOADS, most_bytes=1000)(scope, receive, send))
    whole = b"".join(message.get("body", b"") for message in sent)
    assert dict(sent[0]["headers"])[b"content-length"] == str(len(whole)).encode()
    return sent[0]["status"], json.loads(whole), got and json.loads(got[0] or b"null")


def test_an_upload_is_answered_without_the_folder() -> None:
    status, answer, _ = _ask("/gradio_api/upload", answer=[f"{UPLOADS}/5f/a.tif"])
    assert (status, answer) == (200, ["sent:/5f/a.tif"])


def test_gradio_gets_the_path_that_it_knows() -> None:
    body = json.dumps({"data": [[{"path": "sent:/5f/a.tif"}], "a sent: b"]}).encode()
    _, answer, got = _ask("/gradio_api/queue/join", body, answer="yes")
    assert got == {"data": [[{"path": f"{UPLOADS}/5f/a.tif"}], "a sent: b"]}
    assert answer == "yes"


@pytest.mark.parametrize("route", ["file=/etc/passwd", "file=https://example.org", "proxy=x"])
def test_routes_that_give_out_files_are_closed(route: str) -> None:
    status, _, got = _ask(f"/gradio_api/{route}")
    assert status == 404
    assert not got


def test_more_than_is_allowed_is_not_received() -> None:
    status, answer, got = _ask("/gradio_api/upload", length=1001)
    assert status == 413
    assert "the most at once" in answer["detail"]
    assert not got
    assert _ask("/gradio_api/upload", answer=[], length=1000)[0] == 200
