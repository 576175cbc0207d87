"""What stands between the network and Gradio: no path of this machine goes out, and no file."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

_SHOWN = "sent:"
_UPLOAD = "/gradio_api/upload"
# Gradio would give out its own files here, fetch others from the web, and receive past its queue
_CLOSED: tuple[str, ...] = (
    *("/gradio_api/file", "/gradio_api/proxy", "/gradio_api/deep_link", "/gradio_api/stream"),
    *("/gradio_api/component_server", "/gradio_api/process_recording", "/monitoring"),
)


class Guard:
    """An ASGI application before another.

    Gradio answers an upload with the path of the file and takes that path back. Outside it
    is called ``sent:…``.

    Parameters
    ----------
    app : ASGI application
    uploads : Path
        Gradio's folder.
    most_bytes : int
        Of an upload.
    """

    def __init__(self, app: App, uploads: Path, most_bytes: int) -> None:
        self._app = app
        self._uploads = f"{uploads}"
        self._most_bytes = most_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        path = scope.get("path", "")
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif path.startswith(_CLOSED):
            await _answer(receive, send, 404, "Not found")
        elif path == _UPLOAD:
            if _length(scope) > self._most_bytes:
                megabytes = f"{self._most_bytes / 1e6:,.0f} MB"
                told = f"More than {megabytes}, which is the most at once."
                await _answer(receive, send, 413, told)
                return
            await self._app(scope, receive, self._hiding(send))
        elif scope["method"] == "POST" and path.startswith("/gradio_api/"):
            await self._app(*await self._revealing(scope, receive), send)
        else:
            await self._app(scope, receive, send)

    def _hiding(self, send: Send) -> Send:
        """Return what sends the list of paths that answers an upload under other names."""
        held: list[Message] = []

        async def sending(message: Message) -> None:
            held.append(message)
            if message.get("more_body") or message["type"] != "http.response.body":
                return
            body = b"".join(part.get("body", b"") for part in held)
            body = self._renamed(body, self._uploads, _SHOWN)
            await send(_sized(held[0], len(body)))
            await send({"type": "http.response.body", "body": body})

        return sending

    async def _revealing(self, scope: Message, receive: Receive) -> tuple[Message, Receive]:
        """Return a request with the paths that Gradio knows."""
        parts, more = [], True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return scope, receive
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        body = self._renamed(b"".join(parts), _SHOWN, self._uploads)
        whole: list[Message] = [{"type": "http.request", "body": body}]

        async def receiving() -> Message:
            return whole.pop() if whole else await receive()

        return _sized(scope, len(body)), receiving

    def _renamed(self, body: bytes, before: str, after: str) -> bytes:
        try:
            value = json.loads(body)
        except ValueError:
            return body
        return json.dumps(_replace_start(value, before, after)).encode()


def _replace_start(value: Any, before: str, after: str) -> Any:
    """Return a value of JSON in which strings that begin one way begin another way."""
    if isinstance(value, dict):
        return {name: _replace_start(item, before, after) for name, item in value.items()}
    if isinstance(value, list):
        return [_replace_start(item, before, after) for item in value]
    if isinstance(value, str) and value.startswith(before):
        return after + value[len(before) :]
    return value


def _length(scope: Message) -> int:
    sizes = [int(value) for name, value in scope["headers"] if name == b"content-length"]
    return max(sizes, default=0)


def _sized(message: Message, n_bytes: int) -> Message:
    """Return a message with the length of its body."""
    headers = [pair for pair in message["headers"] if pair[0].lower() != b"content-length"]
    return {**message, "headers": [*headers, (b"content-length", str(n_bytes).encode())]}


async def _answer(receive: Receive, send: Send, status: int, text: str) -> None:
    """Answer as Gradio does, whose page shows ``detail``.

    The request is read to its end first: who still sends while the connection is closed learns
    only that it was lost (RFC 9112, 9.6).
    """
    while (await receive()).get("more_body"):
        continue
    body = json.dumps({"detail": text}).encode()
    head: Message = {"type": "http.response.start", "status": status, "headers": []}
    head["headers"] = [(b"content-type", b"application/json")]
    await send(_sized(head, len(body)))
    await send({"type": "http.response.body", "body": body})
