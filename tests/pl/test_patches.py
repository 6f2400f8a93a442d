from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from spatialdata import SpatialData

import spacrd
from spacrd import pl
from tests.making.scored import add_scores, scored_adata


@pytest.fixture(scope="module")
def seen() -> dict[str, np.ndarray]:
    """Patches that the encoder of :func:`section` got, by the mean that it made its embedding of."""
    return {}


@pytest.fixture(scope="module")
def section(seen: dict[str, np.ndarray]) -> SpatialData:
    def look(patches: np.ndarray) -> np.ndarray:
        features = patches.reshape(len(patches), -1)[:, ::97].astype(np.float32)
        seen.update(zip(map(bytes, features), patches, strict=True))
        return features

    sdata = spacrd.datasets.toy_visium(n_rows=9, n_cols=9, n_genes=10, library_id="toy")
    spacrd.encoders.register("looking", look, dim=-(-48 * 48 * 3 // 97), size=48)
    spacrd.pp.extract_patches(sdata, encoder="looking", patch_um=80)
    records = dict(sdata["table"].uns["spacrd"])
    add_scores(sdata["table"], "toy")
    sdata["table"].uns["spacrd"] = {**records, **sdata["table"].uns["spacrd"]}
    return sdata


def test_patches_are_what_the_encoder_saw(section: SpatialData, seen: dict[str, np.ndarray], tmp_path: Path) -> None:
    axes = pl.patches(section, n=3, save=tmp_path / "p.png")
    table = section["table"]
    likelihood = table.obs["spacrd_likelihood"].to_numpy()
    ranked = np.argsort(likelihood, kind="stable")
    near = np.argsort(np.abs(likelihood - 0.5), kind="stable")
    assert len(axes) == 9
    for panel, row in zip(axes, [*ranked[::-1][:3], *ranked[:3], *near[:3]], strict=True):
        expected = seen[bytes(np.asarray(table.obsm["X_looking"][row]))]
        np.testing.assert_array_equal(panel.images[0].get_array(), expected)
        assert panel.get_title() == f"{likelihood[row]:.2f}"
    assert [axes[i].get_ylabel().replace("\n", " ") for i in (0, 3, 6)] == [
        "highest",
        "lowest",
        "nearest to the threshold",
    ]
    assert (tmp_path / "p.png").stat().st_size > 5_000


def test_uncertain_spots_and_spots_off_the_image(section: SpatialData) -> None:
    sdata = spacrd._sections.copy_data(section)
    obs = sdata["table"].obs
    obs["spacrd_uncertainty"] = np.linspace(0.01, 0.3, len(obs)).astype(np.float32)
    obs.iloc[-1, obs.columns.get_loc("spacrd_in_image")] = False
    axes = pl.patches(sdata, n=2)
    assert axes[4].get_ylabel() == "most\nuncertain"
    assert axes[4].get_title() == f"{obs['spacrd_likelihood'].iloc[-2]:.2f} ± {obs['spacrd_uncertainty'].iloc[-2]:.2f}"


def test_fewer_spots_than_asked_for(section: SpatialData) -> None:
    sdata = spacrd._sections.copy_data(section)
    obs = sdata["table"].obs
    obs.iloc[4:, obs.columns.get_loc("spacrd_likelihood")] = np.nan
    assert len(pl.patches(sdata, n=6)) == 12
    obs["spacrd_likelihood"] = np.float32(np.nan)
    with pytest.raises(ValueError, match="no patch to show"):
        pl.patches(sdata)


def test_spots_are_shown_before_they_are_scored(section: SpatialData) -> None:
    sdata = spacrd._sections.copy_data(section)
    table = sdata["table"]
    del table.obs["spacrd_likelihood"], table.uns["spacrd"]["spacrd"]
    axes = pl.patches(sdata, n=4)
    assert len(axes) == 4 and {panel.get_title() for panel in axes} == {""}
    with pytest.raises(KeyError, match="no result 'mine'"):
        pl.patches(sdata, key="mine")


def test_scores_without_their_record_are_ranked_too(section: SpatialData) -> None:
    sdata = spacrd._sections.copy_data(section)
    del sdata["table"].uns["spacrd"]["spacrd"]
    axes = pl.patches(sdata, n=2)
    assert len(axes) == 6
    assert axes[0].get_title() == f"{sdata['table'].obs['spacrd_likelihood'].max():.2f}"


def test_missing_patches_and_wrong_panels_are_refused(section: SpatialData) -> None:
    with pytest.raises(ValueError, match=r"spacrd\.pp\.extract_patches"):
        pl.patches(scored_adata(image=True))
    with pytest.raises(KeyError, match=r"'X_uni'.*'X_looking'"):
        pl.patches(section, image_rep="X_uni")
    _, given = plt.subplots(1, 4)
    with pytest.raises(ValueError, match="6 panels"):
        pl.patches(section, n=2, ax=given)
    with pytest.raises(ValueError, match="at least 1"):
        pl.patches(section, n=0)
