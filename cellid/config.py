"""Every setting of cellid and the only home of a default.

Settings are frozen pydantic models in which an unknown key is an error. Numbers
are those of the thesis that cellid implements (sections 5.2-5.3) unless a
description says otherwise; what a preset changes lies in `cellid/presets/*.toml`.
A setting that may be none is none by default, so that leaving it out of a recipe
says the same (TOML has no null).
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


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


class SelectSettings(Settings):
    """Which crops are dropped (section 5.2.4)."""

    drop_lowest: float = Field(
        0.25, ge=0, lt=1, description="share of crops dropped, those with fewest nucleus pixels"
    )
    max_nucleus_share: float = Field(
        0.5, gt=0, le=1, description="a crop with a larger share of nucleus pixels is dropped"
    )


class SplitSettings(Settings):
    """How fields are shared out; crops of one field never part."""

    by: Literal["field", "well", "group"] = Field("field", description="what stays together")
    validation: float = Field(0.15, ge=0, lt=1, description="share of the fields for validation")
    test: float = Field(0.15, ge=0, lt=1, description="share of the fields for the test")
    validation_ids: tuple[str, ...] = Field(
        (), description="fields, wells or groups named for validation; * and ? allowed"
    )
    test_ids: tuple[str, ...] = Field((), description="fields, wells or groups named for the test")


class UNetSettings(Settings):
    """The network (section 5.3.1)."""

    input_channels: int = Field(1, ge=1, description="channels of the input image")
    filters: int = Field(64, ge=1, description="kernels of the first level, doubling downwards")
    depth: int = Field(4, ge=1, le=7, description="number of 2×2 poolings")
    dropout: float = Field(0.05, ge=0, lt=1, description="after every hidden convolution")
    nucleus_px: float | None = Field(
        None,
        gt=0,
        description="images are rescaled so that a nucleus is about this wide; none: they are not",
    )


class AugmentSettings(Settings):
    """Random changes of a training sample (sections 3.3.2, 5.3.2; extents are our choice)."""

    rotation_deg: float = Field(180.0, ge=0, le=180, description="largest rotation either way")
    shift: float = Field(0.1, ge=0, lt=1, description="largest shift, as a share of the window")
    shear_deg: float = Field(10.0, ge=0, lt=80, description="largest shear angle")
    flips: bool = Field(True, description="mirror left-right and up-down, each in half the samples")
    zoom: float = Field(0.0, ge=0, lt=1, description="largest relative change of size")
    contrast: float = Field(0.0, ge=0, lt=1, description="largest relative change of contrast")
    brightness: float = Field(
        0.0, ge=0, description="largest change of brightness, in standard deviations of the image"
    )
    noise: float = Field(
        0.0, ge=0, description="largest standard deviation of added noise, in those of the image"
    )


class TrainSettings(Settings):
    """The training (sections 5.3.1-5.3.2)."""

    epochs: int = Field(3000, ge=1, description="most epochs")
    patience: int = Field(250, ge=1, description="epochs without a better validation loss")
    batch_size: int = Field(4, ge=1, description="windows a step")
    window_px: int = Field(512, ge=32, description="side of a training window at network scale")
    learning_rate: float = Field(2e-4, gt=0, description="Adam's step size")
    schedule: Literal["constant", "cosine"] = Field(
        "constant",
        description="cosine: a short rise, then half a cosine down to zero at the last epoch",
    )
    gamma: float = Field(2.0, ge=0, description="focusing exponent of the focal loss")
    alpha: float = Field(0.5, gt=0, lt=1, description="weight of nucleus against background")
    split_touching: bool = Field(
        False, description="teach the network a one-pixel gap between touching nuclei"
    )
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "auto", description="auto: mixed_float16 on a GPU with tensor cores, else float32"
    )
    deterministic: bool = Field(
        False, description="bitwise repeatable; slower (one thread within an operation)"
    )


class PredictSettings(Settings):
    """From probability to nuclei."""

    threshold: float | None = Field(
        None, gt=0, lt=1, description="probability of a nucleus; none: tuned on validation"
    )
    seed_distance: float | None = Field(
        None,
        ge=0,
        description="touching nuclei are split where their centres lie further apart than this "
        "share of a nucleus; 0: never split; none: tuned on validation",
    )
    min_area: float = Field(
        0.1, ge=0, description="smallest object, as a share of the typical nucleus area"
    )
    tile_px: int = Field(1024, ge=64, description="side of a tile at network scale")


class Recipe(Settings):
    """All settings of one labelling-plus-training run."""

    preset: Literal["thesis", "fast"] = "thesis"
    seed: int = Field(1, ge=0, description="seed of the split, the weights and the augmentation")
    input: InputSettings = InputSettings()
    crops: CropSettings = CropSettings()
    labels: LabelSettings = LabelSettings()
    select: SelectSettings = SelectSettings()
    split: SplitSettings = SplitSettings()
    model: UNetSettings = UNetSettings()
    augment: AugmentSettings = AugmentSettings()
    train: TrainSettings = TrainSettings()
    predict: PredictSettings = PredictSettings()
