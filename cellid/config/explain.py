"""Settings of explanations: of classifiers of patches, and of networks that outline objects."""

from typing import Literal

from pydantic import Field

from cellid.config.base import Settings


class ExplainSettings(Settings):
    """How a classifier is explained (sections 4d and 4e of the paper on focal adhesions)."""

    layer: Literal["layer1", "layer2", "layer3", "layer4"] = Field(
        "layer4",
        description="stage of the ResNet whose activations are weighed; layer4 is the last",
    )
    method: Literal["gradcam", "gradcam++"] = Field(
        "gradcam", description="how: Selvaraju et al. 2017, or Chattopadhay et al. 2018"
    )
    embedding: Literal["tsne", "umap", "none"] = Field(
        "tsne", description="how the vectors before the last layer are brought to a plane"
    )
    perplexity: float = Field(
        30.0,
        gt=1,
        description="of t-SNE, about how many neighbours a patch has; at most a third of the "
        "patches (van der Maaten and Hinton 2008: 5 to 50)",
    )
    tolerance: float = Field(
        0.03,
        ge=0,
        le=1,
        description="how near an object the hottest pixel counts as a hit, as a share of the "
        "patch's side (Zhang et al. 2016: 15 px in images of about 500)",
    )
    max_embedded: int = Field(
        2000, ge=5, description="most patches that are embedded, drawn at random"
    )
    batch_size: int = Field(16, ge=1, description="patches at once")


class InstanceExplainSettings(Settings):
    """How a network that outlines objects is explained."""

    max_drawn: int = Field(
        4,
        ge=0,
        description="most images whose activations and attention are drawn; all count for the "
        "numbers",
    )
