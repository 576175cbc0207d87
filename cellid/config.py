"""Every setting of cellid and the only home of a default.

Settings are frozen pydantic models; an unknown key is an error that names the
nearest right one. The defaults are those of the thesis that cellid implements
(sections 5.2-5.3) unless a docstring says otherwise; `cellid/presets/*.toml`
holds what the other presets change.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cellid.errors import CellidError


class Settings(BaseModel):
    """Base of every group of settings: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSettings(Settings):
    """How image files are found, read and paired."""

    phase_pattern: str | None = Field(
        None, description="phase file names, {id} standing for the field; none: known forms"
    )
    stain_pattern: str | None = Field(None, description="stain file names, as phase_pattern")
    axes: str | None = Field(
        None, description="axes of the files, such as TYX; none: as their metadata say"
    )
    phase_channel: int | None = Field(
        None, ge=0, description="channel of the phase image in files with a C axis"
    )
    stain_channel: int | None = Field(None, ge=0, description="channel of the stain")
    pixel_size_um: float | None = Field(
        None, gt=0, description="µm a pixel; none: as the files' metadata say"
    )
    max_shift_px: float = Field(
        8.0, ge=0, description="a stain shifted further from its phase image drops the pair"
    )


class CropSettings(Settings):
    """How a field is cut into crops (section 5.2.2: four of 512×512 from 1408×1040)."""

    size: int = Field(512, ge=64, description="side of a crop, pixels")
    layout: Literal["fixed", "partition"] = Field(
        "fixed",
        description="fixed: as many crops of exactly this size as fit, evenly placed; "
        "partition: the whole field in equal pieces of about this size",
    )


class ReferenceLabelSettings(Settings):
    """The thesis's CellProfiler module (section 5.2.3)."""

    min_diameter_px: float = Field(5, gt=0, description="smallest object kept")
    max_diameter_px: float = Field(30, gt=0, description="largest object kept")
    threshold_min: float = Field(0.05, ge=0, le=1, description="lower bound of the threshold")
    threshold_max: float = Field(1.0, ge=0, le=1, description="upper bound of the threshold")
    window_px: int = Field(20, ge=2, description="side of the adaptive window")


class ClaheSettings(Settings):
    """Contrast-limited adaptive histogram equalisation (section 5.2.3, Fiji's names)."""

    block_px: int = Field(127, ge=3, description="block size")
    bins: int = Field(256, ge=2, description="histogram bins")
    slope: float = Field(3.0, ge=1, description="maximum slope")


class LabelSettings(Settings):
    """How a stain image becomes labels."""

    method: Literal["auto", "reference"] = Field(
        "auto", description="auto: adapts itself to the image; reference: as in the thesis"
    )
    diameter_px: float | None = Field(
        None, gt=0, description="nucleus diameter for auto; none: measured from each image"
    )
    clahe: ClaheSettings = ClaheSettings()
    reference: ReferenceLabelSettings = ReferenceLabelSettings()
