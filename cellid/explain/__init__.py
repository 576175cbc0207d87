"""Why a classifier decides as it does: where it looks, and what it takes for alike."""

from cellid.explain.embedding import MIN_PATCHES, Embedder, make_embedder
from cellid.explain.gradcam import Explained, Explainer, coarsen_mask, spread_heat

__all__ = [
    "MIN_PATCHES",
    "Embedder",
    "Explained",
    "Explainer",
    "coarsen_mask",
    "make_embedder",
    "spread_heat",
]
