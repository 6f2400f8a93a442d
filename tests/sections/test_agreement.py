"""Places in obsm and in the annotated element are the same places, or the section is refused."""

from __future__ import annotations

import numpy as np
import pytest
from spatialdata.models import TableModel

import spacrd
from tests.making.image_sections import make_sdata
from tests.making.messages import messages_of
from tests.making.sections import make_section


def with_genes():
    """A section with image and the genes of the model."""
    sdata = make_sdata()
    old = sdata["table"]
    table = make_section(3, n=old.n_obs, image=False)
    table.obs_names, table.obsm["spatial"] = old.obs_names, old.obsm["spatial"].copy()
    table.obs["spot_id"], table.obs["region"] = old.obs["spot_id"].to_numpy(), old.obs["region"].to_numpy()
    del sdata.tables["table"]
    sdata.tables["table"] = TableModel.parse(table, region="one", region_key="region", instance_key="spot_id")
    return sdata


CONTRADICTIONS = {
    "permuted": lambda xy: np.random.default_rng(0).permutation(xy),
    "reversed": lambda xy: xy[::-1],
    "two exchanged": lambda xy: xy[[1, 0, *range(2, len(xy))]],
    "a tenth exchanged": lambda xy: np.concatenate([xy[8::-1], xy[9:]]),
    "stretched": lambda xy: xy * [1.0, 1.5],
}
SAME = {
    "moved": lambda xy: xy + 700.0,
    "turned": lambda xy: xy @ np.array([[0.6, -0.8], [0.8, 0.6]]),
    "mirrored": lambda xy: xy * [-1.0, 1.0],
    "in other units": lambda xy: xy * 0.2125,
    "rounded": lambda xy: xy.round(),
}


@pytest.mark.parametrize("how", CONTRADICTIONS)
def test_contradicting_places_are_refused(gene_model, how):
    for call in (
        lambda sdata: spacrd.tl.score(sdata, gene_model),
        lambda sdata: spacrd.pp.extract_patches(sdata, encoder="colour"),
    ):
        sdata = with_genes()
        table = sdata["table"]
        table.obsm["spatial"] = CONTRADICTIONS[how](table.obsm["spatial"])
        with pytest.raises(ValueError, match=r"contradict each other about where \d+ of 85 spots lie"):
            call(sdata)
        del table.obsm["spatial"]
        call(sdata)


@pytest.mark.parametrize("how", SAME)
def test_the_same_places_otherwise_written_are_taken(gene_model, how):
    sdata, plain = with_genes(), with_genes()
    sdata["table"].obsm["spatial"] = SAME[how](sdata["table"].obsm["spatial"])
    for each in (sdata, plain):
        assert not messages_of(lambda each=each: spacrd.tl.score(each, gene_model), "places")
    del plain["table"].obsm["spatial"]
    spacrd.tl.score(plain, gene_model)
    spacrd.pp.extract_patches(sdata, encoder="colour")


def test_a_table_may_be_sorted_with_its_places(gene_model):
    sdata = with_genes()
    order = np.random.default_rng(0).permutation(85)
    table = sdata["table"][order].copy()
    del sdata.tables["table"]
    sdata.tables["table"] = table
    spacrd.tl.score(sdata, gene_model)
    plain = with_genes()
    spacrd.tl.score(plain, gene_model)
    expected = plain["table"].obs["spacrd_likelihood"].to_numpy()[order]
    np.testing.assert_allclose(table.obs["spacrd_likelihood"], expected, atol=1e-6)
