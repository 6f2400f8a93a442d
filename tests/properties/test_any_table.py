"""Any table is fitted, scored, cut, outlined, compared and drawn, or refused in our words and left as it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import event, given, note, settings
from hypothesis import strategies as st
from matplotlib import pyplot

import spacrd
from tests.making.models import small_recipe

from .outcome import outcome
from .tables import build, positive_of, tables

REGIONS = {"normal", "cancer", "uncertain"}


def check_scores(table) -> None:
    """What ``tl.score`` documents, whatever the table was."""
    likelihood = table.obs["spacrd_likelihood"].to_numpy()
    uncertainty = table.obs["spacrd_uncertainty"].to_numpy()
    region = table.obs["spacrd_region"]
    known = ~np.isnan(likelihood)
    assert likelihood.dtype == uncertainty.dtype == np.float32
    assert ((likelihood[known] >= 0) & (likelihood[known] <= 1)).all()
    assert set(region.dropna()) <= REGIONS
    np.testing.assert_array_equal(region.notna(), known)
    assert not ((uncertainty < 0) | (uncertainty > 0.5)).any()
    latent = table.obsm["X_spacrd"]
    assert latent.dtype == np.float32 and np.isfinite(latent[known]).all() and np.isnan(latent[~known]).all()
    for report in table.uns["spacrd"]["spacrd"]["sections"].values():
        assert report["verdict"] in ("tumour", "no tumour", "unclear")
        assert 0 <= report["threshold"] <= 1


@given(spec=tables)
def test_any_table_is_scored_or_refused(model, spec):
    table, untouched, arguments = build(spec)
    rows, scored = table.obs_names.tolist(), []
    message = outcome(lambda: scored.append(spacrd.tl.score(table, model, copy=True, **arguments)), table, *untouched)
    event(message[:30] or "scored")
    note(message)
    for result in scored:
        assert result.obs_names.tolist() == rows
        check_scores(result)


@given(spec=tables, method=st.sampled_from(["gmm", 0.5, 0.0, 1.0]))
def test_any_scored_table_can_be_worked_on_or_is_refused(model, spec, method):
    table, _, arguments = build(spec)
    scored = []
    if outcome(lambda: scored.append(spacrd.tl.score(table, model, copy=True, **arguments))):
        return
    (table,) = scored
    calls = {
        "threshold": lambda: spacrd.tl.threshold(table, method=method),
        "regions": lambda: spacrd.tl.regions(table, mpp=1.0),
        "evaluate": lambda: spacrd.metrics.evaluate(table, "label", positive=positive_of(spec)),
        "severity": lambda: spacrd.metrics.severity(table, "label"),
        "explain": lambda: spacrd.tl.explain(table, model, n_steps=2),
        "to_cells": lambda: spacrd.tl.to_cells(table, table),
        "likelihood": lambda: spacrd.pl.likelihood(table, show=False, outline=True),
        "regions drawn": lambda: spacrd.pl.likelihood(table, color="region", show=False),
    }
    for name, call in calls.items():
        event(f"{name}: {outcome(call, table)[:25]}")
        pyplot.close("all")
    check_scores(table)
    if "spacrd_boundary_distance" in table.obs:
        distance = table.obs["spacrd_boundary_distance"].to_numpy()
        assert distance.dtype == np.float32 and not np.isinf(distance).any()


@pytest.mark.filterwarnings("ignore")
@given(spec=tables, other=st.none() | tables, modality=st.sampled_from([None, None, "expression", "image"]))
def test_any_tables_are_fitted_on_or_refused(spec, other, modality):
    built = [build(one) for one in (spec, other) if one is not None]
    data, arguments = [table for table, _, _ in built], built[0][2]
    fitted = []

    def call():
        fitted.append(
            spacrd.tl.fit(
                data,
                "label",
                positive=positive_of(spec),
                modality=modality,
                recipe=small_recipe(members=1),
                max_epochs=1,
                **arguments,
            )
        )

    event(outcome(call, *data, *(item for _, held, _ in built for item in held))[:25] or "fitted")
    for model in fitted:
        weights = [tensor for module in model.modules.values() for tensor in module.state_dict().values()]
        assert all(bool(tensor.isfinite().all()) for tensor in weights)


@given(spec=tables, lattice=st.sampled_from(["hexagonal", "square"]))
def test_pseudospots_there_and_back(model, spec, lattice):
    cells, untouched, arguments = build(spec)
    spots = []
    message = outcome(
        lambda: spots.append(
            spacrd.pp.pseudospots(cells, diameter_um=300, pitch_um=310, lattice=lattice, mpp=1.0, **arguments)
        ),
        cells,
        *untouched,
    )
    event(message[:30] or "made")
    note(message)
    for made in spots:
        # Spots do not touch: no cell is counted twice.
        assert 0 < made.obs["n_cells"].sum() <= cells.n_obs
        carry_back(cells, made, model, {name: arguments[name] for name in arguments if name == "library_key"})


def carry_back(cells, spots, model, arguments):
    message = outcome(lambda: spacrd.tl.score(spots, model, **arguments), spots)
    event(message[:30] or "scored")
    carried = []
    if not message:
        event(outcome(lambda: carried.append(spacrd.tl.to_cells(cells, spots, copy=True)), cells, spots)[:30] or "back")
    for result in carried:
        likelihood = result.obs["spacrd_likelihood"].to_numpy()
        assert likelihood.dtype == np.float32 and not ((likelihood < 0) | (likelihood > 1)).any()


@pytest.mark.filterwarnings("ignore")
@given(spec=tables, baselines=st.sampled_from([False, False, ["logistic own genes"]]))
@settings(max_examples=max(8, settings().max_examples // 5))  # every example is two fits
def test_any_tables_are_cross_validated_or_refused(spec, baselines):
    table, untouched, arguments = build(spec)
    other, _, _ = build({**spec, "seed": spec["seed"] + 1, "where": "memory", "libraries": "one"})
    data, found = [table, other], []
    if "library_key" in arguments:
        other.obs["library"] = "other"
    layer = {"layer": "counts"} if "layer" in arguments else {}
    if layer:
        other.layers["counts"] = other.X

    def call():
        found.append(
            spacrd.tl.cross_validate(
                data,
                "label",
                positive=positive_of(spec),
                baselines=baselines,
                recipe=small_recipe(members=1, calibrated=False, min_steps=0),
                max_epochs=1,
                **arguments,
            )
        )

    event(outcome(call, *data, *untouched)[:30] or "validated")
    for result in found:
        likelihood = result.likelihoods["likelihood"].to_numpy()
        assert not ((likelihood < 0) | (likelihood > 1)).any()
        assert result.metrics[["auc", "ap"]].stack().between(0, 1).all()
