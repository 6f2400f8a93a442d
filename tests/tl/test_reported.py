"""What scoring records for a report, and a report with the model at hand."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import pytest

import spacrd
from tests.report.page import Page


def test_recorded_and_reported_with_the_model(
    both_model, gene_model, training_sections, target, tmp_path: Path
) -> None:
    data = target.copy()
    spacrd.tl.score(data, both_model)
    record = data.uns["spacrd"]["spacrd"]
    assert record["version"] == spacrd.__version__
    assert list(record["positive"]) == list(both_model.config.positive)
    assert not record["sections"]["section"]["in_training"]
    data.write_h5ad(tmp_path / "scored.h5ad")
    again = ad.read_h5ad(tmp_path / "scored.h5ad")
    text = Page.read(spacrd.report(again, tmp_path / "r.html", model=both_model)).text()
    facts = both_model.config
    assert f"model {both_model.id}" in text
    assert f"genes {len(facts.expression.genes)}" in text
    assert f"labelled training spots {facts.training['n_labelled']}" in text
    assert "section_hashes" not in text and "section hashes" not in text
    assert ", ".join(facts.positive) in text
    with pytest.raises(ValueError, match=f"scored by model '{both_model.id}', but model='{gene_model.id}'"):
        spacrd.report(again, tmp_path / "other.html", model=gene_model)
    assert not (tmp_path / "other.html").exists()

    seen = training_sections[0].copy()
    with pytest.warns(spacrd.SpacrdWarning, match="fitted on"):
        spacrd.tl.score(seen, both_model)
    assert "fitted on this very section" in Page.read(spacrd.report(seen, tmp_path / "seen.html")).text()
