"""Settings of data sets: read, cut, labelled, chosen, shared out, corrected."""

from typing import Literal

from pydantic import Field, model_validator

from cellid.config.base import Settings


class InputSettings(Settings):
    """How image files are found, read and paired."""

    phase_pattern: str | None = Field(
        None, description="phase file names, {id} standing for the field; none: known forms"
    )
    stain_pattern: str | None = Field(None, description="stain file names, as phase_pattern")
    frame_pattern: str | None = Field(
        None,
        description="names of a time-lapse's files, {time} standing for the number of the frame, "
        "{well} and {site} for these, * for anything; none: known forms",
    )
    frame_minutes: float | None = Field(
        None, gt=0, description="minutes from a frame to the next; none: as the names say"
    )
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
    split_distance: float = Field(
        0.0,
        ge=0,
        description="objects that touch in a given mask are parted where their centres lie "
        "further apart than this share of an object; 0: never",
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
        (), description="fields, groups or files named for validation, as test_ids"
    )
    test_ids: tuple[str, ...] = Field(
        (),
        description="fields or groups named for the test, or image files by a pattern with a /; "
        "* and ? allowed",
    )

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


class ReviewSettings(Settings):
    """Labels handed to a person and taken back (not in the thesis)."""

    n_crops: int = Field(20, ge=1, description="crops handed out, the most doubtful first")
    weight: float = Field(
        1.0,
        ge=0,
        allow_inf_nan=False,
        description="of a corrected crop in the training loss; others have 1",
    )
