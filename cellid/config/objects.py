"""Settings that all detectors share: of boxes, or of masks in them.

Defaults of rules are those of torchvision's detectors, unless a description says otherwise.
"""

from typing import Literal

from pydantic import Field

from cellid.config.base import Settings
from cellid.config.classifier import PatchAugmentSettings, Scaling
from cellid.config.scores import IntervalSettings
from cellid.config.tiles import LEAST_VISIBLE


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


class DetectSettings(DetectionRuleSettings):
    """From the network's answers to objects."""

    threshold: float | None = Field(
        None, gt=0, lt=1, description="least score of an object; none: tuned on validation"
    )


class ObjectSettings(Settings):
    """What is looked for, and in which light."""

    name: str = Field("adhesion", description="what an object is called in reports")
    scaling: Scaling = Field("percentiles", description="as patches.scaling of the classifier")
    scale: float = Field(
        1.0,
        gt=0,
        description="pixels of the network to a pixel of the image: above 1 where objects are but "
        "a few pixels large; 2 takes four times as long",
    )
    min_area_px: int = Field(
        5, ge=1, description="drawn objects of fewer pixels are slips of the pen (our choice)"
    )
    min_visible: float = Field(
        LEAST_VISIBLE,
        gt=0,
        le=1,
        description="share of an object that must lie in a training window, or its place there "
        "counts neither way (our choice)",
    )

    @property
    def network_min_area_px(self) -> float:
        """The least area at the network's scale, pixels."""
        return self.min_area_px * self.scale**2


class ContextSettings(Settings):
    """Where objects are plausible: near the outline of a cell and not on its nucleus."""

    reach_px: float = Field(
        40.0, gt=0, description="distance from a cell's outline up to which they are (our choice)"
    )
    cells: str | None = Field(
        None,
        description="folder of label images or masks of the cells, named as the images; none: "
        "cells are found by their bright spots",
    )
    nuclei: str | None = Field(None, description="folder of those of the nuclei; none: not known")

    @property
    def masks(self) -> dict[str, str]:
        """The folders that are given, by what their masks show: ``"cells"``, ``"nuclei"``."""
        given = {"cells": self.cells, "nuclei": self.nuclei}
        return {name: folder for name, folder in given.items() if folder is not None}


class DetectorAugmentSettings(PatchAugmentSettings):
    """Random changes of a window, new ones every epoch."""

    rotation_deg: float = Field(180.0, ge=0, le=180, description="largest rotation either way")


class ObjectTrainSettings(Settings):
    """What every training of a detector says (our choice)."""

    epochs: int = Field(60, ge=1, description="most epochs")
    patience: int = Field(60, ge=1, description="epochs without a better validation AP at IoU 0.5")
    batch_size: int = Field(8, ge=1, description="windows a step")
    window_px: int = Field(
        256, ge=32, multiple_of=32, description="side of a training window, pixels"
    )
    object_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="share of the windows that are placed at an object drawn at random, the others "
        "anywhere (a third in nnU-Net, Isensee et al., Nature Methods 18, 2021)",
    )
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "auto", description="auto: mixed_float16 on a GPU with tensor cores, else float32"
    )
    deterministic: bool = Field(
        False, description="bitwise repeatable; slower (one thread within an operation)"
    )

    @property
    def best_by(self) -> str:
        """The validation score by which the best epoch is chosen."""
        return "ap_50"


class ObjectScoreSettings(IntervalSettings):
    """How detections are scored."""

    iou_threshold: float = Field(
        0.5, gt=0, le=1, description="least IoU of detections that show the same object"
    )
    max_detections: int = Field(
        2000,
        ge=1,
        description="most of an image that COCO's scores look at (as of LIVECell; COCO's is 100)",
    )


class ObjectRecipe(Settings):
    """What the recipes of all detectors hold."""

    seed: int = Field(1, ge=0, description="seed of the weights and the augmentation")
    log_to: Literal["tensorboard", "mlflow", "wandb"] | None = Field(
        None, description="who is told of trainings as they go, besides the run folder"
    )
    objects: ObjectSettings = ObjectSettings()
    augment: DetectorAugmentSettings = DetectorAugmentSettings()
    train: ObjectTrainSettings = ObjectTrainSettings()
    predict: DetectSettings = DetectSettings()
    evaluate: ObjectScoreSettings = ObjectScoreSettings()

    @property
    def by(self) -> Literal["box", "mask"]:
        """What of an object is found and compared."""
        return "box"

    @property
    def context_in_force(self) -> ContextSettings | None:
        """Where objects are plausible, if that counts."""
        return None
