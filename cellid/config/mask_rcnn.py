"""Settings of Mask R-CNN: a detector that also draws what it finds.

Defaults are those of He et al., "Mask R-CNN", ICCV 2017, as torchvision's
``maskrcnn_resnet50_fpn`` builds and trains it, unless a description says otherwise. "The paper" is
that of Hański and Radziejewski on LIVECell, which has two networks.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cellid.config.base import Settings
from cellid.config.detector import AnchorSettings

FINEST_LEVEL = 2
"""First level of a pyramid: steps of 4 pixels (He et al.)."""

_RATIOS = (0.5, 1.0, 2.0)


class ProposalSettings(Settings):
    """Which boxes the network looks at a second time."""

    train_candidates: int = Field(
        2000, ge=1, description="surest boxes of a pyramid level before suppression, in training"
    )
    train_proposals: int = Field(
        2000, ge=1, description="most boxes of an image that are left of them, in training"
    )
    proposals: int = Field(1000, ge=1, description="most boxes of an image that are looked at")
    max_iou: float = Field(
        0.7, ge=0, le=1, description="of two boxes of a level that overlap more, the surer stays"
    )


class SampleSettings(Settings):
    """Which boxes of an image a training step judges; defaults are those of anchors."""

    positive_iou: float = Field(
        0.7, gt=0, le=1, description="boxes that overlap an object by this much are to find it"
    )
    negative_iou: float = Field(
        0.3,
        ge=0,
        le=1,
        description="boxes that overlap none by this much are background; those between do not "
        "count",
    )
    samples: int = Field(256, ge=1, description="boxes of an image that are judged")
    positive_share: float = Field(
        0.5, gt=0, le=1, description="share of them that find an object, at most"
    )
    fill: bool = Field(
        True, description="background takes the places that boxes with an object leave"
    )

    @property
    def most_positive(self) -> int:
        """Boxes of an image that find an object and are judged, at most."""
        return int(self.samples * self.positive_share)

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.positive_iou < self.negative_iou:
            raise ValueError("positive_iou must not be less than negative_iou")
        return self


class MaskRcnnSettings(Settings):
    """The network, what it proposes and what it is trained on."""

    backbone: Literal["resnet18", "resnet50"] = Field("resnet50", description="depth of the ResNet")
    weights: str | None = Field(
        None,
        description="weights that the network begins with: a name of `cellid weights`, or a file "
        "of torchvision's maskrcnn_resnet50_fpn; none: random",
    )
    attention: bool = Field(
        False, description="weigh channels and places (CBAM) of what a stage hands to the pyramid"
    )
    frozen_norm: bool = Field(
        True, description="batch norm is never trained: batches of two images are too small for it"
    )
    coarsest_level: Literal[5, 6] = Field(
        6, description="last level with anchors, of 2 and up; the sixth is every other place of P5"
    )
    filters: int = Field(256, ge=1, description="kernels of the pyramid")
    anchors: AnchorSettings = Field(
        AnchorSettings(sizes=((32,), (64,), (128,), (256,), (512,)), ratios=_RATIOS, whole_px=True),
        description="boxes that proposals start from",
    )
    proposals: ProposalSettings = ProposalSettings()
    anchor_samples: SampleSettings = SampleSettings()
    box_samples: SampleSettings = SampleSettings(
        positive_iou=0.5, negative_iou=0.5, samples=512, positive_share=0.25
    )
    box_side: int = Field(7, ge=1, description="places a side that a box is judged by")
    hidden: int = Field(1024, ge=1, description="units of both hidden layers that judge a box")
    mask_side: int = Field(14, ge=1, description="places a side that a mask is drawn from")
    mask_filters: int = Field(256, ge=1, description="kernels of the layers that draw a mask")
    mask_output: int = Field(
        28, ge=1, description="cells a side of a mask; interpolated where not twice mask_side"
    )
    box_smoothing: float = Field(
        1 / 9, ge=0, description="difference below which the boxes' losses are squares"
    )

    @property
    def levels(self) -> tuple[int, ...]:
        """Pyramid levels with anchors, finest first."""
        return tuple(range(FINEST_LEVEL, self.coarsest_level + 1))

    @model_validator(mode="after")
    def _every_level_has_anchors(self) -> Self:
        if self.anchors.sizes and len(self.anchors.sizes) != len(self.levels):
            raise ValueError(f"a row of anchors.sizes for each of levels {self.levels}")
        return self


class TransferMaskRcnnSettings(MaskRcnnSettings):
    """torchvision's network, to be begun with its weights of COCO."""

    name: Literal["transfer"] = Field("transfer", description="the paper's first network")


class CustomMaskRcnnSettings(MaskRcnnSettings):
    """A smaller network with attention, from scratch."""

    name: Literal["custom"] = Field("custom", description="the paper's second network")
    backbone: Literal["resnet18", "resnet50"] = Field(
        "resnet18", description="depth of the ResNet (the paper's)"
    )
    weights: str | None = Field(
        None,
        description="weights that the backbone begins with: a name of `cellid weights`, or a file "
        "of torchvision's; none: random (the paper's)",
    )
    attention: bool = Field(
        True,
        description="weigh channels and places (CBAM) of what a stage hands to the pyramid (the "
        "paper's)",
    )
    frozen_norm: bool = Field(
        False, description="batch norm is never trained; a network from scratch needs it trained"
    )
    coarsest_level: Literal[5, 6] = Field(
        5, description="last level with anchors, of 2 and up (the paper's)"
    )
    anchors: AnchorSettings = Field(
        AnchorSettings(sizes=((32, 64, 128),) * 4, ratios=_RATIOS),
        description="boxes that proposals start from (the paper's: nine a place on every level)",
    )
    anchor_samples: SampleSettings = Field(
        SampleSettings(fill=False),
        description="anchors of a step (the paper's: up to 128 of each kind)",
    )
    mask_side: int = Field(
        7, ge=1, description="places a side that a mask is drawn from (the paper's)"
    )


MaskRcnnNetworkSettings = Annotated[
    TransferMaskRcnnSettings | CustomMaskRcnnSettings, Field(discriminator="name")
]
