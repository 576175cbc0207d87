"""What every group of settings has in common."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of every group of settings: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
