"""Settings of scores and studies."""

from typing import Annotated, Literal

from pydantic import Field

from cellid.config.base import Settings

_Share = Annotated[float, Field(gt=0, lt=1)]


class IntervalSettings(Settings):
    """How far scores would move with other images."""

    bootstrap_samples: int = Field(
        2000, ge=100, description="samples of the test images drawn for an interval"
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="coverage of an interval")


class EvaluateSettings(IntervalSettings):
    """How predictions are scored."""

    iou_threshold: float = Field(
        0.5, gt=0, le=1, description="least IoU at which two objects are one nucleus"
    )
    sweep: tuple[float, ...] = Field(
        (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95),
        min_length=1,
        description="IoU thresholds over which average precision is averaged",
    )
    min_area_px: int = Field(
        0, ge=0, description="true objects smaller than this are ignored in matching"
    )
    connectivity: Literal[4, 8] = Field(
        8, description="which pixels touch in a binary mask: sides (4), or corners too (8)"
    )


class LearningCurveSettings(Settings):
    """How it is found out whether more images would help."""

    repeats: int = Field(
        3, ge=1, description="trainings on each number of fields, every one on other fields"
    )


class DetectionSettings(Settings):
    """When a cell counts as found, in the study of loss functions for c-ResUnet."""

    iou: float = Field(0.4, ge=0, lt=1, description="IoU that a found cell exceeds")
    distance_px: float = Field(
        40.0, gt=0, description="farthest centre of a found cell (the study's mean cell diameter)"
    )
    distance_um: float | None = Field(
        None, gt=0, description="the same in µm, in place of distance_px; needs the pixel size"
    )
    compat: Literal["fluocells"] | None = Field(
        None, description="fluocells: as the study's published code counts, to compare with it"
    )


class ExpertSettings(Settings):
    """What experts judge (section 5.4.3)."""

    n_crops: int = Field(30, ge=1, description="random crops of each cell line")
    seed: int = Field(1, ge=0, description="seed of the choice, the ids and the order")


class NoiseStudySettings(Settings):
    """How labels are spoilt to see what scores make of it (section 6.2.8)."""

    missing: tuple[_Share, ...] = Field(
        (0.1, 0.2, 0.3, 0.5), min_length=1, description="shares of the nuclei without a label"
    )
    debris: tuple[_Share, ...] = Field(
        (0.1, 0.2, 0.3, 0.5), min_length=1, description="false labels, as a share of the nuclei"
    )
    patches: tuple[_Share, ...] = Field(
        (0.01, 0.02, 0.05, 0.1), min_length=1, description="shares of the background labelled"
    )
    grain: float = Field(
        1.0, gt=0, description="smoothing of the noise that makes patches, in nucleus diameters"
    )
    seed: int = Field(1, ge=0, description="seed of what is spoilt")


class AlphaStudySettings(Settings):
    """Which weights of nucleus against background are compared (section 7.2.2)."""

    values: tuple[_Share, ...] = Field(
        (0.25, 0.5, 0.75), min_length=2, description="values of train.loss.alpha, a training each"
    )
