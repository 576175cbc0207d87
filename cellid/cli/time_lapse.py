"""The command that follows nuclei through time-lapses."""

from pathlib import Path
from typing import Annotated

import typer

from cellid.cli.app import (
    Axes,
    Channel,
    Out,
    Overwrite,
    PixelSize,
    RunFolder,
    app,
    start_keras,
)
from cellid.config import InputSettings, TrackOutputSettings, TrackSettings


@app.command()
def track(
    run: RunFolder,
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGES...", help="Stacks, or folders of frames."),
    ],
    out: Out,
    pattern: Annotated[
        str | None,
        typer.Option(
            help="How the frames are named, such as {well}_{site}_t{time}.tif; * is anything. "
            "Needed if names are neither Incucyte's nor end in the number of the frame."
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="Minutes from a frame to the next, if the names do not say."),
    ] = None,
    plate_map: Annotated[
        Path | None,
        typer.Option(
            help="CSV of the plate: columns well and condition, or the plate itself, columns 1 to "
            "12 and rows A to H."
        ),
    ] = None,
    tiles: Annotated[
        tuple[int, int] | None,
        typer.Option(
            metavar="ROWS COLUMNS",
            help="The fields of a well overlap, in so many rows and columns, numbered row by row: "
            "follow them together too.",
        ),
    ] = None,
    axes: Axes = None,
    channel: Channel = None,
    pixel_size: PixelSize = None,
    max_gap: Annotated[
        int,
        typer.Option(min=0, help="Frames in a row that a nucleus may go unseen in."),
    ] = TrackSettings().max_gap_frames,
    no_divisions: Annotated[
        bool, typer.Option("--no-divisions", help="The nuclei do not divide.")
    ] = False,
    formats: Annotated[
        str, typer.Option(help="Files for other programs, of ctc, trackmate, napari, geff, baxter.")
    ] = ",".join(TrackOutputSettings().formats),
    no_movie: Annotated[
        bool, typer.Option("--no-movie", help="Do not write a movie of every field.")
    ] = False,
    stabilised: Annotated[
        bool, typer.Option("--stabilised", help="Also write the frames without their drift.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that share out the fields of a plate.")
    ] = 1,
    overwrite: Overwrite = False,
) -> None:
    """Find, count and follow the nuclei of label-free time-lapses.

    Writes tables, label stacks, movies and files for napari, Fiji and others. Interrupted, it
    goes on when called again; with other settings of following, only these are done again.
    """
    start_keras()
    from cellid.models.run import load_run
    from cellid.recipes import parse_settings
    from cellid.workflows.time_lapse import track as workflow

    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    problems = workflow(
        load_run(run),
        images,
        out,
        InputSettings(
            frame_pattern=pattern,
            frame_minutes=minutes,
            axes=axes,
            phase_channel=channel,
            pixel_size_um=pixel_size,
        ),
        TrackSettings(max_gap_frames=max_gap, divisions=not no_divisions),
        parse_settings(
            TrackOutputSettings,
            {"formats": wanted, "movie": not no_movie, "stabilised": stabilised},
            subject="--formats",
        ),
        plate_map,
        tiles,
        workers,
        overwrite,
    )
    typer.echo(
        f"report: {out / 'tracks.html'}; tables and movies: a folder for each field in {out}"
    )
    if problems:
        raise typer.Exit(1)
