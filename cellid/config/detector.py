"""Settings of detectors: networks that answer with boxes.

Defaults are those of RetinaNet (Lin et al., "Focal loss for dense object detection", ICCV 2017)
as torchvision builds it, unless a description says otherwise.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cellid.config.base import Settings

_Length = Annotated[float, Field(gt=0)]
_Row = Annotated[tuple[_Length, ...], Field(min_length=1)]


class AnchorSettings(Settings):
    """The boxes that a detector starts from."""

    sizes: tuple[_Row, ...] | None = Field(
        None,
        min_length=1,
        description="square root of an anchor's area in pixels, a row a pyramid level, finest "
        "first; none: from the boxes of the training images",
    )
    ratios: _Row | None = Field(
        None, description="height over width; none: from the boxes of the training images"
    )
    n_sizes: int = Field(3, ge=1, description="sizes a level, where they come from the images")
    n_ratios: int = Field(3, ge=1, description="ratios, where they come from the images")
    whole_px: bool = Field(
        False,
        description="round half heights and half widths to pixels, as torchvision does; too "
        "coarse for small objects, needed for weights that were trained with it",
    )

    @model_validator(mode="after")
    def _one_head_serves_all_levels(self) -> Self:
        if self.sizes and len({len(row) for row in self.sizes}) > 1:
            raise ValueError("every level needs the same number of sizes")
        return self


class DetectorNetworkSettings(Settings):
    """The network that finds boxes."""

    backbone: Literal["resnet18", "resnet50"] = Field(
        "resnet18", description="the smaller of the two that the thesis proposes"
    )
    finest_level: int = Field(
        3,
        ge=2,
        le=5,
        description="pyramid level l has steps of 2^l pixels; 2 finds smaller objects and costs "
        "four times as many anchors",
    )
    coarsest_level: int = Field(7, ge=2, le=7, description="last level of the pyramid")
    top: Literal["p5", "c5"] = Field(
        "p5",
        description="what level 6 is made of: p5 as torchvision's retinanet_resnet50_fpn, c5 as "
        "the paper and torchvision's second version",
    )
    filters: int = Field(256, ge=1, description="kernels of the pyramid and of the heads")
    prior: float = Field(
        0.01, gt=0, lt=1, description="score of every anchor before training, as objects are rare"
    )

    @model_validator(mode="after")
    def _has_levels(self) -> Self:
        if self.coarsest_level < self.finest_level:
            raise ValueError("coarsest_level must not be finer than finest_level")
        return self


class DetectorLossSettings(Settings):
    """What the training of a detector makes small."""

    positive_iou: float = Field(
        0.5, gt=0, le=1, description="anchors that overlap an object by this much are to find it"
    )
    negative_iou: float = Field(
        0.4,
        ge=0,
        le=1,
        description="anchors that overlap none by this much are background; those between do not "
        "count",
    )
    alpha: float = Field(0.25, gt=0, lt=1, description="focal loss: weight of objects")
    gamma: float = Field(2.0, ge=0, description="focal loss: exponent; 0: cross-entropy")
    box_weight: float = Field(1.0, ge=0, description="weight of the boxes' places and sizes")
    box_smoothing: float = Field(
        0.0,
        ge=0,
        description="difference below which the boxes' loss is a square; 0: L1, as torchvision",
    )
    context_weight: float = Field(
        0.0, ge=0, description="extra weight of false detections where none is plausible"
    )
    repulsion_weight: float = Field(
        0.0,
        ge=0,
        description="weight of the overlap of boxes that are to find different objects (Wang et "
        "al., CVPR 2018: 0.5)",
    )

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.positive_iou < self.negative_iou:
            raise ValueError("positive_iou must not be less than negative_iou")
        return self


class DetectionRuleSettings(Settings):
    """Which of a detector's answers are detections."""

    min_score: float = Field(0.05, ge=0, lt=1, description="surer than this")
    candidates: int = Field(1000, ge=1, description="most boxes of a pyramid level looked at")
    max_iou: float = Field(
        0.5, ge=0, le=1, description="of two boxes of a class that overlap more, the surer stays"
    )
    min_distance_px: float = Field(
        0.0,
        ge=0,
        description="of two boxes of a class with centres nearer than this, the surer stays",
    )
    max_detections: int = Field(300, ge=1, description="most detections of an image")
