"""Warnings point at the line of the caller."""

from __future__ import annotations

import pytest

import spacrd


def test_a_warning_names_the_file_that_called() -> None:
    toy = spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60)["table"]
    with pytest.warns(spacrd.SpacrdWarning, match="not calibrated") as caught:
        model = spacrd.tl.fit(toy, "pathologist", positive="invasive cancer", modality="expression")
    with pytest.warns(spacrd.SpacrdWarning, match="was fitted on") as again:
        spacrd.tl.score(toy, model)
    assert {warning.filename for warning in [*caught, *again]} == {__file__}
