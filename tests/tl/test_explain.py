"""What likelihoods rest on: parts add up, planted genes come out, nothing else changes."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import spearmanr

import spacrd
from spacrd.model import Level
from spacrd.model._calibration import bounded
from tests.making.models import fit
from tests.making.recipes import small_recipe
from tests.making.sections import make_section

MODELS = {
    "expression": ("default", {"modality": "expression"}),
    "default": ("default", {}),
    "image": (small_recipe(lr=3e-3), {"modality": "image"}),
    "both": (small_recipe(lr=3e-3), {}),
    "published": (small_recipe("published", members=2), {}),
}


@pytest.fixture(scope="module")
def models():
    sections = [make_section(seed) for seed in range(2)]
    return {name: fit(sections, recipe=recipe, **kwargs) for name, (recipe, kwargs) in MODELS.items()}


def explained(model, table=None, **kwargs):
    table = make_section(3) if table is None else table
    spacrd.tl.score(table, model)
    spacrd.tl.explain(table, model, **kwargs)
    return table


def likelihood_of(contrast, table, model):
    """Likelihoods of logits that are known up to a constant."""
    if not model.config.calibration.n_sections:
        return expit(contrast)
    (report,) = table.uns["spacrd"]["spacrd"]["sections"].values()
    return expit(bounded(Level(report["level"]).scenarios(contrast))).mean(axis=1)


@pytest.mark.parametrize("name", MODELS)
def test_parts_add_up_to_the_logit(models, name):
    model = models[name]
    table = explained(model, n_steps=256)
    total = table.obsm["spacrd_contributions"].sum(axis=1).to_numpy(np.float64)
    found = table.obs["spacrd_likelihood"].to_numpy(np.float64)
    assert np.ptp(found) > (1e-4 if name == "published" else 0.2)
    np.testing.assert_allclose(likelihood_of(total, table, model), found, atol=0.02 * np.ptp(found) + 1e-6)
    inputs = table.obsm["spacrd_contributions"].drop(columns="base").sum(axis=1)
    np.testing.assert_allclose(table.obsm["spacrd_sources"].sum(axis=1), inputs, atol=1e-3)


@pytest.mark.parametrize("name", ["expression", "both", "published"])
def test_genes_add_up_to_expression(models, name):
    table = explained(models[name])
    genes = table.varm["spacrd_contributions"]
    regions = table.uns["spacrd"]["spacrd_explanation"]["regions"]
    for region in genes:
        assert genes[region].sum() == pytest.approx(regions.loc[region, "expression"], abs=1e-3)


def test_genes_that_tell_come_out_on_top(models):
    table = explained(models["expression"])
    top = table.varm["spacrd_contributions"]["cancer"].nlargest(10).index
    assert len(set(top) & {f"g{i}" for i in range(10)}) >= 8
    assert table.uns["spacrd"]["spacrd_explanation"]["attention"] == "none"


def test_other_regions_can_be_named(models):
    table = make_section(3)
    spacrd.tl.score(table, models["expression"])
    spacrd.tl.explain(table, models["expression"], groupby="pathologist")
    genes = table.varm["spacrd_contributions"]
    assert set(genes) == {"invasive cancer", "stroma"}
    assert genes.loc["g0", "invasive cancer"] > genes.loc["g0", "stroma"]


def test_order_of_spots_and_genes_does_not_matter(models):
    one = explained(models["both"])
    rng = np.random.default_rng(0)
    source = make_section(3)
    two = explained(models["both"], source[rng.permutation(source.n_obs), rng.permutation(source.n_vars)].copy())
    for slot in ("spacrd_contributions", "spacrd_sources"):
        np.testing.assert_allclose(two.obsm[slot].loc[one.obs_names], one.obsm[slot], atol=1e-3)
    np.testing.assert_allclose(
        two.varm["spacrd_contributions"].loc[one.var_names], one.varm["spacrd_contributions"], atol=1e-3
    )


def test_labels_are_never_read(models):
    poisoned = make_section(3)
    poisoned.obs["pathologist"] = np.random.default_rng(0).permutation(poisoned.obs["pathologist"])
    one, two = explained(models["both"]), explained(models["both"], poisoned)
    np.testing.assert_array_equal(one.obsm["spacrd_contributions"], two.obsm["spacrd_contributions"])


def test_a_missing_modality_contributes_nothing(models):
    table = make_section(3, image=False)
    with pytest.warns(UserWarning, match="expression alone"):
        explained(models["both"], table)
    np.testing.assert_allclose(table.obsm["spacrd_contributions"]["image"], 0, atol=1e-5)


def test_missing_genes_are_nan_and_others_stay(models):
    source = make_section(3)
    table = explained(models["expression"], source[:, 5:].copy())
    assert table.varm["spacrd_contributions"].notna().all().all()
    assert "g0" not in table.varm["spacrd_contributions"].index


def test_results_survive_h5ad(models, tmp_path):
    table = explained(models["both"])
    table.write_h5ad(tmp_path / "a.h5ad")
    back = ad.read_h5ad(tmp_path / "a.h5ad")
    np.testing.assert_array_equal(back.obsm["spacrd_contributions"], table.obsm["spacrd_contributions"])
    np.testing.assert_array_equal(back.varm["spacrd_contributions"], table.varm["spacrd_contributions"])
    assert back.uns["spacrd"]["spacrd_explanation"]["attention"] == "votes"


def test_errors_say_what_to_do_and_change_nothing(models):
    table = make_section(3)
    with pytest.raises(KeyError, match=r"spacrd\.tl\.score"):
        spacrd.tl.explain(table, models["both"])
    with pytest.raises(TypeError, match="SpaCRD"):
        spacrd.tl.explain(table, "model")
    with pytest.raises(KeyError, match="no obs column 'tissue'"):
        spacrd.tl.explain(table, models["both"], groupby="tissue")
    spacrd.tl.score(table, models["both"])
    with pytest.raises(ValueError, match="n_steps"):
        spacrd.tl.explain(table, models["both"], n_steps=0)
    assert set(table.obsm) == {"spatial", "X_mine", "X_spacrd"}
    assert not table.varm


def test_copy_leaves_the_original(models):
    table = make_section(3)
    spacrd.tl.score(table, models["both"])
    copied = spacrd.tl.explain(table, models["both"], copy=True)
    assert "spacrd_contributions" in copied.varm
    assert not table.varm


@pytest.mark.real_data
def test_top_genes_agree_with_markers_of_called_regions(real_data):
    import scanpy as sc

    cancer = ["invasive cancer", "cancer in situ"]
    sections = {name: spacrd.datasets.her2st(real_data / "her2st", name) for name in ("A1", "C1", "E1", "G2")}
    target = sections.pop("G2")
    with pytest.warns(spacrd.SpacrdWarning, match="'undetermined' .* which count as not cancer"):
        model = fit(list(sections.values()), positive=cancer, modality="expression", recipe="default")
    spacrd.tl.score(target, model)
    spacrd.tl.explain(target, model)
    table = target["table"].copy()
    read = table.varm["spacrd_contributions"].dropna()
    genes = table[:, read.index].copy()
    sc.pp.normalize_total(genes, target_sum=1e4)
    sc.pp.log1p(genes)
    sc.tl.rank_genes_groups(genes, "spacrd_region", groups=["cancer"], reference="normal", method="wilcoxon")
    ranked = sc.get.rank_genes_groups_df(genes, "cancer").set_index("names")["scores"]
    contribution = read["cancer"] - read["normal"]
    shared = len(set(contribution.nlargest(50).index) & set(ranked.nlargest(50).index))
    rho = spearmanr(contribution.loc[ranked.index], ranked).statistic
    print(f"top 50 shared: {shared}; by chance {2500 / len(read):.1f}; Spearman over {len(read)} genes: {rho:.2f}")
    assert shared >= 5 * 2500 / len(read)
    assert rho > 0.1  # weights allow for covariance, markers are tested one by one
