"""Every setting of cellid and the only home of a default.

Settings are frozen pydantic models in which an unknown key is an error. Numbers
are those of the thesis that cellid implements (sections 5.2-5.3) unless a
description says otherwise; what a preset changes lies in `cellid/presets/*.toml`.
A setting that may be none is none by default; TOML has no null, so a recipe says
``"none"``.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator


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
    z_plane: int | None = Field(None, ge=0, description="focal plane of files with a Z axis")
    pixel_size_um: float | None = Field(
        None, gt=0, description="µm a pixel; none: as the files' metadata say"
    )
    max_shift_px: float = Field(
        10.0, ge=0, description="a stain shifted further from its phase image drops the pair"
    )
    align: bool = Field(
        False,
        description="move the stain back by its measured shift before it is labelled; look at "
        "the contact sheet with and without, the measure can be some pixels off",
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

    method: Literal["auto", "reference", "given"] = Field(
        "auto",
        description="auto: adapts itself to the image; reference: as in the thesis; "
        "given: the stain files hold labels already, such as hand-drawn ones",
    )
    diameter_px: float | None = Field(
        None, gt=0, description="nucleus diameter for auto; none: measured from each image"
    )
    clahe: ClaheSettings = ClaheSettings()
    reference: ReferenceLabelSettings = ReferenceLabelSettings()


class SelectSettings(Settings):
    """Which crops are dropped; the first two rules are the thesis's (section 5.2.4)."""

    drop_lowest: float = Field(
        0.25, ge=0, lt=1, description="share of crops dropped, those with fewest nucleus pixels"
    )
    max_nucleus_share: float = Field(
        0.5, gt=0, le=1, description="a crop with a larger share of nucleus pixels is dropped"
    )
    min_focus: float | None = Field(
        None, ge=0, le=1, description="a crop with blurrier nuclei is dropped (0 spot, 1 sharp)"
    )
    min_contrast_to_noise: float | None = Field(
        None, ge=0, description="a crop with fainter nuclei, in noise, is dropped"
    )
    max_saturated_share: float | None = Field(
        None, ge=0, le=1, description="a crop with more of its nucleus pixels saturated is dropped"
    )
    max_doubt: float | None = Field(
        None, ge=0, le=1, description="a crop with more doubtful labels is dropped"
    )


class SplitSettings(Settings):
    """How fields are shared out; crops of one field never part."""

    by: Literal["field", "well", "folder"] = Field(
        "field",
        description="what stays together: all time points of a field, a well, or all files of "
        "a folder (a plate, a day)",
    )
    validation: float = Field(0.15, gt=0, lt=1, description="share of the fields for validation")
    test: float = Field(0.15, ge=0, lt=1, description="share of the fields for the test")
    validation_ids: tuple[str, ...] = Field(
        (), description="fields or groups named for validation; * and ? allowed"
    )
    test_ids: tuple[str, ...] = Field((), description="fields or groups named for the test")

    @model_validator(mode="after")
    def _check_shares(self) -> "SplitSettings":
        if self.validation + self.test >= 1:
            raise ValueError("validation + test must be below 1, to leave fields to train on")
        return self


class CorrectSettings(Settings):
    """Labels corrected by models that have not seen them (not in the thesis)."""

    mode: Literal["off", "suggest", "apply"] = Field(
        "off",
        description="suggest: write down which labels look wrong; apply: train on the corrected",
    )
    folds: int = Field(
        3, ge=2, description="models trained, each judging the labels of fields it has not seen"
    )
    epochs: float = Field(
        0.5, gt=0, le=1, description="length of their training, as a share of train.epochs"
    )


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


class OutputSettings(Settings):
    """What `cellid predict` writes besides label images and tables."""

    overlays: bool = Field(True, description="a PNG of each file's first frame with outlines")
    probability: bool = Field(False, description="a float32 TIFF of the probability of a nucleus")


class EvaluateSettings(Settings):
    """How predictions are scored."""

    iou_threshold: float = Field(
        0.5, gt=0, le=1, description="least IoU at which two objects are one nucleus"
    )
    sweep: tuple[float, ...] = Field(
        (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95),
        min_length=1,
        description="IoU thresholds over which average precision is averaged",
    )
    min_area_px: int = Field(
        0, ge=0, description="true objects smaller than this are ignored in matching"
    )
    connectivity: Literal[4, 8] = Field(
        8, description="which pixels touch in a binary mask: sides (4), or corners too (8)"
    )
    bootstrap_samples: int = Field(
        2000, ge=100, description="samples of the test images drawn for an interval"
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="coverage of an interval")


class LearningCurveSettings(Settings):
    """How it is found out whether more images would help."""

    repeats: int = Field(
        3, ge=1, description="trainings on each number of fields, every one on other fields"
    )


class DetectionSettings(Settings):
    """When a cell counts as found, in the study of loss functions for c-ResUnet."""

    iou: float = Field(0.4, ge=0, lt=1, description="IoU that a found cell exceeds")
    distance_px: float = Field(
        40.0, gt=0, description="farthest centre of a found cell (the study's mean cell diameter)"
    )
    distance_um: float | None = Field(
        None, gt=0, description="the same in µm, in place of distance_px; needs the pixel size"
    )
    compat: Literal["fluocells"] | None = Field(
        None, description="fluocells: as the study's published code counts, to compare with it"
    )


class ReviewSettings(Settings):
    """Labels handed to a person and taken back (not in the thesis)."""

    n_crops: int = Field(20, ge=1, description="crops handed out, the most doubtful first")
    weight: float = Field(
        1.0, ge=0, description="of a corrected crop in the training loss; others have 1"
    )


class SimulateSettings(Settings):
    """Simulated pairs: the specimen, the microscope and the plate; one unit a name.

    The thesis's formats (section 5.2.2): 1408×1040 pixels of an Incucyte's 10× objective.
    """

    seed: int = Field(1, ge=0, description="seed; every tile draws from a stream of its own")
    wells: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,2}\d{1,2}$")], ...] = Field(
        ("A1", "A2"), min_length=1, description="names of the wells, such as B12"
    )
    tiles: int = Field(2, ge=1, description="tiles (fields) a well")
    frames: int = Field(3, ge=1, description="times a tile")
    interval_min: int = Field(120, ge=1, description="minutes between two times")
    height_px: int = Field(1040, ge=64, description="rows of an image")
    width_px: int = Field(1408, ge=64, description="columns of an image")
    pixel_size_um: float = Field(1.24, gt=0, le=3, description="µm a pixel (Incucyte at 10×)")

    cells_per_mm2: float = Field(180.0, ge=0, description="cells a mm² at the first time")
    clustering: float = Field(0.5, ge=0, le=1, description="share of the cells lying in groups")
    elongation: float = Field(0.6, ge=0, le=1, description="share of spindle cells; rest spread")
    reach_um: float = Field(48.0, gt=5, description="median length of a cell's processes")
    volume_um3: float = Field(
        2400.0,
        gt=0,
        description="median cell volume (2000-3000 in Milo & Phillips 2015, Cell Biology by the "
        "Numbers)",
    )
    nucleus_diameter_um: float = Field(
        16.5, gt=3, description="median diameter of the circle of a nucleus's area"
    )
    cycle_h: float = Field(24.0, gt=2, description="mean time between two divisions")
    mitosis_h: float = Field(1.0, gt=0, description="time rounded up in mitosis")
    speed_um_h: float = Field(14.0, ge=0, description="root mean square speed of a cell")
    persistence_h: float = Field(1.5, gt=0, description="persistence time of the random walk")
    debris_per_mm2: float = Field(60.0, ge=0, description="particles 1-6 µm across a mm²")
    drift_um: float = Field(1.5, ge=0, description="step of the stage's random walk, each axis")

    wavelength_um: float = Field(0.59, gt=0, description="illumination of the phase image")
    aperture: float = Field(0.3, gt=0, lt=1, description="numerical aperture of the objective")
    ring: tuple[float, float] = Field(
        (0.2, 0.7), description="inner and outer radius of the phase ring, share of the aperture"
    )
    ring_transmission: float = Field(
        0.25, gt=0, le=1, description="intensity that the phase ring lets through"
    )
    bright_phase: bool = Field(
        True, description="thick parts bright (negative phase contrast); no: dark, halo bright"
    )
    defocus_um: float = Field(9.0, description="mean distance of the cells from the focal plane")
    index_step: float = Field(
        0.025, gt=0, description="refractive index of cytoplasm less that of medium"
    )
    phase_gain: float = Field(0.4, gt=0, description="share of the contrast that is recorded")
    phase_noise: float = Field(
        0.006, ge=0, description="noise of the phase image, share of the background"
    )

    dye_negative: float = Field(0.05, ge=0, le=1, description="share of cells without the dye")
    bleed_through: float = Field(0.1, ge=0, le=1, description="share of cells with dyed cytoplasm")
    brightness_cv: float = Field(0.4, ge=0, description="spread of the nuclei's brightness")
    stain_photons: float = Field(
        220.0, gt=0, description="electrons a pixel from a typical nucleus"
    )
    background_photons: float = Field(60.0, ge=0, description="electrons a pixel from the medium")
    vignetting: float = Field(0.35, ge=0, lt=1, description="light lost in the stain's corners")
    read_noise: float = Field(
        4.0, ge=0, description="camera read noise, electrons root mean square"
    )
    out_of_focus: float = Field(0.08, ge=0, le=1, description="share of nuclei out of focus")

    @model_validator(mode="after")
    def _check_plate_and_ring(self) -> "SimulateSettings":
        if len(set(self.wells)) < len(self.wells):
            raise ValueError("wells: a name occurs twice; files of one would replace the other's")
        if not 0 <= self.ring[0] < self.ring[1] <= 1:
            raise ValueError("ring: inner and outer radius must rise from 0 to at most 1")
        return self


class Recipe(Settings):
    """All settings of one labelling-plus-training run."""

    preset: Literal["thesis", "fast"] = Field(
        "thesis", description="the settings that a recipe starts from"
    )
    seed: int = Field(1, ge=0, description="seed of the split, the weights and the augmentation")
    input: InputSettings = InputSettings()
    crops: CropSettings = CropSettings()
    labels: LabelSettings = LabelSettings()
    select: SelectSettings = SelectSettings()
    split: SplitSettings = SplitSettings()
    correct: CorrectSettings = CorrectSettings()
    model: UNetSettings = UNetSettings()
    augment: AugmentSettings = AugmentSettings()
    train: TrainSettings = TrainSettings()
    predict: PredictSettings = PredictSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
