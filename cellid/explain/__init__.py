"""Why a network decides as it does: a classifier of patches, or one that outlines objects."""

from cellid.explain.ablation import ALL_ATTENTION, Ablation
from cellid.explain.embedding import MIN_PATCHES, Embedder, make_embedder
from cellid.explain.gradcam import Explained, Explainer, coarsen_mask, spread_heat
from cellid.explain.instances import ExplainedInstances, InstanceExplainer, Strength

__all__ = [
    "ALL_ATTENTION",
    "MIN_PATCHES",
    "Ablation",
    "Embedder",
    "Explained",
    "ExplainedInstances",
    "Explainer",
    "InstanceExplainer",
    "Strength",
    "coarsen_mask",
    "make_embedder",
    "spread_heat",
]
