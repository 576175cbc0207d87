"""Vectors brought to a plane: neighbours stay neighbours, and the same seed gives the same."""

import numpy as np
import pytest

from cellid.config import ExplainSettings
from cellid.errors import CellidError
from cellid.explain import MIN_PATCHES, embedding, make_embedder


def test_two_kinds_of_few_patches_part_and_a_seed_repeats() -> None:
    vectors = np.random.default_rng(0).normal(size=(2 * MIN_PATCHES, 16)).astype(np.float32)
    vectors[:MIN_PATCHES] += 20
    embed = make_embedder(ExplainSettings(), 1)
    places = embed(vectors)
    np.testing.assert_array_equal(places, embed(vectors))
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    kind = np.arange(len(places)) // MIN_PATCHES
    alike = kind[:, None] == kind
    assert distances[alike].max() < distances[~alike].min()


def test_patches_that_are_all_alike_are_in_one_place() -> None:
    places = make_embedder(ExplainSettings(), 1)(np.ones((MIN_PATCHES, 4), np.float32))
    assert places.tolist() == [[0, 0]] * MIN_PATCHES


def test_none_is_a_choice() -> None:
    assert make_embedder(ExplainSettings(embedding="none"), 1) is None


@pytest.mark.parametrize(("name", "extra"), [("tsne", "explain"), ("umap", "umap")])
def test_a_missing_package_is_named_before_anything_is_done(
    name: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        embedding, "import_extra", lambda _, extra: (_ for _ in ()).throw(missing(extra))
    )
    with pytest.raises(CellidError, match=extra):
        make_embedder(ExplainSettings(embedding=name), 1)


def missing(extra: str) -> CellidError:
    return CellidError("it", expected="a package", got="none", remedy=f"cellid[{extra}]")
