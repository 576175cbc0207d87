"""What a training finds out, and a run keeps beside the weights."""

from typing import Literal, Self

from cellid.config.base import Settings


class InstanceRule(Settings):
    """What turns the network's maps into nuclei; lengths in pixels of the map.

    Attributes
    ----------
    threshold : float
        Least probability of a nucleus pixel.
    seeds : str
        What peaks in the middle of a nucleus: ``"shape"``, the distance to the edge of the
        mask; or ``"distance"``, the network's own map of it.
    seed_distance_px : float
        Least distance of two centres in one connected component; 0 never splits.
    plateau_px : float
        Peaks nearer to each other than this are one.
    max_hole_px : float
        Holes up to this area are filled, pixels.
    smoothing_px : float
        Radius of the disk that outlines are smoothed with.
    min_area_px : float
        Smaller nuclei are dropped, pixels.
    """

    threshold: float
    seeds: Literal["shape", "distance"] = "shape"
    seed_distance_px: float
    plateau_px: float = 0.0
    max_hole_px: float = 0.0
    smoothing_px: float = 0.0
    min_area_px: float

    def at_scale(self, factor: float) -> Self:
        """Return the rule for maps that are ``factor`` times as large."""
        lengths = ("seed_distance_px", "plateau_px", "smoothing_px")
        areas = ("max_hole_px", "min_area_px")
        return self.model_copy(
            update={name: getattr(self, name) * factor for name in lengths}
            | {name: getattr(self, name) * factor**2 for name in areas}
        )


class AppearanceRange(Settings):
    """The range of a measure of training images (`cellid.imaging.appearance`)."""

    low: float
    high: float
    sd: float
