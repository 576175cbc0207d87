"""Settings of the tiles that detectors see an image in, and of joining what they find."""

from pydantic import Field

from cellid.config.base import Settings

LEAST_VISIBLE = 0.3
"""Share of an object that a part of an image must show, or it is no object there (our choice)."""


class TileSettings(Settings):
    """Overlapping tiles of a grid of mini-tiles, each answering for the middle of itself.

    The grid and the window are those of a report of Mask R-CNN on LIVECell, which cuts
    704×520 pixels into 7×7 mini-tiles and these into 25 tiles of 300×222; what it leaves
    open is our choice and says so.
    """

    grid: tuple[int, int] | None = Field(
        None, description="mini-tiles down and across; [7, 7] is LIVECell's; none: from tile_px"
    )
    window: int = Field(3, ge=2, le=7, description="mini-tiles along a side of a tile")
    tile_px: int = Field(
        300,
        ge=64,
        description="longest side of a tile, pixels, where no grid is given; a smaller image is "
        "one tile",
    )
    min_visible: float = Field(
        LEAST_VISIBLE,
        ge=0,
        le=1,
        description="an object of which a tile shows less than this share of its pixels is no "
        "object of the tile, and its place there counts neither way (our choice)",
    )
    same_iou: float = Field(
        0.5,
        gt=0,
        le=1,
        description="objects of two tiles that overlap by this much, in what both tiles show, "
        "are one (our choice; objects apart have no second partner above it)",
    )
    same_share: float = Field(
        0.8,
        gt=0,
        le=1,
        description="so are those of which the smaller lies in the larger with this share of its "
        "pixels, unless the other tile has a better partner for it (our choice)",
    )
