"""Spots off the tissue take no part, get NaN, and are said once."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import spacrd
from tests.making.image_sections import make_adata, make_sdata
from tests.making.messages import messages_of
from tests.making.models import fit_two
from tests.making.recipes import SHORT
from tests.making.sections import LABEL, POSITIVE, make_section

FORMS = {
    "int": lambda flags: flags.astype(int),
    "bool": lambda flags: flags,
    "text": lambda flags: np.where(flags, "1", "0"),
    "text of bool": lambda flags: np.where(flags, "TRUE", "FALSE"),
    "float": lambda flags: flags.astype(float),
    "category": lambda flags: pd.Categorical(flags.astype(int)),
}


def with_background(seed, form="int", share=1.0):
    """A section and the same with empty spots between and beside its spots."""
    section = make_section(seed)
    rng = np.random.default_rng(seed)
    n = int(share * section.n_obs)
    empty = ad.AnnData(
        csr_matrix(rng.poisson(0.1, (n, section.n_vars)).astype(np.float32)),
        obs=pd.DataFrame({LABEL: [np.nan] * n}, index=[f"empty_{i}" for i in range(n)]),
        var=section.var.copy(),
        obsm={"spatial": section.obsm["spatial"][:n] + 50.0},
    )
    if "X_mine" in section.obsm:
        empty.obsm["X_mine"] = np.full((n, 6), 9.0, np.float32)
    whole = ad.concat([section, empty])
    whole = whole[rng.permutation(whole.n_obs)].copy()
    whole.uns = section.uns.copy()
    whole.obs["in_tissue"] = FORMS[form](whole.obs_names.isin(section.obs_names))
    return section, whole


def said(call):
    return messages_of(call, "in_tissue")


@pytest.mark.parametrize("form", FORMS)
def test_spots_off_tissue_do_not_change_the_others_and_are_nan(gene_model, form):
    section, whole = with_background(3, form)
    spacrd.tl.score(section, gene_model)
    (message,) = said(lambda: spacrd.tl.score(whole, gene_model))
    assert message.startswith("90 of 180 spots lie off the tissue")
    same = whole[section.obs_names]
    np.testing.assert_allclose(same.obs["spacrd_likelihood"], section.obs["spacrd_likelihood"], atol=1e-6)
    assert (same.obs["spacrd_region"].astype(str) == section.obs["spacrd_region"].astype(str)).all()
    np.testing.assert_allclose(same.obsm["X_spacrd"], section.obsm["X_spacrd"], atol=1e-5)
    off = whole[whole.obs_names.str.startswith("empty")]
    for column in ("spacrd_likelihood", "spacrd_uncertainty", "spacrd_region"):
        assert off.obs[column].isna().all()
    assert np.isnan(off.obsm["X_spacrd"]).all()
    reports = [table.uns["spacrd"]["spacrd"]["sections"]["section"] for table in (section, whole)]
    for name in ("n_scored", "threshold", "median_counts"):
        assert reports[0][name] == pytest.approx(reports[1][name])


def test_a_flag_that_is_missing_is_no_flag(gene_model):
    section = make_section(3)
    section.obs["in_tissue"] = np.where(np.arange(section.n_obs) < 5, np.nan, 1.0)
    assert not said(lambda: spacrd.tl.score(section, gene_model))
    assert section.obs["spacrd_likelihood"].notna().all()


def test_a_section_without_a_spot_on_tissue_is_refused(gene_model):
    section = make_section(3)
    section.obs["in_tissue"] = 0
    with pytest.raises(ValueError, match="no spot on tissue: obs\\['in_tissue'\\] is 0 throughout"):
        spacrd.tl.score(section, gene_model)


def test_a_model_learns_nothing_from_spots_off_tissue():
    sections = [with_background(seed) for seed in (1, 2)]
    whole = [both[1] for both in sections]
    for table in whole:  # labels there, too, must not be learned
        table.obs.loc[table.obs["in_tissue"] == 0, LABEL] = POSITIVE
    models = []
    arguments = {"positive": POSITIVE, "modality": "expression", "recipe": SHORT}
    messages = said(lambda: models.append(spacrd.tl.fit(whole, LABEL, **arguments)))
    assert len(messages) == 1 and messages[0].startswith("180 of 360 spots")
    alone = fit_two(modality="expression", recipe=SHORT)
    target, other = make_section(3), make_section(3)
    spacrd.tl.score(target, models[0])
    spacrd.tl.score(other, alone)
    np.testing.assert_allclose(target.obs["spacrd_likelihood"], other.obs["spacrd_likelihood"], atol=0.02)


@pytest.mark.filterwarnings("ignore:29 of 85 spots lie off the tissue")
@pytest.mark.parametrize("make", [make_adata, make_sdata])
def test_no_patch_is_cut_off_tissue(make):
    data = make()
    table = data if make is make_adata else data["table"]
    off = np.arange(table.n_obs) % 3 == 0
    table.obs["in_tissue"] = (~off).astype(int)
    assert len(said(lambda: spacrd.pp.extract_patches(data, encoder="colour"))) == 1
    embedded = np.isfinite(table.obsm["X_colour"]).all(axis=1)
    np.testing.assert_array_equal(embedded, ~off)
    assert not table.obs["spacrd_in_image"][off].any()
    first = table.obsm["X_colour"].copy()
    spacrd.pp.extract_patches(data, encoder="colour")
    np.testing.assert_array_equal(table.obsm["X_colour"], first)


def test_a_second_encoder_may_take_the_slot_of_the_first_one():
    """The rows off tissue are no other section, whose embedding would have to stay."""
    adata = make_adata()
    adata.obs["in_tissue"] = (np.arange(adata.n_obs) % 3 > 0).astype(int)
    said(lambda: spacrd.pp.extract_patches(adata, encoder="handcrafted", key_added="X_he"))
    said(lambda: spacrd.pp.extract_patches(adata, encoder="colour", key_added="X_he"))
    assert np.isnan(adata.obsm["X_he"][adata.obs["in_tissue"] == 0]).all()


def test_annotations_and_plots_leave_spots_off_tissue_out(gene_model):
    adata = make_adata()
    adata.obs["in_tissue"] = (np.arange(adata.n_obs) % 3 > 0).astype(int)
    square = {"type": "Polygon", "coordinates": [[[0, 0], [600, 0], [600, 600], [0, 600], [0, 0]]]}
    drawn = {"type": "Feature", "geometry": square, "properties": {"classification": {"name": "T"}}}
    assert len(said(lambda: spacrd.pp.annotate(adata, drawn, key_added="q"))) == 1
    np.testing.assert_array_equal(adata.obs["q"].notna(), adata.obs["in_tissue"] == 1)
    _, whole = with_background(3)
    said(lambda: spacrd.tl.score(whole, gene_model))
    assert not said(lambda: spacrd.pl.likelihood(whole))


def test_pseudospots_hold_no_cells_off_tissue():
    _, whole = with_background(3)
    made = []
    assert len(said(lambda: made.append(spacrd.pp.pseudospots(whole, diameter_um=300, pitch_um=300, mpp=1.0)))) == 1
    on = whole[whole.obs["in_tissue"] == 1].copy()
    alone = spacrd.pp.pseudospots(on, diameter_um=300, pitch_um=300, mpp=1.0)
    np.testing.assert_array_equal(made[0].X.toarray(), alone.X.toarray())
