"""Settings of detectors: networks that answer with boxes.

Defaults are those of RetinaNet (Lin et al., "Focal loss for dense object detection", ICCV 2017)
as torchvision builds it, unless a description says otherwise.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cellid.config.base import Settings
from cellid.config.objects import ContextSettings, ObjectRecipe, ObjectTrainSettings

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
    weights: str | None = Field(
        None,
        description="weights that the backbone begins with: a name of `cellid weights`, or a file "
        "of torchvision's; none: random",
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
    norm_momentum: float = Field(
        0.9,
        ge=0,
        lt=1,
        description="share of the old that batch norm's running statistics keep in a step; higher "
        "where windows of a batch differ much, such as empty ones and crowded ones",
    )
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


class DetectorTrainSettings(ObjectTrainSettings):
    """The training of a detector (our choice; the paper only proposes one)."""

    learning_rate: float = Field(5e-4, gt=0, description="Adam's highest step size")
    schedule: Literal["constant", "cosine", "one_cycle"] = Field(
        "cosine", description="as train.schedule of the U-Net"
    )
    max_gradient: float = Field(
        10.0, gt=0, description="a longer gradient is cut to this length (our choice)"
    )
    loss: DetectorLossSettings = Field(
        DetectorLossSettings(), description="what training makes small"
    )


class DetectorRecipe(ObjectRecipe):
    """All settings of one training of a detector."""

    preset: Literal["adhesion-detector"] = Field(
        "adhesion-detector", description="the settings that a recipe starts from"
    )
    context: ContextSettings = ContextSettings()
    model: DetectorNetworkSettings = DetectorNetworkSettings()
    anchors: AnchorSettings = AnchorSettings()
    train: DetectorTrainSettings = DetectorTrainSettings()

    @property
    def context_in_force(self) -> ContextSettings | None:
        """Where objects are plausible, if that counts."""
        return self.context if self.train.loss.context_weight else None


class GateSettings(Settings):
    """A classifier of patches that says where a detector is to look (section 4f)."""

    threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="least probability of a patch that is looked at; none: that of the classifier",
    )
    overlap: float = Field(
        0.5, ge=0, le=0.9, description="of neighbouring patches, as a share of their side"
    )
    margin_px: int = Field(
        32, ge=0, description="about the patches that the detector also sees (our choice)"
    )
    tried: tuple[float, ...] = Field(
        (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9),
        min_length=1,
        description="thresholds of the curve of what a gate loses and saves",
    )
