"""Settings of what a training makes small: one class a loss, chosen by its name.

Formulas and conventions are those of `cellid.nn.losses`. "The study" is that of loss functions
for c-ResUnet (Clissa, Macaluso and Zoccoli); its slides and its published code differ.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from cellid.config.base import Settings

CombinedWeights = Literal["balanced", "overcrowd", "cellvit-slides", "cellvit-code"]

COMBINED_WEIGHTS: Mapping[CombinedWeights, tuple[float, float, float]] = MappingProxyType(
    {
        "balanced": (0.3, 0.3, 0.4),
        "overcrowd": (0.2, 0.5, 0.3),
        "cellvit-slides": (0.5, 0.3, 0.5),
        "cellvit-code": (0.5, 0.2, 0.5),
    }
)
"""The study's λ of cross-entropy, Dice, and focal or focal Tversky; slides and code disagree on
the second λ of what both call CellViT."""

_COMBINED_WEIGHTS = "the study's λ of the three parts: " + "; ".join(
    f"{name} {', '.join(map(str, lambdas))}" for name, lambdas in COMBINED_WEIGHTS.items()
)
_MISSED = (
    "weight of missed nucleus pixels, 1 - alpha of false ones (the slides' 1 - β and β); 0.7 as in "
    "the study's code and Abraham & Khan 2019"
)
_SMOOTHING = "pixels added to what is divided, for images without nuclei"


class BinaryFocalSettings(Settings):
    """Cross-entropy that dwells on hard pixels (thesis, section 5.3.1)."""

    name: Literal["binary_focal"] = Field("binary_focal", description="the thesis's focal loss")
    gamma: float = Field(2.0, ge=0, description="focusing exponent")
    alpha: float = Field(0.5, gt=0, lt=1, description="weight of nucleus against background")


class WeightedBceSettings(Settings):
    """Cross-entropy in which nucleus pixels weigh more."""

    name: Literal["weighted_bce"] = Field("weighted_bce", description="weighted cross-entropy")
    nucleus_weight: float = Field(
        50.0,
        gt=0,
        description="weight of a nucleus pixel, the background's being 1; of the study's 50, 100 "
        "and 200 that with the best F1 by overlap",
    )


class FocalSettings(Settings):
    """Focal loss without class weights."""

    name: Literal["focal"] = Field("focal", description="focal loss without class weights")
    gamma: float = Field(2.0, ge=0, description="focusing exponent (the study's; Lin et al. 2017)")


class DiceSettings(Settings):
    """Overlap of probability and mask."""

    name: Literal["dice"] = Field("dice", description="Dice loss")
    smoothing: float = Field(
        1.0, gt=0, description=f"{_SMOOTHING} (the slides' formula; their table and code: 1e-6)"
    )


class TverskySettings(Settings):
    """Overlap in which missed and false pixels weigh differently."""

    name: Literal["tversky"] = Field("tversky", description="Tversky loss")
    alpha: float = Field(0.7, gt=0, lt=1, description=_MISSED)
    smoothing: float = Field(1.0, gt=0, description=_SMOOTHING)


class FocalTverskySettings(Settings):
    """A power of the Tversky loss."""

    name: Literal["focal_tversky"] = Field("focal_tversky", description="focal Tversky loss")
    gamma: float = Field(
        4 / 3,
        gt=0,
        description="exponent of the Tversky loss itself, 4/3 as in the study's code (its slides: "
        "2; Abraham & Khan 2019 write 1/γ: their γ = 4/3 is 0.75 here)",
    )
    alpha: float = Field(0.7, gt=0, lt=1, description=_MISSED)
    smoothing: float = Field(1.0, gt=0, description=f"{_SMOOTHING} (the study's code: 1e-6)")


class CombinedSettings(Settings):
    """Cross-entropy, Dice and focal loss, each with its own defaults, added up."""

    name: Literal["combined"] = Field("combined", description="cross-entropy + Dice + focal")
    weights: CombinedWeights = Field("balanced", description=_COMBINED_WEIGHTS)


class CombinedFTSettings(Settings):
    """Cross-entropy, Dice and focal Tversky loss, each with its own defaults, added up."""

    name: Literal["combined_ft"] = Field(
        "combined_ft", description="cross-entropy + Dice + focal Tversky"
    )
    weights: CombinedWeights = Field("balanced", description=_COMBINED_WEIGHTS)


LossSettings = Annotated[
    BinaryFocalSettings
    | WeightedBceSettings
    | FocalSettings
    | DiceSettings
    | TverskySettings
    | FocalTverskySettings
    | CombinedSettings
    | CombinedFTSettings,
    Field(discriminator="name"),
]
