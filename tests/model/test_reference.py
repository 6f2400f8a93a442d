"""What a model remembers of its training sections, also of those that lack a modality."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from spacrd.features._arrays import NetworkInputs, gene_coverage
from spacrd.features._contract import ExpressionContract
from spacrd.features._scaling import Features
from spacrd.model import ModelParts, Reference


def profile(genes=None, image=None, log_depth=np.nan, shares=None):
    return SimpleNamespace(expression_mean=genes, image_mean=image, log_depth=log_depth, gene_shares=shares)


def reference_of(n_genes, n_image, profiles, images):
    return Reference.of(profiles, images, n_genes, n_image, n_known=2 if n_genes else 0)


def test_the_first_that_has_a_modality_stands_in_for_those_that_lack_it():
    image = np.random.default_rng(0).normal(size=(50, 3)) * [1, 10, 0] + [0, 0, 4]
    image[3] = np.nan
    reference = reference_of(
        2,
        3,
        [
            profile(),
            profile(np.array([1.0, 2.0]), log_depth=3.0),
            profile(np.array([3.0, 4.0]), np.array([5.0, 6.0, 7.0]), log_depth=2.0),
            profile(image=np.array([8.0, 9.0, 1.0])),
        ],
        [None, None, image.astype(np.float32), image.astype(np.float32)],
    )
    np.testing.assert_allclose(reference.expression_means, [[1, 2], [1, 2], [3, 4], [1, 2]])
    np.testing.assert_allclose(reference.log_depth, [3, 3, 2, 3])
    np.testing.assert_allclose(reference.image_means, [[5, 6, 7]] * 3 + [[8, 9, 1]])
    spread = np.nanstd(image, axis=0)
    np.testing.assert_allclose(reference.image_spread, [*spread[:2], 1.0], rtol=1e-5)
    np.testing.assert_allclose(reference.usual, [6 / 4, 10 / 4])


def test_spreads_are_averaged_over_the_sections():
    images = [np.array([[-1.0, 0.0], [1.0, 2.0]]) * k for k in (1, 3)]
    reference = reference_of(0, 2, [profile(image=p.mean(axis=0)) for p in images], images)
    np.testing.assert_allclose(reference.image_spread, [2, 2])
    assert reference.log_depth.size == 0 and reference.usual is None


@pytest.mark.parametrize(("log_depth", "ratio"), [(2.5, 1.0), (2.0, 1.0), (1.0, 10.0), (4.0, 10.0)])
def test_depth_is_compared_with_the_shallowest_and_the_deepest(log_depth, ratio):
    reference = reference_of(
        2, 0, [profile(np.arange(2.0), log_depth=2.0), profile(np.ones(2), log_depth=3.0)], [None, None]
    )
    found = reference.compare(profile(np.array([0.0, 3.0]), log_depth=log_depth))
    assert found["depth_ratio"] == pytest.approx(ratio)
    assert found["median_counts"] == pytest.approx(10**log_depth)
    assert reference.compare(profile()) == {}


def test_without_any_modality_nothing_is_taken():
    reference = reference_of(2, 2, [profile(), profile()], [None, None])
    assert not reference.expression_means.any() and not reference.log_depth.any() and not reference.image_means.any()
    np.testing.assert_array_equal(reference.image_spread, 1)
    # A model of one modality, fitted on sections that have both.
    both = profile(np.ones(2), np.ones(2), 1.0)
    assert not reference_of(0, 2, [both], [np.ones((4, 2))]).expression_means.size
    assert not reference_of(2, 0, [both], [np.ones((4, 2))]).image_means.size


def test_depths_without_composition_are_not_needed():
    reference = reference_of(1, 0, [profile(np.ones(1)), profile(np.ones(1))], [None, None])
    np.testing.assert_array_equal(reference.log_depth, 0)


def test_coverage_is_the_share_of_the_models_genes():
    contract = ExpressionContract(("a", "b", "c", "d"), ("a",))
    assert gene_coverage(np.array(["a", "b", "x"]), contract) == 0.5
    assert gene_coverage(np.array(["x", "d"]), contract) == 0.25
    assert gene_coverage(None, contract) == 0.0


def test_stacked_sections_stay_apart():
    def part(n: int, start: float) -> NetworkInputs:
        values = (start + np.arange(n, dtype=np.float32))[:, None]
        own = Features(values, np.zeros((1, 1), np.float32), np.zeros(n, np.int64), np.ones(n, bool), np.ones(1, bool))
        index = np.column_stack([np.arange(n), np.roll(np.arange(n), 1)])
        graph = csr_matrix(start + np.ones((n, n)))
        order = np.arange(n)[::-1]
        return NetworkInputs({"expression": own}, index, index >= 0, np.full(n, start, np.float32), order, graph)

    one, two = part(3, 0.0), part(4, 10.0)
    both = NetworkInputs.stack([one, two])
    np.testing.assert_array_equal(both.neighbours, np.vstack([one.neighbours, two.neighbours + 3]))
    np.testing.assert_array_equal(both.order, [2, 1, 0, 6, 5, 4, 3])
    np.testing.assert_array_equal(both.target, [0, 0, 0, 10, 10, 10, 10])
    np.testing.assert_array_equal(both.features["expression"].rows(np.arange(7)).ravel(), [0, 1, 2, 10, 11, 12, 13])
    assert both.mask.shape == (7, 2)
    assert both.graph[:3, :3].sum() == 9 and both.graph[3:, 3:].sum() == 11 * 16 and both.graph.nnz == 25


def test_parts_are_what_the_config_names(model):
    network = replace(model.config.network, n_genes=0)
    calibration = replace(model.config.calibration, scales=(1.0,) * 2)
    config = replace(model.config, network=network, members=2, discriminants=("expression",), calibration=calibration)
    parts = ModelParts.empty(config)
    assert len(parts.voters.networks) == 2
    assert set(parts.voters.networks[0].encoders) == {"image"}
    assert parts.voters.discriminants[0].factors.shape == (5, 5)
    assert parts.prevalence is not None
    assert {name.split(".")[0] for name in parts.shapes()} == {"voters", "reference", "prevalence"}
