from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

import spacrd
from tests.making.recipes import small_recipe
from tests.making.sections import POSITIVE, make_section


def fit(sections, **kwargs):
    kwargs.setdefault("recipe", small_recipe(members=1))
    return spacrd.tl.fit(sections, "pathologist", positive=POSITIVE, **kwargs)


def auc(table, key="spacrd"):
    return roc_auc_score(table.obs["pathologist"] == POSITIVE, table.obs[f"{key}_likelihood"])


def test_scores_a_new_section_and_writes_what_it_says(both_model, target):
    before = target.copy()
    assert spacrd.tl.score(target, both_model) is None
    assert auc(target) > 0.9
    likelihood = target.obs["spacrd_likelihood"]
    assert likelihood.dtype == np.float32
    assert likelihood.between(0, 1).all()
    assert list(target.obs["spacrd_region"].cat.categories) == ["normal", "cancer", "uncertain"]
    assert len(target.uns["spacrd_region_colors"]) == 3
    assert target.obsm["X_spacrd"].shape == (target.n_obs, 8)
    record = target.uns["spacrd"]["spacrd"]
    assert record["model"] == both_model.id
    section = record["sections"]["section"]
    assert section["modality"] == "image+expression"
    assert section["gene_coverage"] == 1.0
    sure = target.obs["spacrd_region"] != "uncertain"
    assert sure.mean() >= 0.8
    called = likelihood[sure] >= section["threshold"]
    np.testing.assert_array_equal(called, target.obs["spacrd_region"][sure] == "cancer")
    assert target.uns["spacrd"]["X_mine"] == before.uns["spacrd"]["X_mine"]
    np.testing.assert_array_equal(target.X.toarray(), before.X.toarray())
    pd.testing.assert_frame_equal(target.obs[before.obs.columns], before.obs)


def test_copy_leaves_the_data_alone(both_model, target):
    scored = spacrd.tl.score(target, both_model, copy=True, key_added="other")
    assert "other_likelihood" in scored.obs
    assert "other_likelihood" not in target.obs
    assert "other" not in target.uns["spacrd"]


def test_same_seed_same_weights_and_another_seed_others(training_sections):
    one, two, other = (fit(training_sections, seed=seed) for seed in (4, 4, 5))
    assert one.id == two.id
    assert one.id != other.id
    assert one.history == two.history


def test_fit_leaves_random_state_and_data_alone(training_sections):
    before = [section.copy() for section in training_sections]
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    fit(training_sections)
    torch.testing.assert_close(torch.rand(3), wanted)
    for now, then in zip(training_sections, before, strict=True):
        pd.testing.assert_frame_equal(now.obs, then.obs)
        np.testing.assert_array_equal(now.X.toarray(), then.X.toarray())
        assert set(now.uns["spacrd"]) == set(then.uns["spacrd"])


def test_history_has_the_stages_of_the_recipe(training_sections, both_model):
    history = pd.DataFrame(both_model.history)
    assert set(history["stage"]) == {"fusion"}
    published = fit(training_sections, recipe=small_recipe("published"), max_epochs=2)
    assert {entry["stage"] for entry in published.history} == {"alignment", "fusion"}
    assert history["member"].nunique() == both_model.config.members
    fusion = history[history["stage"] == "fusion"].groupby("epoch")["classification"].mean()
    assert fusion.iloc[-1] < fusion.iloc[0]


@pytest.mark.parametrize("recipe", ["published", "networks", "default"])
@pytest.mark.parametrize("modality", ["image", "expression", None])
def test_every_recipe_and_modality(training_sections, target, recipe, modality):
    options = {} if recipe == "default" else {"recipe": small_recipe(recipe, members=1), "max_epochs": 2}
    model = spacrd.tl.fit(training_sections, "pathologist", positive=POSITIVE, modality=modality, **options)
    assert model.config.modalities == ((modality,) if modality else ("image", "expression"))
    spacrd.tl.score(target, model)
    assert target.obs["spacrd_likelihood"].notna().all()


def test_published_recipe_is_the_authors():
    recipe = spacrd.model.RECIPES["published"]
    assert (recipe.alignment_epochs, recipe.vae_epochs, recipe.fusion_epochs) == (100, 50, 50)
    assert (recipe.lr, recipe.batch_size, recipe.temperature) == (1e-5, 512, 0.07)
    assert (recipe.alpha, recipe.beta, recipe.gamma, recipe.separation) == (0.5, 0.5, 0.1, 0.1)
    assert recipe.separation_bound is None
    assert not recipe.detach
    assert recipe.network == {}


def test_the_published_recipe_trains_in_phases(training_sections):
    recipe = small_recipe("published", vae_epochs=2, fusion_epochs=1, alignment_epochs=1)
    fusion = [entry for entry in fit(training_sections, recipe=recipe).history if entry["stage"] == "fusion"]
    assert ["classification" in entry for entry in fusion] == [False, False, True]
    first, last = fusion[0], fusion[-1]
    vae = first["reconstruction"] + 0.5 * first["kl"] + 0.1 * first["separation"]
    assert first["total"] == pytest.approx(vae, rel=1e-4)
    vae = last["reconstruction"] + 0.5 * last["kl"] + 0.1 * last["separation"]
    assert last["total"] == pytest.approx(last["classification"] + 0.1 * vae, rel=1e-4)


def test_gene_order_missing_and_further_genes(gene_model, target):
    spacrd.tl.score(target, gene_model)
    wanted = target.obs["spacrd_likelihood"].to_numpy()
    shuffled = target[:, ::-1].copy()
    spacrd.tl.score(shuffled, gene_model)
    np.testing.assert_allclose(shuffled.obs["spacrd_likelihood"], wanted, atol=1e-6)
    import anndata as ad

    more = make_section(9, n=target.n_obs, prefix="other")
    more.obs_names = target.obs_names
    wide = ad.concat([target, more], axis=1)
    wide.obsm["spatial"] = target.obsm["spatial"]
    with pytest.warns(spacrd.SpacrdWarning, match="50 % of its counts are in genes that no training section has"):
        spacrd.tl.score(wide, gene_model)
    np.testing.assert_allclose(wide.obs["spacrd_likelihood"], wanted, atol=1e-6)
    few = target[:, 5:35].copy()
    spacrd.tl.score(few, gene_model)
    assert few.uns["spacrd"]["spacrd"]["sections"]["section"]["gene_coverage"] == pytest.approx(0.75)
    few_genes = pytest.warns(UserWarning, match="10 of the model's 40 genes")
    with few_genes, pytest.warns(UserWarning, match="another panel"):
        spacrd.tl.score(target[:, :10].copy(), gene_model)


def test_row_order_does_not_matter(both_model, target):
    spacrd.tl.score(target, both_model)
    order = np.random.default_rng(0).permutation(target.n_obs)
    shuffled = target[order].copy()
    spacrd.tl.score(shuffled, both_model)
    pd.testing.assert_series_equal(
        shuffled.obs["spacrd_likelihood"].loc[target.obs_names], target.obs["spacrd_likelihood"], atol=1e-5
    )


def test_labels_are_never_read(both_model, target):
    clean = spacrd.tl.score(target, both_model, copy=True)

    class Poison:
        def __eq__(self, other):
            raise AssertionError("score read a label")

        __hash__ = None

    target.obs["pathologist"] = pd.Series([Poison()] * target.n_obs, index=target.obs_names, dtype=object)
    spacrd.tl.score(target, both_model)
    np.testing.assert_array_equal(target.obs["spacrd_likelihood"], clean.obs["spacrd_likelihood"])


def test_missing_modality_is_scored_from_the_other_and_said(both_model, target):
    del target.obsm["X_mine"]
    with pytest.warns(UserWarning, match="expression alone"):
        spacrd.tl.score(target, both_model)
    assert target.uns["spacrd"]["spacrd"]["sections"]["section"]["modality"] == "expression"
    assert auc(target) > 0.8
    bare = make_section(4)[:, :0].copy()
    with pytest.warns(UserWarning, match="image alone"):
        spacrd.tl.score(bare, both_model)
    assert bare.uns["spacrd"]["spacrd"]["sections"]["section"]["modality"] == "image"
    assert auc(bare) > 0.8


def test_spots_off_the_image_are_scored_by_expression_alone(training_sections, both_model, target):
    target.obsm["X_mine"][:5] = np.nan
    spacrd.tl.score(target, both_model)
    assert target.obs["spacrd_likelihood"].notna().all()
    model = fit(training_sections, modality="image")
    spacrd.tl.score(target, model)
    assert target.obs["spacrd_likelihood"].isna().sum() == 5
    assert target.obs["spacrd_region"].isna().sum() == 5
    assert np.isnan(target.obsm["X_spacrd"][:5]).all()


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_tiny_sections_are_scored(both_model, n):
    tiny = make_section(5)[:n].copy()
    spacrd.tl.score(tiny, both_model)
    assert tiny.obs["spacrd_likelihood"].notna().all()
    record = tiny.uns["spacrd"]["spacrd"]["sections"]["section"]
    assert record["verdict"] == "unclear" and 0 < record["threshold"] < 1


def test_tiny_section_beside_large_ones_in_training(training_sections):
    model = fit([*training_sections, make_section(6)[:1].copy()], max_epochs=1)
    assert model.config.training["n_spots"] == 181


def test_sections_of_one_object_are_scored_apart(both_model):
    import anndata as ad

    parts = {name: make_section(seed) for name, seed in (("a", 7), ("b", 8))}
    joint = ad.concat(parts, label="library", index_unique="-")
    joint.uns["spacrd"] = parts["a"].uns["spacrd"]
    order = np.random.default_rng(0).permutation(joint.n_obs)
    joint = joint[order].copy()
    spacrd.tl.score(joint, both_model, library_key="library")
    for name, part in parts.items():
        spacrd.tl.score(part, both_model)
        part.obs_names = [f"{spot}-{name}" for spot in part.obs_names]
        got = joint.obs["spacrd_likelihood"].loc[part.obs_names]
        pd.testing.assert_series_equal(got, part.obs["spacrd_likelihood"], atol=1e-5)
    assert set(joint.uns["spacrd"]["spacrd"]["sections"]) == {"a", "b"}


def test_unlabelled_spots_only_help_as_neighbours(training_sections):
    partly = [section.copy() for section in training_sections]
    for section in partly:
        section.obs.loc[section.obs_names[::3], "pathologist"] = None
    model = fit(partly, max_epochs=2)
    assert model.config.training["n_labelled"] == 120
    assert model.config.training["n_spots"] == 180
    undecided = fit(training_sections, negative=["stroma"], max_epochs=1)
    assert undecided.config.training["n_labelled"] == 180


def test_results_survive_h5ad(both_model, target, tmp_path):
    import anndata as ad

    spacrd.tl.score(target, both_model)
    target.write_h5ad(tmp_path / "scored.h5ad")
    back = ad.read_h5ad(tmp_path / "scored.h5ad")
    np.testing.assert_array_equal(back.obs["spacrd_likelihood"], target.obs["spacrd_likelihood"])
    spacrd.tl.threshold(back, method=0.6)
    assert back.uns["spacrd"]["spacrd"]["sections"]["section"]["threshold"] == 0.6


def test_max_distance_needs_a_scale(training_sections):
    with pytest.raises(ValueError, match="scale is unknown"):
        fit(training_sections, max_distance=150.0)


def test_callbacks_see_every_stage(training_sections):
    from lightning.pytorch import Callback

    class Count(Callback):
        epochs = 0

        def on_train_epoch_end(self, trainer, pl_module):
            self.epochs += 1

    count = Count()
    fit(training_sections, recipe=small_recipe("published"), max_epochs=2, callbacks=[count])
    assert count.epochs == 4


def test_bfloat16_is_asked_for_by_name(training_sections, target):
    recipe = small_recipe(lr=1e-3, min_steps=45)  # steep models have likelihoods that change by more
    model = fit(training_sections, precision="bf16-mixed", recipe=recipe)
    plain = spacrd.tl.score(target, model, copy=True)
    spacrd.tl.score(target, model, precision="bf16-mixed")
    assert auc(target) > 0.9
    assert not target.obs["spacrd_likelihood"].equals(plain.obs["spacrd_likelihood"])
    np.testing.assert_allclose(target.obs["spacrd_likelihood"], plain.obs["spacrd_likelihood"], atol=0.02)
    wrong = "precision=.* is not known. Choose one of '32-true', 'bf16-mixed'"
    with pytest.raises(ValueError, match=wrong):
        fit(training_sections, precision="bf16")
    with pytest.raises(ValueError, match=wrong):
        spacrd.tl.score(target, model, precision=16)
