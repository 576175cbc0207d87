"""Settings of the classifier of patches: whether one shows focal adhesions.

Defaults are those of the paper that the classifier follows ("Deep learning-based segmentation of
focal adhesions from immunofluorescence microscopy images"), by its sections, unless a description
says otherwise; the preset changes what images of whole cells need.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cellid.config.base import Settings
from cellid.config.data import SplitSettings
from cellid.config.loss import FocalSettings
from cellid.config.model import AugmentSettings
from cellid.config.scores import IntervalSettings

Scaling = Literal["range", "percentiles"]
"""What of the intensities of an image becomes 0 and 1."""


class PatchSettings(Settings):
    """What is judged: square patches of an image (sections 3a and 3b)."""

    size_px: int = Field(255, ge=8, description="side of a patch in the image, pixels")
    input_px: int | None = Field(
        None, ge=32, description="side of a patch as the network sees it, resampled; none: size_px"
    )
    overlap: float = Field(
        0.0, ge=0, le=0.9, description="of neighbouring patches that are trained on, of their side"
    )
    min_object_px: int = Field(
        10,
        ge=1,
        description="pixels of an object, or all of a smaller one, that make a patch positive; "
        "with less, such as a sliver at its border, it is left out (our choice)",
    )
    scaling: Scaling = Field(
        "range",
        description="what becomes 0 and 1. range: the limits of the file's data type; "
        "percentiles: the 0.1 and 99.9 percentiles of the whole image",
    )
    positive: str = Field("focal", description="class of patches with objects; also a folder's")
    negative: str = Field("non_focal", description="class of those without; also a folder's")
    source_pattern: str | None = Field(
        None,
        description="names of images in folders by class, {id} standing for the image that "
        "a patch was cut from, * for anything: patches of one image never part; none: each "
        "is on its own, or see split.by",
    )

    @property
    def network_px(self) -> int:
        """Side of a patch as the network sees it, pixels."""
        return self.input_px or self.size_px

    @model_validator(mode="after")
    def _check_names(self) -> "PatchSettings":
        if self.positive == self.negative:
            raise ValueError("the two classes need two names")
        if self.source_pattern and "{id}" not in self.source_pattern:
            raise ValueError("a pattern with {id} in it")
        return self


class BackboneSettings(Settings):
    """The network and what it knows before (section 4a)."""

    variant: Literal["resnet18", "resnet50"] = Field("resnet18", description="depth of the ResNet")
    weights: str | None = Field(
        None,
        description="weights to begin with: a name of `cellid weights`, or a file of torchvision's "
        "(section 4a: those of ImageNet); none: random",
    )


class PatchAugmentSettings(AugmentSettings):
    """Random changes of a patch, new ones every epoch (section 3c)."""

    rotation_deg: float = Field(15.0, ge=0, le=180, description="largest rotation either way")
    shift: float = Field(0.0, ge=0, lt=1, description="largest shift, as a share of the patch")
    shear_deg: float = Field(0.0, ge=0, lt=80, description="largest shear angle")
    jitter: float = Field(
        0.3,
        ge=0,
        lt=1,
        description="largest change of brightness, a factor of 1 ± this on all intensities, and of "
        "contrast, one on what they differ from their mean",
    )
    noise: float = Field(
        0.03,
        ge=0,
        description="largest standard deviation of added noise, of intensities from 0 to 1 (the "
        "paper has noise but not how much; our choice)",
    )


class BceSettings(Settings):
    """Cross-entropy of two classes."""

    name: Literal["bce"] = Field("bce", description="binary cross-entropy")


ClassLossSettings = Annotated[BceSettings | FocalSettings, Field(discriminator="name")]


class ClassifierTrainSettings(Settings):
    """The training (section 4b)."""

    epochs: int = Field(25, ge=1, description="most epochs")
    patience: int = Field(10, ge=1, description="epochs without a better validation F1")
    batch_size: int = Field(16, ge=2, description="patches a step")
    learning_rate: float = Field(1e-4, gt=0, description="Adam's step size")
    loss: ClassLossSettings = Field(BceSettings(), description="what training makes small")
    class_weights: Literal["equal", "balanced"] = Field(
        "equal",
        description="equal: every patch weighs alike in the loss; balanced: both classes do",
    )
    unfreeze_every: int = Field(
        2,
        ge=0,
        description="with weights to begin with: epochs after which one more stage is trained, "
        "from the last backwards; only the last and the head at first (the paper: the first few "
        "epochs, then gradually); 0: all from the start",
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
        return "f1"


class ClassifySettings(Settings):
    """From probability to class, and the patches of an image that is predicted."""

    threshold: float | None = Field(
        None, gt=0, lt=1, description="least probability of a positive; none: tuned on validation"
    )
    overlap: float = Field(
        0.5, ge=0, le=0.9, description="of neighbouring patches, as a share of their side"
    )


class ClassifierRecipe(Settings):
    """All settings of one training of a classifier."""

    preset: Literal["adhesion-classifier"] = Field(
        "adhesion-classifier", description="the settings that a recipe starts from"
    )
    seed: int = Field(1, ge=0, description="seed of the split, the weights and the augmentation")
    log_to: Literal["tensorboard", "mlflow", "wandb"] | None = Field(
        None, description="who is told of trainings as they go, besides the run folder"
    )
    patches: PatchSettings = PatchSettings()
    split: SplitSettings = SplitSettings()
    model: BackboneSettings = BackboneSettings()
    augment: PatchAugmentSettings = PatchAugmentSettings()
    train: ClassifierTrainSettings = ClassifierTrainSettings()
    predict: ClassifySettings = ClassifySettings()
    evaluate: IntervalSettings = IntervalSettings()
