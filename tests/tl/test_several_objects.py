"""One call on several objects, and what a model that is not calibrated may say."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from scipy.sparse import csr_matrix

import spacrd
from tests.making.recipes import SHORT
from tests.making.sections import LABEL, POSITIVE, make_section


@pytest.fixture(scope="module")
def model():
    return spacrd.tl.fit(
        [make_section(1), make_section(2)], LABEL, positive=POSITIVE, modality="expression", recipe=SHORT
    )


def test_a_list_is_scored_as_its_members_are(model):
    alone, together = [make_section(3), make_section(4)], [make_section(3), make_section(4)]
    for table in alone:
        spacrd.tl.score(table, model)
    assert spacrd.tl.score(together, model) is None
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.obs["spacrd_likelihood"], other.obs["spacrd_likelihood"])
    copies = spacrd.tl.score([make_section(3)], model, copy=True)
    np.testing.assert_array_equal(copies[0].obs["spacrd_likelihood"], alone[0].obs["spacrd_likelihood"])


def test_nothing_is_written_if_one_of_a_list_cannot_be_scored(model):
    good, bad = make_section(3), make_section(4, prefix="other")
    with pytest.raises(ValueError, match="no gene in common"):
        spacrd.tl.score([good, bad], model)
    assert "spacrd_likelihood" not in good.obs and "spacrd_likelihood" not in bad.obs


def test_a_model_that_is_not_calibrated_gives_no_verdict(model):
    target = make_section(3)
    spacrd.tl.score(target, model)
    assert target.uns["spacrd"]["spacrd"]["sections"]["section"]["verdict"] == "unclear"
    spacrd.tl.threshold(target, method=0.5)
    assert target.uns["spacrd"]["spacrd"]["sections"]["section"]["verdict"] == "unclear"


def test_an_embedding_without_a_record_is_named():
    sections = [make_section(1), make_section(2)]
    joint = ad.concat(sections, label="slide", keys=["a", "b"], index_unique="-")
    arguments = {"positive": POSITIVE, "library_key": "slide", "recipe": SHORT}
    with pytest.warns(spacrd.SpacrdWarning, match=r"but obsm has 'X_mine'.*image_rep='X_mine'"):
        assert spacrd.tl.fit(joint, LABEL, **arguments).config.image is None
    with pytest.warns(spacrd.SpacrdWarning, match="no record of the encoder and patch size"):
        model = spacrd.tl.fit(joint, LABEL, image_rep="X_mine", **arguments)
    assert model.config.image.encoder == ""


def test_scaled_counts_point_to_where_counts_are(model):
    table = make_section(3)
    table.raw = table.copy()
    table.X = csr_matrix(table.X.toarray() - 3.0)
    with pytest.raises(ValueError, match=r"negative.*adata\.raw\.to_adata\(\)"):
        spacrd.tl.score(table, model)
    table.layers["umi"] = table.raw.X
    with pytest.raises(ValueError, match=r"negative.*layers 'umi'"):
        spacrd.tl.score(table, model)
