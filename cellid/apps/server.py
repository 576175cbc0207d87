"""The server of the page: who reaches it, what it gives out, how it ends."""

import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cellid.apps.guard import Guard
from cellid.apps.models import Models
from cellid.apps.page import STYLE, build_page, gr, theme
from cellid.apps.runs import OfferedRun
from cellid.apps.sessions import Sessions
from cellid.apps.views import RESULTS
from cellid.config import PageSettings
from cellid.errors import CellidError
from cellid.extras import import_extra

fastapi = import_extra("fastapi", "web")
uvicorn = import_extra("uvicorn", "web")

_SECONDS_TO_END = 3  # for a job to end its frame
_MARGIN_BYTES = 100_000  # of an upload besides its files


def serve(
    offered: Mapping[str, OfferedRun],
    settings: PageSettings,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the page until Ctrl-C; what users sent and made is then removed.

    Parameters
    ----------
    offered : mapping of str to OfferedRun
        As from `cellid.apps.runs.offer_runs`.
    settings : PageSettings
    say : callable
        Told the address, and who reaches it.

    Raises
    ------
    CellidError
        If the host is not this computer's alone and that was not asked for, or the port is taken.
    """
    _check_host(settings)
    with (
        _listen(settings) as listening,
        tempfile.TemporaryDirectory(prefix="cellid-page-", ignore_cleanup_errors=True) as root,
    ):
        app = build_app(offered, settings, Path(root))
        host, port = listening.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        say(f"the page: http://{shown}:{port} (Ctrl-C ends it)")
        if not _is_own(settings.host):
            say(
                "WARNING: anyone in the network can open this page, send images to this computer "
                "and have it work; there is no password"
            )
        with suppress(KeyboardInterrupt):  # the way to end it
            PageServer(app).run(sockets=[listening])


class PageServer(uvicorn.Server):  # type: ignore[misc,name-defined]
    """A server that lets go of the browsers that have the page open when it ends.

    Parameters
    ----------
    app : ASGI application
        As from `build_app`.
    """

    def __init__(self, app: Any) -> None:
        patience = {"timeout_graceful_shutdown": _SECONDS_TO_END}
        super().__init__(uvicorn.Config(app, log_level="warning", ws="none", **patience))
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; every open page holds a connection, which Gradio ends when it is told."""
        self._app.state.end()
        await super().shutdown(sockets)


def build_app(offered: Mapping[str, OfferedRun], settings: PageSettings, root: Path) -> Any:
    """Return the page as an ASGI application.

    Parameters
    ----------
    offered : mapping of str to OfferedRun
    settings : PageSettings
    root : Path
        Folder for what users send and make.
    """
    uploads, kept = root / "uploads", root / "sessions"
    uploads.mkdir()
    kept.mkdir()
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    sessions = Sessions(kept)

    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    def give_out(token: str, name: str) -> Any:
        found = sessions.find(token, name)
        if found is None or not found.is_file():
            raise fastapi.HTTPException(404, "These results are gone.")
        kind = "inline" if found.suffix == ".png" else "attachment"
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"}
        return fastapi.responses.FileResponse(
            found, filename=found.name, content_disposition_type=kind, headers=headers
        )

    app.add_api_route(RESULTS + "/{token}/{name:path}", give_out)
    most_bytes = int(settings.max_upload_mb * 1e6)
    page = build_page(offered, Models(settings.models_kept), sessions, settings)
    app = gr.mount_gradio_app(
        app,
        page,
        path="/",
        allowed_paths=[],
        max_file_size=most_bytes,
        show_error=False,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
        css=STYLE,
    )
    held_open = app.routes[-1].app.stop_event

    def end() -> None:
        sessions.end_all()
        held_open.set()

    app.state.end = end
    app.add_middleware(Guard, uploads=uploads, most_bytes=most_bytes + _MARGIN_BYTES)
    return app


def _is_own(host: str) -> bool:
    """Return whether only this computer reaches a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_host(settings: PageSettings) -> None:
    if not (_is_own(settings.host) or settings.open_to_network):
        raise CellidError(
            f"--host {settings.host}",
            expected="127.0.0.1, which only this computer reaches, or also --open-to-network",
            got="an address that others in the network reach too",
            remedy="add --open-to-network if anyone there may use the page; it has no password",
        )


def _listen(settings: PageSettings) -> socket.socket:
    """Return a socket that waits for browsers."""
    try:
        family, *_, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()  # a browser that comes before the server has started waits
    except OSError as error:
        raise CellidError(
            f"--host {settings.host} --port {settings.port}",
            expected="an address of this computer with a free port",
            got=error.strerror or str(error),
            remedy=f"give another port, such as --port {settings.port + 1}, or 0 for a free one",
        ) from None
    return listening
