"""Parts of benchmarks that take away data: what is left is what the table says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from benchmarks.depth import keep_mean
from benchmarks.less_data import focus, panel, tables

import spacrd
from tests.rivals.toys import toy


def test_a_small_focus_is_compact_and_the_share_that_was_asked_for() -> None:
    whole = toy(1)
    few = focus(whole, 0.05, seed=0)
    cancer = few.target == 1
    assert cancer.mean() == pytest.approx(0.05, abs=0.01)
    assert (few.target != 1).sum() == (whole.target != 1).sum()
    middle = few.xy[cancer].mean(axis=0)
    inside = np.linalg.norm(whole.xy[whole.target == 1] - middle, axis=1)
    assert np.linalg.norm(few.xy[cancer] - middle, axis=1).max() <= np.sort(inside)[2 * cancer.sum()]


def test_a_panel_keeps_counts_and_names_of_its_genes_together() -> None:
    whole = toy(1)
    few = panel(whole, np.array(["GENE3", "GENE1", "ELSEWHERE"]))
    assert few.genes.tolist() == ["GENE1", "GENE3"]
    assert (few.counts.toarray() == whole.counts.toarray()[:, [1, 3]]).all()


def test_a_model_that_keeps_the_mean_direction_follows_depth_and_leaves_the_other_as_it_was() -> None:
    deep = [toy(seed, image=False, strength=0.0, cancer_depth=3.0) for seed in (1, 2)]
    model = spacrd.rivals.get("spacrd").fit(deep).model
    new = toy(3, image=False)
    before = model.predict(new).likelihood
    depth = np.asarray(new.counts.sum(axis=1)).ravel()
    kept = keep_mean(model).predict(new).likelihood
    np.testing.assert_array_equal(model.predict(new).likelihood, before)
    assert abs(np.corrcoef(kept, depth)[0, 1]) > abs(np.corrcoef(before, depth)[0, 1])


def test_tables_show_mean_and_worst() -> None:
    rows = [("sections", "1", "spacrd", np.nan, 0.8), ("sections", "1", "spacrd", np.nan, 0.6)]
    frame = pd.DataFrame(rows, columns=["study", "setting", "rival", "way", "auc"])
    assert "| 1 | 2 | 0.700 (0.600) |" in tables(frame)
