from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from spacrd import pl
from spacrd.pl import _embedding
from spacrd.pl._class_colors import class_colors
from tests.making.scored import scored_adata


@pytest.fixture
def scored() -> AnnData:
    adata = scored_adata()
    rng = np.random.default_rng(0)
    adata.obsm["X_spacrd"] = rng.normal(size=(adata.n_obs, 8)).astype(np.float32)
    adata.obsm["X_spacrd"][:, 0] += 12 * adata.obs["spacrd_likelihood"].to_numpy()
    return adata


@pytest.fixture
def quick_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """First two columns in place of UMAP, whose compilation takes long."""

    def layout(latent: np.ndarray, n_neighbors: int, seed: int) -> AnnData:
        return AnnData(obsm={"X_umap": latent[:, :2]})

    monkeypatch.setattr(_embedding, "_laid_out", layout)


def dots(ax: plt.Axes) -> np.ndarray:
    return np.concatenate([np.asarray(item.get_offsets()) for item in ax.collections])


def test_layout_keeps_likelihoods_together_and_the_data_as_it_was(scored: AnnData, tmp_path: Path) -> None:
    before = scored.copy()
    axes = pl.embedding(scored, save=tmp_path / "e.png")
    assert [ax.get_title() for ax in axes] == ["spacrd_likelihood", "spacrd_region"]
    assert len(dots(axes[0])) == scored.n_obs
    assert axes[0].collections[0].get_clim() == (0, 1)
    xy, p = np.asarray(axes[0].collections[0].get_offsets()), axes[0].collections[0].get_array()
    nearest = np.linalg.norm(xy[:, None] - xy[None], axis=2).argsort(axis=1)[:, 1]
    assert np.corrcoef(p, p[nearest])[0, 1] > 0.6
    assert (tmp_path / "e.png").stat().st_size > 5_000
    assert set(scored.obsm) == set(before.obsm)
    assert set(scored.uns) == set(before.uns)
    assert list(scored.obs) == list(before.obs)
    assert not scored.obsp


@pytest.mark.usefixtures("quick_layout")
def test_missing_spots_draw_and_own_axes(scored: AnnData) -> None:
    scored.obsm["X_spacrd"][:5] = np.nan
    _, given = plt.subplots()
    ax = pl.embedding(scored, color="label", ax=given)
    assert ax is given
    assert len(dots(ax)) == scored.n_obs - 5
    ax = pl.embedding(scored, color="spacrd_likelihood", max_spots=30)
    assert len(dots(ax)) == 30
    assert "30 of 115 spots" in ax.get_xlabel()


@pytest.mark.usefixtures("quick_layout")
def test_classes_keep_their_stored_colours(scored: AnnData) -> None:
    assert class_colors(scored, "spacrd_region", "spacrd") == {"normal": "#0072B2", "cancer": "#D55E00"}
    scored.uns["label_colors"] = ["#111111", "#222222"]
    assert list(class_colors(scored, "label", "spacrd").values()) == ["#111111", "#222222"]
    scored.obs["many"] = pd.Categorical([str(i % 12) for i in range(scored.n_obs)])
    assert len({tuple(color) for color in class_colors(scored, "many", "spacrd").values()}) == 12
    scored.obs["number"] = pd.Categorical([i % 3 for i in range(scored.n_obs)])
    pl.embedding(scored, color="number")


@pytest.mark.usefixtures("quick_layout")
def test_unknown_columns_and_too_few_spots_are_refused(scored: AnnData) -> None:
    with pytest.raises(KeyError, match=r"no obs column to colour by 'lable'.*Did you mean 'label'"):
        pl.embedding(scored, color="lable")
    with pytest.raises(KeyError, match=r"spacrd\.tl\.score"):
        pl.embedding(scored_adata())
    scored.obsm["X_spacrd"][:] = np.nan
    with pytest.raises(ValueError, match="0 spots"):
        pl.embedding(scored)


def test_more_spots_than_scanpy_finds_exact_neighbours_of_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanpy.tl.umap", lambda *_, **__: None)
    latent = np.random.default_rng(0).normal(size=(8200, 2)).astype(np.float32)
    layout = _embedding._laid_out(latent, 5, 0)
    assert (layout.obsp["distances"].getnnz(axis=1) == 4).all()
