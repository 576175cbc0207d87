"""Settings of networks: built, trained, used."""

from typing import Literal

from pydantic import Field

from cellid.config.base import Settings
from cellid.config.loss import BinaryFocalSettings, LossSettings


class NetworkSettings(Settings):
    """The network (section 5.3.1)."""

    architecture: Literal["unet", "c-resunet"] = Field(
        "unet", description="unet: as in the thesis; c-resunet: of Morelli et al. (2021)"
    )
    filters: int = Field(64, ge=1, description="kernels of the first level, doubling downwards")
    depth: int = Field(4, ge=1, le=7, description="number of 2×2 poolings")
    dropout: float = Field(0.05, ge=0, lt=1, description="after every hidden convolution")
    norm_momentum: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="share of the old that batch norm's running statistics keep in a step "
        "(Keras's default); lower for trainings of a few hundred steps",
    )
    distance_head: bool = Field(
        False,
        description="a second answer: how deep in its nucleus a pixel lies; nuclei are parted by "
        "it where that scores better on validation",
    )
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
    learning_rate: float = Field(
        2e-4, gt=0, description="Adam's step size, the highest of a schedule"
    )
    find_learning_rate: bool = Field(
        False,
        description="take the learning rate that a test of rising rates finds before the training "
        "(the valley rule), not the one above",
    )
    schedule: Literal["constant", "cosine", "one_cycle", "cyclical"] = Field(
        "constant",
        description="cosine: a short rise, then half a cosine down to zero at the last epoch; "
        "one_cycle: a quarter of the steps up, the others down; cyclical: up and down in four "
        "epochs each",
    )
    best_by: Literal["loss", "dice"] = Field(
        "loss", description="the validation score by which the best epoch is chosen"
    )
    loss: LossSettings = Field(BinaryFocalSettings(), description="what training makes small")
    split_touching: bool = Field(
        False, description="teach the network a one-pixel gap between touching nuclei"
    )
    distance_weight: float = Field(
        0.25, gt=0, description="of the second head's mean squared error in the loss (our choice)"
    )
    object_balance: float = Field(
        0.0,
        ge=0,
        le=1,
        description="1: every nucleus weighs alike in the loss, 0: every pixel",
    )
    gap_weight: float = Field(
        0.0,
        ge=0,
        description="extra weight between nuclei that nearly touch (U-Net's w0, there 10)",
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
    seeds: Literal["shape", "distance"] | None = Field(
        None,
        description="what touching nuclei are split by: their shape, or the second head's map; "
        "none: tuned on validation",
    )
    plateau: float = Field(
        0.0, ge=0, description="peaks nearer than this share of a nucleus are one centre"
    )
    max_hole: float = Field(
        0.0, ge=0, description="largest hole to fill, as a share of the typical nucleus area"
    )
    smoothing: float = Field(
        0.0, ge=0, description="radius that outlines are smoothed with, as a share of a nucleus"
    )
    min_area: float = Field(
        0.1, ge=0, description="smallest object, as a share of the typical nucleus area"
    )
    tile_px: int = Field(1024, ge=64, description="side of a tile at network scale")


class OutputSettings(Settings):
    """What `cellid predict` writes besides label images and tables."""

    overlays: bool = Field(True, description="a PNG of each file's first frame with outlines")
    every_overlay: bool = Field(False, description="also one of each of a file's other frames")
    probability: bool = Field(False, description="a float32 TIFF of the probability of a nucleus")
