"""Settings of following nuclei; distances and sizes are estimated from the data."""

from typing import Literal

from pydantic import Field

from cellid.config.base import Settings


class TrackSettings(Settings):
    """What following nuclei cannot learn from where they are."""

    max_gap_frames: int = Field(
        2,
        ge=0,
        description="images in a row in which a nucleus may go unseen and keep its number "
        "(TrackMate's default frame gap)",
    )
    divisions: bool = Field(True, description="whether nuclei divide")


class TrackOutputSettings(Settings):
    """What `cellid track` writes besides label stacks and tables."""

    formats: tuple[Literal["ctc", "trackmate", "napari", "geff", "baxter"], ...] = Field(
        ("ctc", "trackmate", "napari", "geff"), description="files for other programs"
    )
    movie: bool = Field(True, description="an MP4 with the outline of every track")
    stabilised: bool = Field(False, description="the frames with the drift of the stage taken out")
