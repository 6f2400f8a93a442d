"""What a model remembers of its training sections, also of those that lack a modality."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from spacrd.features._arrays import NetworkInputs, gene_coverage
from spacrd.features._contract import ExpressionContract
from spacrd.features._scaling import Features
from spacrd.model._modules import build_modules
from spacrd.model._reference import Reference, Shift
from spacrd.nn import NetworkConfig


def background(genes=None, image=None, log_depth=np.nan):
    return SimpleNamespace(expression_mean=genes, image_mean=image, log_depth=log_depth)


def test_the_first_that_has_a_modality_stands_in_for_those_that_lack_it():
    reference = Reference(4, 2, 3)
    image = np.random.default_rng(0).normal(size=(50, 3)) * [1, 10, 0] + [0, 0, 4]
    image[3] = np.nan
    reference.set(
        [
            background(),
            background(np.array([1.0, 2.0]), log_depth=3.0),
            background(np.array([3.0, 4.0]), np.array([5.0, 6.0, 7.0]), log_depth=2.0),
            background(image=np.array([8.0, 9.0, 1.0])),
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
    reference = Reference(2, 0, 2)
    images = [np.array([[-1.0, 0.0], [1.0, 2.0]]) * k for k in (1, 3)]
    reference.set([background(image=p.mean(axis=0)) for p in images], images)
    np.testing.assert_allclose(reference.image_spread, [2, 2])
    assert reference.log_depth.numel() == 0 and reference.usual is None


@pytest.mark.parametrize(("log_depth", "ratio"), [(2.5, 1.0), (2.0, 1.0), (1.0, 10.0), (4.0, 10.0)])
def test_depth_is_compared_with_the_shallowest_and_the_deepest(log_depth, ratio):
    reference = Reference(2, 2, 0)
    reference.set([background(np.arange(2.0), log_depth=2.0), background(np.ones(2), log_depth=3.0)], [None, None])
    new = background(np.array([0.0, 3.0]), log_depth=log_depth)
    new.present = np.ones(2, bool)
    found = reference.compare(new)
    assert found["depth_ratio"] == pytest.approx(ratio)
    assert found["median_counts"] == pytest.approx(10**log_depth)
    assert found["expression_distance"] == pytest.approx(2.0)  # two sections have a distance
    new.present[:] = False
    assert reference.compare(new) == {}


def test_depth_is_told_with_its_counts():
    assert Shift(depth_ratio=1.0, median_counts=90.0).complaints() == []
    (said,) = Shift(depth_ratio=7.04, median_counts=90.3).complaints()
    assert said == "its spots have 90 counts, 7.0 times beyond every training section"


def test_without_any_modality_nothing_is_taken():
    reference = Reference(2, 2, 2)
    reference.set([background(), background()], [None, None])
    assert not reference.expression_means.any() and not reference.log_depth.any() and not reference.image_means.any()
    np.testing.assert_array_equal(reference.image_spread, 1)
    # A model of one modality, fitted on sections that have both.
    both = background(np.ones(2), np.ones(2), 1.0)
    Reference(1, 0, 2).set([both], [np.ones((4, 2))])
    Reference(1, 2, 0).set([both], [np.ones((4, 2))])


def test_depths_without_composition_are_not_needed():
    reference = Reference(2, 1, 0)
    reference.set([background(np.ones(1)), background(np.ones(1))], [None, None])
    np.testing.assert_array_equal(reference.log_depth, 0)


@pytest.mark.parametrize(
    ("distance", "told"), [(1.04, "slightly farther from"), (1.06, "1.1 times as far"), (3.0, "3.0 times as far")]
)
def test_distances_are_told_in_words(distance, told):
    (said,) = Shift(image_distance=distance).complaints()
    assert said.startswith(f"its mean patch embedding is {told}")


def test_coverage_is_the_share_of_the_models_genes():
    contract = ExpressionContract(("a", "b", "c", "d"), ("a",))
    assert gene_coverage(np.array(["a", "b", "x"]), contract) == 0.5
    assert gene_coverage(np.array(["x", "d"]), contract) == 0.25
    assert gene_coverage(None, contract) == 0.0


def test_stacked_sections_stay_apart():
    def part(n: int, start: float) -> NetworkInputs:
        values = (start + np.arange(n, dtype=np.float32))[:, None]
        own = Features(values, np.zeros((1, 1), np.float32), np.zeros(n, np.int64), np.ones(n, bool))
        index = np.column_stack([np.arange(n), np.roll(np.arange(n), 1)])
        return NetworkInputs({"expression": own}, index, index >= 0, np.full(n, start, np.float32), np.arange(n)[::-1])

    one, two = part(3, 0.0), part(4, 10.0)
    both = NetworkInputs.stack([one, two])
    np.testing.assert_array_equal(both.neighbours, np.vstack([one.neighbours, two.neighbours + 3]))
    np.testing.assert_array_equal(both.order, [2, 1, 0, 6, 5, 4, 3])
    np.testing.assert_array_equal(both.target, [0, 0, 0, 10, 10, 10, 10])
    np.testing.assert_array_equal(both.features["expression"].rows(np.arange(7)).ravel(), [0, 1, 2, 10, 11, 12, 13])
    assert both.mask.shape == (7, 2)


@pytest.mark.parametrize("silent", [True, False])
def test_further_networks_have_no_attention_that_nobody_hears(model, silent):
    network = NetworkConfig(5, 4, (16, 8), 8, heads=2, vae_hidden=(8, 8), latent=4, silent=silent, linear_votes=True)
    calibration = replace(model.config.calibration, scales=(1.0,) * network.n_votes)
    modules = build_modules(replace(model.config, network=network, members=2, jackknife=1, calibration=calibration))
    sizes = {name: sum(p.numel() for p in module.parameters()) for name, module in modules.items()}
    if silent:
        assert sizes["1"] == sizes["jackknife.0"] == 5 + 4 + 2 < sizes["0"]
    else:
        assert sizes["1"] == sizes["jackknife.0"] == sizes["0"]
    assert isinstance(modules["0"].encoders["expression"].first.weight, torch.Tensor)
    assert set(modules) == {"0", "1", "reference", "level", "jackknife.0", "jackknife.0.level"}
