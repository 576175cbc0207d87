"""The vectors of patches brought to a plane, that neighbours stay neighbours."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cellid.config import ExplainSettings
from cellid.extras import import_extra

MIN_PATCHES = 5
"""Fewer have no neighbourhoods to keep."""

_UMAP_NEIGHBOURS = 15  # umap-learn's own default

Floats = NDArray[np.float32]
Embedder = Callable[[Floats], Floats]
"""Takes (N, K) vectors, at least `MIN_PATCHES`; returns (N, 2) places."""


def make_embedder(settings: ExplainSettings, seed: int) -> Embedder | None:
    """Return what brings vectors to a plane, the same for the same seed; None if none is wanted.

    t-SNE: van der Maaten and Hinton, JMLR 2008, begun from the first two principal components.
    UMAP: McInnes, Healy and Melville, 2018.

    Parameters
    ----------
    settings : ExplainSettings
    seed : int

    Raises
    ------
    CellidError
        If the package that does it is not installed.
    """
    if settings.embedding == "none":
        return None
    if settings.embedding == "umap":
        umap = import_extra("umap", "umap")

        def reduce(vectors: Floats) -> Floats:
            return umap.UMAP(
                n_neighbors=min(_UMAP_NEIGHBOURS, len(vectors) - 1),
                # Its own start takes eigenvectors, which few patches do not have
                init="pca",
                random_state=seed,
                n_jobs=1,  # as a seed asks for
            ).fit_transform(vectors)
    else:
        manifold = import_extra("sklearn.manifold", "explain")

        def reduce(vectors: Floats) -> Floats:
            return manifold.TSNE(
                perplexity=min(settings.perplexity, (len(vectors) - 1) / 3),
                init="pca",
                random_state=seed,
            ).fit_transform(vectors)

    def embed(vectors: Floats) -> Floats:
        if (vectors == vectors[0]).all():  # without a principal component to begin with
            return np.zeros((len(vectors), 2), np.float32)
        return reduce(vectors)

    return embed
