"""Settings of the web page."""

from pydantic import Field

from cellid.config.base import Settings


class PageSettings(Settings):
    """Who reaches the page, and what may be sent to it.

    The limits keep one user from filling the memory or the disk of the computer that
    runs the page: a plane of 25 megapixels takes about 2 GB while nuclei are parted in it.
    """

    host: str = Field("127.0.0.1", description="address; 127.0.0.1 is this computer alone")
    port: int = Field(7860, ge=0, le=65535, description="port; 0 takes a free one")
    open_to_network: bool = Field(
        False, description="lets others in the network use the page; needed for another host"
    )
    max_upload_mb: float = Field(500, gt=0, description="largest file that is taken, MB")
    max_files: int = Field(50, ge=1, description="most files at once")
    max_image_px: int = Field(25_000_000, ge=1, description="most pixels of a frame")
    max_frames: int = Field(200, ge=1, description="most frames at once, of all files together")
    jobs_at_once: int = Field(1, ge=1, description="jobs that run at once; others wait")
    models_kept: int = Field(2, ge=1, description="models kept in memory")
    shown_rows: int = Field(200, ge=1, description="rows of a table that are shown")
