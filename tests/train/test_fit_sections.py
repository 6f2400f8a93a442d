"""Fit, score and cross-validate from plain numpy and scipy."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from spacrd.features import EmbeddingRecord
from spacrd.train import FitSettings, fit_sections
from tests.making.arrays import labelled_arrays
from tests.making.recipes import SHORT

ALONE = """
import sys
import numpy as np
from spacrd.tl._cv import Competitor, FoldSection, FoldSettings, make_folds, run_all
from spacrd.train import FitSettings, fit_sections
from tests.making.arrays import labelled_arrays
from tests.making.recipes import SHORT

sections = [labelled_arrays(seed) for seed in range(3)]
settings = FitSettings.resolve(recipe=SHORT)
prediction = fit_sections(sections[:2], settings).predict(sections[2])
assert np.isfinite(prediction.likelihood).all()
spots = np.arange(49).astype(str).astype(object)
pieces = [FoldSection(s, s.name, spots, s.target.astype(str).astype(object)) for s in sections]
runs = run_all([Competitor("spacrd")], [0], make_folds(pieces, "target"), pieces, FoldSettings(settings))
np.testing.assert_array_equal(runs["spacrd", 0, 2]["likelihood"].astype(np.float32), prediction.likelihood)
loaded = {"anndata", "spatialdata", "scanpy"} & set(sys.modules)
assert not loaded, loaded
"""


def test_no_container_library_is_needed():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", ALONE], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_a_fit_needs_spots_of_both_classes():
    section = labelled_arrays(0)
    section.target[:] = 1
    with pytest.raises(ValueError, match="The sections have no negative spot"):
        fit_sections([section])
    with pytest.raises(ValueError, match="There is no section to fit on"):
        fit_sections([])


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"encoder": "other"}, "differ in encoder: 'mine' and 'other'"),
        ({"encoder": "mine", "patch_um": 80.0}, "differ in patch_um: 55.0 and 80.0"),
    ],
)
def test_embeddings_of_different_origin_are_refused(record, message):
    one, two = (
        labelled_arrays(seed, embedding=EmbeddingRecord("X_mine", **facts))
        for seed, facts in enumerate(({"encoder": "mine", "patch_um": 55.0}, record))
    )
    with pytest.raises(ValueError, match=message):
        fit_sections([one, two])


def test_embeddings_of_different_width_are_refused_however_close():
    one, two = labelled_arrays(0, n_image=20), labelled_arrays(1, n_image=21)
    with pytest.raises(ValueError, match="differ in dim: 20 and 21"):
        fit_sections([one, two])


def test_what_is_known_of_the_embedding_is_joined():
    known = EmbeddingRecord("X_mine", encoder="mine", patch_um=55.0)
    one, two = labelled_arrays(0, embedding=EmbeddingRecord("X_mine")), labelled_arrays(1, embedding=known)
    model = fit_sections([one, two], FitSettings.resolve(recipe=SHORT))
    assert (model.config.image.encoder, model.config.image.patch_um) == ("mine", 55.0)
    assert np.isfinite(model.predict(labelled_arrays(2)).likelihood).all()


def test_the_order_of_sections_and_genes_changes_nothing():
    def section(seed):
        made, rng = labelled_arrays(seed, side=10), np.random.default_rng(seed)
        counts = np.hstack([made.counts.toarray(), rng.poisson(np.linspace(0.5, 4, 130), (len(made.xy), 130))])
        order = rng.permutation(150)  # as files may have them
        return replace(made, counts=csr_matrix(counts[:, order]), genes=np.array([f"g{i}" for i in order]))

    sections, new = [section(seed) for seed in range(3)], section(9)
    settings = FitSettings.resolve(n_top_genes=100)
    one, other = (fit_sections(order, settings) for order in (sections, sections[::-1]))
    assert set(one.config.expression.genes) == set(other.config.expression.genes)
    found, expected = other.predict(new), one.predict(new)
    np.testing.assert_allclose(found.contrast, expected.contrast, atol=1e-5)
    np.testing.assert_allclose(found.likelihood, expected.likelihood, atol=1e-5)
    bounds = [(model.config.presence.tumour_above, model.config.presence.no_tumour_below) for model in (one, other)]
    np.testing.assert_allclose(*bounds, atol=1e-2)
