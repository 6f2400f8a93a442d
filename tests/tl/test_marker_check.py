from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import spacrd
from spacrd._marker_genes import TISSUE_MARKERS, TUMOUR_MARKERS
from spacrd.tl import marker_sentence
from tests.making.scored import scored_adata


def tissue(high: tuple[str, ...] = ("epithelial",), low: tuple[str, ...] = ("fat",), n: int = 200) -> AnnData:
    """A section whose called region is high in some sets of markers and low in others; 200 further genes."""
    scored = scored_adata(n)
    markers = [gene for genes in TISSUE_MARKERS.values() for gene in genes]
    names = [*markers, *(f"g{i}" for i in range(200))]
    cancer = (scored.obs["spacrd_region"] == "cancer").to_numpy()
    rate = np.full((n, len(names)), 2.0)
    for sets, inside, outside in ((high, 8.0, 2.0), (low, 0.5, 6.0)):
        for name in sets:
            columns = [names.index(gene) for gene in TISSUE_MARKERS[name]]
            rate[:, columns] = np.where(cancer, inside, outside)[:, None]
    counts = np.random.default_rng(0).poisson(rate).astype(np.float32)
    adata = AnnData(counts, obs=scored.obs, obsm=dict(scored.obsm), uns=dict(scored.uns))
    adata.var_names = names
    return adata


def test_sets_are_compared_between_called_regions() -> None:
    adata = tissue()
    before = adata.copy()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    table = spacrd.tl.marker_check(adata).set_index("set")
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert table.loc["epithelial", "difference"] > 0.5 and table.loc["epithelial", "auc"] > 0.95
    assert table.loc["fat", "difference"] < -0.5 and table.loc["fat", "auc"] < 0.05
    assert abs(table.loc["immune", "auc"] - 0.5) < 0.15
    assert (table["n_genes"] == 8).all() and "EPCAM" in table.loc["epithelial", "genes"]
    np.testing.assert_array_equal(adata.X, before.X)
    pd.testing.assert_frame_equal(adata.obs, before.obs)


def test_counts_in_a_layer_and_logged_values_agree() -> None:
    adata = tissue()
    plain = spacrd.tl.marker_check(adata)
    adata.layers["raw"] = adata.X
    adata.X = np.log1p(adata.X / adata.X.sum(axis=1, keepdims=True) * 1e4)
    pd.testing.assert_frame_equal(spacrd.tl.marker_check(adata, layer="raw"), plain)
    pd.testing.assert_frame_equal(spacrd.tl.marker_check(adata), plain, rtol=1e-3)


def test_symbols_are_found_beside_ensembl_ids() -> None:
    adata = tissue()
    expected = spacrd.tl.marker_check(adata)
    adata.var["symbol"] = adata.var_names.astype(str)
    adata.var_names = [f"ENSG{i:011d}" for i in range(adata.n_vars)]
    assert spacrd.tl.marker_check(adata)["genes"].to_list() == expected["genes"].to_list()


def test_too_few_genes_or_spots_say_nothing() -> None:
    adata = tissue()
    few = adata[:, [*adata.var_names.intersection(TISSUE_MARKERS["epithelial"])[:2], *adata.var_names[40:]]].copy()
    row = spacrd.tl.marker_check(few).set_index("set").loc["epithelial"]
    assert row["n_genes"] == 2 and np.isnan(row["auc"])
    adata.obs["spacrd_region"] = "normal"
    table = spacrd.tl.marker_check(adata)
    assert table["auc"].isna().all() and (table["n_genes"] == 8).all()
    assert marker_sentence(table) == ""


def test_own_sets_and_organs_are_added() -> None:
    sets = spacrd.tl.marker_check(tissue(), markers={"mine": ["EPCAM", "KRT8", "KRT18"], "fat": ["g1"]}, organ="breast")
    assert sets["set"].to_list() == [*TISSUE_MARKERS, "breast carcinoma", "mine"]
    assert sets.set_index("set").loc["mine", "auc"] > 0.9
    assert sets.set_index("set").loc["fat", "n_genes"] == 1
    for wrong in ({"mine": "EPCAM"}, ["EPCAM"], {"mine": [1]}):
        with pytest.raises(TypeError, match="markers"):
            spacrd.tl.marker_check(tissue(), markers=wrong)
    with pytest.raises(ValueError, match="organ='lung' is not known.*'breast'"):
        spacrd.tl.marker_check(tissue(), organ="lung")


@pytest.mark.parametrize(
    ("high", "low", "said"),
    [
        (("epithelial",), ("fat",), "as expected of a carcinoma"),
        (("immune",), (), "not as expected of a carcinoma"),
        (("epithelial", "immune"), (), "immune markers are not expected"),
        ((), (), "differs in no set of markers: not as expected"),
    ],
)
def test_the_sentence_says_what_was_found(high: tuple[str, ...], low: tuple[str, ...], said: str) -> None:
    sentence = marker_sentence(spacrd.tl.marker_check(tissue(high, low)))
    assert said in sentence and sentence.endswith(".")
    for names, word in ((high, "higher in "), (low, "lower in ")):
        for name in names:
            assert name in sentence[sentence.index(word) :]


def test_there_is_one_list_of_markers() -> None:
    from spacrd.rivals import _tissue_markers

    assert _tissue_markers.TUMOUR_MARKERS is TUMOUR_MARKERS
    assert all(len(set(genes)) == len(genes) >= 8 for genes in TISSUE_MARKERS.values())


def test_the_report_shows_the_comparison_or_nothing(tmp_path) -> None:
    text = spacrd.report(tissue(), tmp_path / "r.html").read_text()
    assert "Marker genes in the called region" in text and "as expected of a carcinoma" in text
    without = tissue()
    without.obs["spacrd_region"] = "normal"
    assert "Marker genes" not in spacrd.report(without, tmp_path / "n.html").read_text()


def test_names_may_come_from_a_generator_and_must_be_names() -> None:
    adata = scored_adata(200)
    genes = list(adata.var_names[:4])
    listed, made = (spacrd.tl.marker_check(adata, markers={"s": names}) for names in (genes, (gene for gene in genes)))
    pd.testing.assert_frame_equal(listed, made)
    for wrong in (None, 5, "EPCAM", [1, 2]):
        with pytest.raises(TypeError, match="must be a list of names of genes"):
            spacrd.tl.marker_check(adata, markers={"s": wrong})


@pytest.mark.parametrize("value", [np.nan, -1.0])
def test_expression_that_cannot_be_is_refused(value: float) -> None:
    adata = scored_adata(200)
    matrix = np.asarray(adata.X.todense() if hasattr(adata.X, "todense") else adata.X, dtype=np.float32).copy()
    matrix[0, 0] = value
    adata.X = matrix
    with pytest.raises(ValueError, match="negative or missing values"):
        spacrd.tl.marker_check(adata)
