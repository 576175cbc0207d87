"""All settings of a run."""

from typing import Literal

from pydantic import Field

from cellid.config.base import Settings
from cellid.config.data import (
    CorrectSettings,
    CropSettings,
    InputSettings,
    LabelSettings,
    SelectSettings,
    SplitSettings,
)
from cellid.config.model import AugmentSettings, NetworkSettings, PredictSettings, TrainSettings
from cellid.config.scores import EvaluateSettings
from cellid.config.tracking import TrackSettings


class Recipe(Settings):
    """All settings of one labelling-plus-training run."""

    preset: Literal["thesis", "fast", "study"] = Field(
        "thesis", description="the settings that a recipe starts from"
    )
    seed: int = Field(1, ge=0, description="seed of the split, the weights and the augmentation")
    log_to: Literal["tensorboard", "mlflow", "wandb"] | None = Field(
        None, description="who is told of trainings as they go, besides the run folder"
    )
    input: InputSettings = InputSettings()
    crops: CropSettings = CropSettings()
    labels: LabelSettings = LabelSettings()
    select: SelectSettings = SelectSettings()
    split: SplitSettings = SplitSettings()
    correct: CorrectSettings = CorrectSettings()
    model: NetworkSettings = NetworkSettings()
    augment: AugmentSettings = AugmentSettings()
    train: TrainSettings = TrainSettings()
    predict: PredictSettings = PredictSettings()
    track: TrackSettings = TrackSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
