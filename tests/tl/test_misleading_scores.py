"""What would give numbers that look too good, or are of the wrong animal, is said or refused."""

from __future__ import annotations

from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csc_matrix

import spacrd
from tests.making.models import fit
from tests.making.recipes import small_recipe
from tests.making.sections import POSITIVE, make_section
from tests.making.states import assert_same, state

KNOWN = "was fitted on, or shares spots"


def of(kind, both_model, gene_model, training_sections):
    if kind == "both":
        return both_model
    if kind == "expression":
        return gene_model
    return spacrd.tl.fit(
        training_sections, "pathologist", positive=POSITIVE, modality="image", recipe=small_recipe(), max_epochs=1
    )


@pytest.mark.parametrize("kind", ["both", "expression", "image"])
def test_scoring_a_training_section_warns_whatever_its_order_and_storage(
    kind, both_model, gene_model, training_sections, tmp_path
):
    model = of(kind, both_model, gene_model, training_sections)
    model.save(tmp_path / "model")
    model = spacrd.SpaCRD.load(tmp_path / "model")
    order = np.random.default_rng(0).permutation(training_sections[1].n_obs)
    shuffled = training_sections[1][order].copy()
    shuffled.obs_names = [f"{name}-1" for name in shuffled.obs_names]
    shuffled.X = csc_matrix(shuffled.X.astype(np.int32))
    shuffled.write_h5ad(tmp_path / "a.h5ad")
    backed = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    for section in (training_sections[0], shuffled, backed):
        with pytest.warns(UserWarning, match=KNOWN):
            spacrd.tl.score(section, model, copy=True)
    backed.file.close()


def test_the_warning_names_the_section_among_others(both_model, training_sections, recwarn):
    joint = ad.concat([training_sections[0], make_section(3)], label="library", keys=["old", "new"])
    joint.uns["spacrd"] = training_sections[0].uns["spacrd"]
    spacrd.tl.score(joint, both_model, library_key="library")
    (said,) = [str(w.message) for w in recwarn if KNOWN in str(w.message)]
    assert "Section 'old'" in said


def test_other_sections_are_scored_without_a_word(both_model, gene_model, recwarn):
    for model in (both_model, gene_model):
        spacrd.tl.score(make_section(3), model)
    assert not [w for w in recwarn if KNOWN in str(w.message)]


@pytest.mark.parametrize("kind", ["both", "expression", "image"])
def test_part_of_a_training_section_warns(kind, both_model, gene_model, training_sections, tmp_path):
    model = of(kind, both_model, gene_model, training_sections)
    model.save(tmp_path / "model")
    model = spacrd.SpaCRD.load(tmp_path / "model")
    rng = np.random.default_rng(0)
    whole = training_sections[1]
    part = whole[rng.permutation(whole.n_obs)[:30]].copy()
    part = part[:, rng.permutation(part.n_vars)].copy()
    joint = ad.concat([part, make_section(3)])  # and among other spots
    joint.obs_names_make_unique()
    joint.obsm["spatial"] = np.random.default_rng(1).permutation(120)[:, None] * [100.0, 0.0]
    joint.uns["spacrd"] = part.uns["spacrd"]
    for section in (part, joint):
        with pytest.warns(UserWarning, match=KNOWN):
            spacrd.tl.score(section, model)


def test_parts_of_one_section_that_overlap_are_said_in_a_fit(training_sections):
    whole = training_sections[0]
    with pytest.warns(UserWarning, match="share spots.*every spot once"):
        fit([whole[:60].copy(), whole[40:].copy(), training_sections[1]], modality="expression", max_epochs=1)


def test_models_without_section_hashes_still_load_and_score(both_model, training_sections, tmp_path, recwarn):
    facts = {
        name: value
        for name, value in both_model.config.training.items()
        if name not in ("section_hashes", "spot_hashes")
    }
    config = replace(both_model.config, training=facts)
    spacrd.SpaCRD(config, both_model.parts, both_model.history).save(tmp_path / "m")
    old = spacrd.SpaCRD.load(tmp_path / "m")
    new, before = (spacrd.tl.score(training_sections[0], model, copy=True) for model in (both_model, old))
    assert len([w for w in recwarn if KNOWN in str(w.message)]) == 1
    np.testing.assert_array_equal(new.obs["spacrd_likelihood"], before.obs["spacrd_likelihood"])


def test_section_hashes_are_hashes_alone_and_stay_out_of_the_card(both_model, tmp_path):
    prints = both_model.config.training["section_hashes"].split()
    assert [len(one) for one in prints] == [16, 16] and len(set(prints)) == 2
    int(prints[0], 16)
    both_model.save(tmp_path / "m")
    card = (tmp_path / "m" / "README.md").read_text()
    spots = both_model.config.training["spot_hashes"].split()
    assert len(spots) == 2 * 2 * 90 and {len(one) for one in spots} == {12}  # counts and embedding of each spot
    assert "_hash" not in card and " hash" not in card and prints[0] not in card and spots[0] not in card
    assert "For research use only. Not a medical device; not for diagnosis." in card


def test_the_same_section_twice_in_a_fit_is_said(training_sections):
    with pytest.warns(UserWarning, match="are the same.*every section once"):
        spacrd.tl.fit(
            [*training_sections, training_sections[0]],
            "pathologist",
            positive=POSITIVE,
            recipe=small_recipe(members=1),
            max_epochs=1,
        )


class Poison:
    """Raises whatever is done to it."""

    def _no(self, *_):
        raise AssertionError("a label was read")

    __eq__ = __ne__ = __lt__ = __gt__ = __str__ = __repr__ = __bool__ = __len__ = __iter__ = __float__ = __int__ = _no
    __hash__ = __format__ = __array__ = __index__ = __contains__ = __getitem__ = __copy__ = __reduce__ = _no


def poison_labels(table):
    labels = np.empty(table.n_obs, dtype=object)
    for spot in range(table.n_obs):  # one by one: numpy 2.0 asks objects of a list for their values
        labels[spot] = Poison()
    table.obs["pathologist"] = pd.Series(labels, table.obs_names)


@pytest.mark.parametrize("copy", [False, True])
def test_labels_of_the_scored_section_are_never_read(both_model, target, copy, monkeypatch):
    clean = spacrd.tl.score(target, both_model, copy=True).obs["spacrd_likelihood"]
    del target.obs["pathologist"]
    poison_labels(target)
    read = []
    of_frame = pd.DataFrame.__getitem__
    monkeypatch.setattr(pd.DataFrame, "__getitem__", lambda self, key: read.append(str(key)) or of_frame(self, key))
    scored = spacrd.tl.score(target, both_model, copy=copy) if copy else None
    if not copy:
        spacrd.tl.score(target, both_model)
    monkeypatch.undo()
    # AnnData reads every column when it copies a table; without a copy nobody may.
    assert copy or not [key for key in read if "pathologist" in key]
    np.testing.assert_array_equal((scored if copy else target).obs["spacrd_likelihood"], clean)


def test_what_reads_labels_meets_the_poison(both_model, target):
    spacrd.tl.score(target, both_model)
    poison_labels(target)
    with pytest.raises(AssertionError, match="a label was read"):
        spacrd.metrics.evaluate(target, "pathologist", positive=POSITIVE)


def test_a_forgotten_embedding_is_named_with_the_call_that_makes_it(both_model):
    target = make_section(3, image=False)
    with pytest.warns(spacrd.SpacrdWarning, match="run spacrd.pp.extract_patches with encoder='mine' first"):
        spacrd.tl.score(target, both_model)


@pytest.mark.parametrize("shared", [0, 5])
def test_a_model_of_another_organism_is_refused(shared):
    human = [make_section(seed, prefix="GENE") for seed in (1, 2)]
    model = spacrd.tl.fit(
        human, "pathologist", positive=POSITIVE, modality="expression", recipe=small_recipe(members=1), max_epochs=1
    )
    mouse = make_section(3, prefix="Gene")
    mouse.var_names = [name.upper() if i < shared else name for i, name in enumerate(mouse.var_names)]
    before = state(mouse)
    with pytest.raises(ValueError, match=rf"has {shared} of the model's 40 genes.*reads 'GENE\d+'.*another organism"):
        spacrd.tl.score(mouse, model)
    assert_same(state(mouse), before)
    ensembl = make_section(3, prefix="ENSMUSG")
    with pytest.raises(ValueError, match="no gene in common.*the same organism"):
        spacrd.tl.score(ensembl, model)


def test_spots_that_nothing_tells_apart_are_named(training_sections, target):
    model = spacrd.tl.fit(
        training_sections, "pathologist", positive=POSITIVE, modality="expression", genes=["g0", "g1", "g39"]
    )
    target.X = target.X.toarray() * ~np.isin(target.var_names, ["g0", "g1", "g39"])
    with pytest.warns(spacrd.SpacrdWarning, match="all spots have the same likelihood.*calls mean nothing"):
        spacrd.tl.score(target, model)
    assert np.ptp(target.obs["spacrd_likelihood"]) == 0
