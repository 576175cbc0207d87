"""Settings of trainings of Mask R-CNN.

Defaults are those of the second network, from scratch, of Hański and Radziejewski on LIVECell
("the paper"), unless a description says otherwise; presets hold what its first has in their place.
"""

from typing import Literal

from pydantic import Field

from cellid.config.mask_rcnn import CustomMaskRcnnSettings, MaskRcnnNetworkSettings
from cellid.config.objects import DetectSettings, ObjectRecipe, ObjectTrainSettings
from cellid.config.tiles import TileSettings


class InstanceTrainSettings(ObjectTrainSettings):
    """The training of a network that outlines objects."""

    epochs: int = Field(10, ge=1, description="most epochs")
    patience: int = Field(
        10, ge=1, description="epochs without a better validation AP of masks at IoU 0.5"
    )
    batch_size: int = Field(4, ge=1, description="windows a step")
    object_share: float = Field(
        0.0, ge=0, le=1, description="share of the windows that are placed at an object"
    )
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="the rule of a step")
    learning_rate: float = Field(1e-4, gt=0, description="the highest step size")
    schedule: Literal["constant", "cosine", "one_cycle", "step"] = Field(
        "step",
        description="as train.schedule of the U-Net; step: what step_epochs and step_factor say",
    )
    step_epochs: int = Field(2, ge=1, description="epochs with the same step size")
    step_factor: float = Field(
        0.1, gt=0, le=1, description="step size of the next ones, as a share of it"
    )
    weight_decay: float = Field(
        1e-4, ge=0, description="share of a weight that a step takes, times the step size"
    )
    momentum: float = Field(
        0.9, ge=0, lt=1, description="share of a step that the next one goes on with; of sgd alone"
    )
    max_gradient: float | None = Field(
        None, gt=0, description="a longer gradient is cut to this length; none: none is"
    )
    head_epochs: int = Field(
        0,
        ge=0,
        description="the first epochs, in which only what judges and draws boxes is trained",
    )
    head_learning_rate: float = Field(
        0.005, gt=0, description="step size of these, constant (the paper's first network)"
    )


class InstancePredictSettings(DetectSettings):
    """From the network's answers to objects of whole images."""

    max_detections: int = Field(
        1000, ge=1, description="most detections of a tile (our choice: as many as proposals)"
    )
    tiles: TileSettings = TileSettings()


class InstanceRecipe(ObjectRecipe):
    """All settings of one training of a network that outlines objects."""

    preset: Literal["cell-instances", "cell-instances-transfer"] = Field(
        "cell-instances", description="the settings that a recipe starts from"
    )
    model: MaskRcnnNetworkSettings = Field(
        CustomMaskRcnnSettings(), description="network, proposals and what is judged"
    )
    train: InstanceTrainSettings = InstanceTrainSettings()
    predict: InstancePredictSettings = InstancePredictSettings()

    @property
    def by(self) -> Literal["box", "mask"]:
        """What of an object is found and compared."""
        return "mask"
