"""The command that shows trained runs in a browser."""

from pathlib import Path
from typing import Annotated

import typer

from cellid.cli.app import app, start_keras
from cellid.config import PageSettings
from cellid.recipes import parse_settings

_DEFAULT = PageSettings()


@app.command()
def page(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN|FOLDER...", help="Trainings, or folders that hold some."),
    ],
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = _DEFAULT.port,
    host: Annotated[
        str, typer.Option(help="Address; 127.0.0.1 is reached by this computer alone.")
    ] = _DEFAULT.host,
    open_to_network: Annotated[
        bool,
        typer.Option("--open-to-network", help="Anyone in the network may use it: with --host."),
    ] = False,
    max_upload_mb: Annotated[
        float, typer.Option(help="Most that is sent at once, MB.")
    ] = _DEFAULT.max_upload_mb,
    max_files: Annotated[int, typer.Option(help="Most files at once.")] = _DEFAULT.max_files,
    max_image_px: Annotated[
        int, typer.Option(help="Most pixels of a frame.")
    ] = _DEFAULT.max_image_px,
    max_frames: Annotated[int, typer.Option(help="Most frames at once.")] = _DEFAULT.max_frames,
    jobs: Annotated[
        int, typer.Option(help="Jobs that run at once; others wait.")
    ] = _DEFAULT.jobs_at_once,
) -> None:
    """Show a page in the browser: drop images, see and count what a training finds in them.

    Only this computer reaches it, unless told otherwise. What is sent is removed at the end.
    """
    given = {
        **{"port": port, "host": host, "open_to_network": open_to_network, "max_files": max_files},
        **{"max_upload_mb": max_upload_mb, "max_image_px": max_image_px},
        **{"max_frames": max_frames, "jobs_at_once": jobs},
    }
    settings = parse_settings(PageSettings, given, subject="cellid page")
    from cellid.apps.runs import offer_runs
    from cellid.extras import import_extra

    offered = offer_runs(runs, typer.echo)
    import_extra("gradio", "web")  # before seconds of waiting
    start_keras()
    from cellid.apps.server import serve

    serve(offered, settings, typer.echo)
