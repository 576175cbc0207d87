"""Every setting of cellid and the only home of a default.

Settings are frozen pydantic models in which an unknown key is an error. Numbers
are those of the thesis that cellid implements (sections 5.2-5.3) unless a
description says otherwise; what a preset changes lies in `cellid/presets/*.toml`.
A setting that may be none is none by default; TOML has no null, so a recipe says
``"none"``.
"""

from cellid.config.base import Settings
from cellid.config.classifier import (
    BackboneSettings,
    BceSettings,
    ClassifierRecipe,
    ClassifierTrainSettings,
    ClassifySettings,
    ClassLossSettings,
    PatchAugmentSettings,
    PatchSettings,
    Scaling,
)
from cellid.config.data import (
    ClaheSettings,
    CorrectSettings,
    CropSettings,
    InputSettings,
    LabelSettings,
    ReferenceLabelSettings,
    ReviewSettings,
    SelectSettings,
    SplitSettings,
)
from cellid.config.detector import (
    AnchorSettings,
    DetectorLossSettings,
    DetectorNetworkSettings,
    DetectorRecipe,
    DetectorTrainSettings,
    GateSettings,
)
from cellid.config.explain import ExplainSettings, InstanceExplainSettings
from cellid.config.instances import (
    InstancePredictSettings,
    InstanceRecipe,
    InstanceTrainSettings,
)
from cellid.config.loss import (
    COMBINED_WEIGHTS,
    BinaryFocalSettings,
    CombinedFTSettings,
    CombinedSettings,
    DiceSettings,
    FocalSettings,
    FocalTverskySettings,
    LossSettings,
    TverskySettings,
    WeightedBceSettings,
)
from cellid.config.mask_rcnn import (
    FINEST_LEVEL,
    CustomMaskRcnnSettings,
    MaskRcnnNetworkSettings,
    MaskRcnnSettings,
    ProposalSettings,
    SampleSettings,
    TransferMaskRcnnSettings,
)
from cellid.config.model import (
    AugmentSettings,
    NetworkSettings,
    OutputSettings,
    PredictSettings,
    TrainSettings,
)
from cellid.config.objects import (
    ContextSettings,
    DetectionRuleSettings,
    DetectorAugmentSettings,
    DetectSettings,
    ObjectRecipe,
    ObjectScoreSettings,
    ObjectSettings,
    ObjectTrainSettings,
)
from cellid.config.recipe import Recipe
from cellid.config.scores import (
    AlphaStudySettings,
    DetectionSettings,
    EvaluateSettings,
    ExpertSettings,
    IntervalSettings,
    LearningCurveSettings,
    NoiseStudySettings,
)
from cellid.config.simulation import SimulateSettings
from cellid.config.study import Range, StudySettings
from cellid.config.tiles import TileSettings
from cellid.config.tracking import TrackOutputSettings, TrackSettings
from cellid.config.web import PageSettings

__all__ = [
    "COMBINED_WEIGHTS",
    "FINEST_LEVEL",
    "AlphaStudySettings",
    "AnchorSettings",
    "AugmentSettings",
    "BackboneSettings",
    "BceSettings",
    "BinaryFocalSettings",
    "ClaheSettings",
    "ClassLossSettings",
    "ClassifierRecipe",
    "ClassifierTrainSettings",
    "ClassifySettings",
    "CombinedFTSettings",
    "CombinedSettings",
    "ContextSettings",
    "CorrectSettings",
    "CropSettings",
    "CustomMaskRcnnSettings",
    "DetectSettings",
    "DetectionRuleSettings",
    "DetectionSettings",
    "DetectorAugmentSettings",
    "DetectorLossSettings",
    "DetectorNetworkSettings",
    "DetectorRecipe",
    "DetectorTrainSettings",
    "DiceSettings",
    "EvaluateSettings",
    "ExpertSettings",
    "ExplainSettings",
    "FocalSettings",
    "FocalTverskySettings",
    "GateSettings",
    "InputSettings",
    "InstanceExplainSettings",
    "InstancePredictSettings",
    "InstanceRecipe",
    "InstanceTrainSettings",
    "IntervalSettings",
    "LabelSettings",
    "LearningCurveSettings",
    "LossSettings",
    "MaskRcnnNetworkSettings",
    "MaskRcnnSettings",
    "NetworkSettings",
    "NoiseStudySettings",
    "ObjectRecipe",
    "ObjectScoreSettings",
    "ObjectSettings",
    "ObjectTrainSettings",
    "OutputSettings",
    "PageSettings",
    "PatchAugmentSettings",
    "PatchSettings",
    "PredictSettings",
    "ProposalSettings",
    "Range",
    "Recipe",
    "ReferenceLabelSettings",
    "ReviewSettings",
    "SampleSettings",
    "Scaling",
    "SelectSettings",
    "Settings",
    "SimulateSettings",
    "SplitSettings",
    "StudySettings",
    "TileSettings",
    "TrackOutputSettings",
    "TrackSettings",
    "TrainSettings",
    "TransferMaskRcnnSettings",
    "TverskySettings",
    "WeightedBceSettings",
]
