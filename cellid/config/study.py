"""Settings of a study: which trainings are compared, and how."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from cellid.config.base import Settings
from cellid.config.scores import DetectionSettings


class Range(Settings):
    """What a search may set a number to."""

    low: float | int = Field(0, description="the least; whole numbers search whole numbers")
    high: float | int = Field(1, description="the greatest")
    log: bool = Field(False, description="try as many from 1 to 10 as from 10 to 100")

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError("low must be less than high")
        if self.log and self.low <= 0:
            raise ValueError("low must be above 0 with log = true")
        return self


class StudySettings(Settings):
    """A grid of trainings on one data set, or a search among settings."""

    dataset: Path = Field(
        Path("dataset"), description="data set of all trainings, as seen from this file"
    )
    preset: str | None = Field(None, description="preset that all trainings start from")
    recipe: Path | None = Field(
        None, description="recipe that all trainings start from, as seen from this file"
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (1, 2, 3), min_length=1, description="each is a training of every level"
    )
    set: dict[str, Any] = Field({}, description="settings that all trainings share")
    grid: dict[str, Any] = Field(
        {}, description="axes, which are crossed: a name and its levels, or a setting and a list"
    )
    search: dict[str, Any] = Field(
        {}, description="settings to search: {low, high} and log = true, or a list of choices"
    )
    trials: int = Field(30, ge=1, description="how many settings a search tries")
    score: Literal["instance_f1", "instance_ap", "object_dice", "pixel_dice", "count_mae"] = Field(
        "instance_f1", description="score that decides which is best"
    )
    baseline: str | None = Field(
        None, description="level that the others are compared with; none: the best"
    )
    detection: DetectionSettings = Field(
        DetectionSettings(),
        description="when a cell counts as found; distance_px: a nucleus's diameter if not given",
    )
