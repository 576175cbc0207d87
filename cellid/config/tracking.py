"""Settings of following nuclei; distances and sizes are estimated from the data."""

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
