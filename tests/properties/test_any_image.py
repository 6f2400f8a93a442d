"""Any image gives embeddings, classes and maps, or is refused in our words; what was there stays as it was."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, event, given, note
from hypothesis import strategies as st
from matplotlib import pyplot

import spacrd
from tests.making import colour_encoder

from .images import arguments_of, build, images
from .outcome import outcome

FAR = 1e9
SQUARE = [[0, 0], [90, 0], [90, 90], [0, 90], [0, 0]]
POLYGON = {"type": "Polygon", "coordinates": [SQUARE]}
GEOMETRIES: dict[str, Any] = {
    "square": POLYGON,
    "hole": {"type": "Polygon", "coordinates": [SQUARE, [[20, 20], [60, 20], [60, 60], [20, 60], [20, 20]]]},
    "bow tie": {"type": "Polygon", "coordinates": [[[0, 0], [90, 90], [90, 0], [0, 90], [0, 0]]]},
    "everything": {"type": "Polygon", "coordinates": [[[-FAR, -FAR], [FAR, -FAR], [FAR, FAR], [-FAR, -FAR]]]},
    "two": {"type": "MultiPolygon", "coordinates": [[SQUARE], [[[200, 0], [300, 0], [300, 90], [200, 0]]]]},
    "with height": {"type": "Polygon", "coordinates": [[[x, y, 3.0] for x, y in SQUARE]]},
    "far": {"type": "Polygon", "coordinates": [[[1e6, 1e6], [1e6 + 9, 1e6], [1e6, 1e6 + 9], [1e6, 1e6]]]},
    "line": {"type": "LineString", "coordinates": [[0, 0], [90, 90]]},
    "point": {"type": "Point", "coordinates": [40, 40]},
    "no corner": {"type": "Polygon", "coordinates": []},
    "two corners": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
    "NaN": {"type": "Polygon", "coordinates": [[[0, 0], [float("nan"), 0], [9, 9], [0, 0]]]},
    "infinite": {"type": "Polygon", "coordinates": [[[0, 0], [float("inf"), 0], [9, 9], [0, 0]]]},
    "collection": {"type": "GeometryCollection", "geometries": [POLYGON, {"type": "Point", "coordinates": [1, 1]}]},
    "nothing": None,
    "text": "square",
    "unknown": {"type": "Circle", "coordinates": [1, 1]},
}  # fmt: skip
CLASSES = [{"classification": {"name": "Tumor"}}, {"classification": "Duct"}, {}, None, {"classification": {}}]
features = st.builds(
    lambda name, facts: {"type": "Feature", "geometry": copy.deepcopy(GEOMETRIES[name]), "properties": facts},
    st.one_of(st.just("square"), st.sampled_from(list(GEOMETRIES))),
    st.one_of(st.just(CLASSES[0]), st.sampled_from(CLASSES)),
)


@pytest.fixture(autouse=True)
def _colour(monkeypatch):
    colour_encoder.register(monkeypatch)


@given(spec=images, encoder=st.sampled_from(["colour", "colour", "handcrafted"]), workers=st.sampled_from([0, 2]))
def test_any_image_gives_embeddings_or_is_refused(spec, encoder, workers):
    data = build(spec)
    assume(data is not None)
    found = []
    arguments = arguments_of(spec)

    def call():
        found.append(spacrd.pp.extract_patches(data, encoder=encoder, n_workers=workers, copy=True, **arguments))

    message = outcome(call, data)
    event(message[:30] or "embedded")
    note(message)
    for result in found:
        table = result if spec["container"] == "anndata" else result["table"]
        inside = table.obs["spacrd_in_image"].to_numpy()
        values = table.obsm[f"X_{encoder}"]
        assert values.dtype == np.float32 and len(values) == table.n_obs
        assert np.isfinite(values[inside]).all() and np.isnan(values[~inside]).all()


@given(
    spec=images,
    drawn=st.lists(features, min_size=0, max_size=3),
    by=st.sampled_from(["centroid", "centroid", "area"]),
    default=st.sampled_from([None, "normal"]),
)
def test_any_regions_give_classes_or_are_refused(spec, drawn, by, default):
    data = build(spec)
    assume(data is not None)
    found = []

    def call():
        found.append(spacrd.pp.annotate(data, drawn, key_added="drawn", by=by, default=default, copy=True))

    message = outcome(call, data, {"drawn": drawn})
    event(message[:30] or "annotated")
    note(message)
    for result in found:
        table = result if spec["container"] == "anndata" else result["table"]
        assert set(table.obs["drawn"].dropna()) <= {"Tumor", "Duct", "normal"}
        assert default is None or table.obs["drawn"].notna().all()


@given(spec=images, seed=st.integers(0, 9))
def test_any_image_is_drawn_on_or_refused(spec, seed):
    data = build(spec)
    assume(data is not None)
    table = data if spec["container"] == "anndata" else data["table"]
    if table.is_view:
        table = data = table.copy()
    rng = np.random.default_rng(seed)
    likelihood = rng.random(table.n_obs).astype(np.float32)
    likelihood[::4] = np.nan
    table.obs["spacrd_likelihood"] = likelihood
    table.obs["spacrd_region"] = np.where(likelihood > 0.5, "cancer", "normal")
    for call in (
        lambda: spacrd.pl.likelihood(data, show=False, outline=True),
        lambda: spacrd.tl.regions(data, **{k: v for k, v in arguments_of(spec).items() if k == "mpp"}),
    ):
        message = outcome(call, data)
        event(message[:30] or "drawn")
        pyplot.close("all")
