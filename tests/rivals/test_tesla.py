"""TESLA: its segmentation finds a region that markers of single spots show dimly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import spacrd
from spacrd.rivals import fit_and_score, get
from spacrd.rivals._tesla_network import _merge, segment
from spacrd.rivals._tissue_markers import TUMOUR_MARKERS, find_markers, marker_counts
from tests.rivals.cell_types import depth_trap
from tests.rivals.toys import GENES, MARKERS, auc, toy

SMALL = {"side": 60, "channels": 32}
MARKER_GENES = list(GENES[:MARKERS])


def score(section, *, training=(), name="tesla", seed=0, **options):
    (found,) = fit_and_score(get(name, **SMALL, **options), list(training), held_out=[section], seed=seed)
    return found


def strongest_marker(section, genes):
    """What TESLA starts from, without neighbours and clusters."""
    logged = np.log1p(marker_counts(section, genes))
    return (logged / logged.max(axis=0)).max(axis=1)


def test_segmentation_beats_the_markers_of_single_spots() -> None:
    differences = []
    for seed in (1, 2, 3):
        section = toy(seed, strength=0.6, depth=200.0, side=16)
        raw = auc(section, strongest_marker(section, MARKER_GENES))
        differences.append(auc(section, score(section, markers=MARKER_GENES).score) - raw)
    assert np.mean(differences) > 0.05


def test_spots_with_an_equal_profile_and_twice_the_counts_score_higher_as_the_card_says() -> None:
    section = depth_trap("deep", 4, region=True, depth=100.0)
    genes = [f"gene{i}" for i in range(1, 7)]
    assert auc(section, score(section, markers=genes).score) > 0.7
    assert spacrd.rivals.card("tesla").depth_trap.startswith("Forward")


def test_spots_above_the_threshold_are_those_of_the_region() -> None:
    section = toy(1, strength=2.5)
    found = score(section, markers=MARKER_GENES)
    called = found.score >= found.threshold
    assert (called == (section.target == 1)).mean() > 0.85
    wide = score(section, markers=MARKER_GENES, target="large")
    assert wide.threshold == pytest.approx(2 / 3 * found.threshold)


def test_scores_are_in_the_order_of_the_rows_and_the_same_for_the_same_seed() -> None:
    section = toy(1)
    # Off the lattice, so that no two spots are equally near.
    section = replace(section, xy=section.xy + np.random.default_rng(0).normal(size=section.xy.shape))
    state = torch.get_rng_state()
    found = score(section, markers=MARKER_GENES, max_rounds=2).score
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(score(section, markers=MARKER_GENES, max_rounds=2).score, found)
    assert np.isfinite(found).all() and len(np.unique(found)) > 2
    order = np.random.default_rng(0).permutation(len(found))
    turned = replace(
        section, xy=section.xy[order], counts=section.counts[order], image=None, target=section.target[order]
    )
    np.testing.assert_allclose(score(turned, markers=MARKER_GENES, max_rounds=2).score, found[order], atol=0.01)


def test_markers_of_the_training_sections_are_found_without_the_scored_section() -> None:
    training = [toy(1), toy(2)]
    found = score(toy(9), name="tesla-training-markers", training=training, n_markers=MARKERS)
    assert set(found.note.split(", ")) == set(MARKER_GENES)
    assert auc(toy(9), found.score) > 0.8


def test_a_list_is_taken_as_it_is_and_an_organ_stands_for_one() -> None:
    assert find_markers("breast", [], 10) == TUMOUR_MARKERS["breast"]
    assert get("tesla", markers=["B", "A", "B"]).markers == ("B", "A")
    with pytest.raises(ValueError, match="no markers 'lung'.*'breast'"):
        get("tesla", markers="lung")
    with pytest.raises(ValueError, match="at least one gene"):
        get("tesla", markers=[])
    with pytest.raises(spacrd.rivals.MissingInputError, match="'toy_1' has none of the markers 'EPCAM'"):
        score(toy(1))
    with pytest.raises(spacrd.rivals.MissingInputError, match="no expression"):
        score(toy(1, expression=False))


def test_small_clusters_join_the_large_one_beside_them() -> None:
    image = np.zeros((20, 20), dtype=int)
    image[:, 10:] = 1
    image[5, 14] = 2
    mask = np.ones(image.shape, dtype=bool)
    merged, n_large = _merge(image[mask], mask, 5)
    image[5, 14] = 1
    np.testing.assert_array_equal(merged.reshape(20, 20), image)
    assert n_large == 2
    alone, n_large = _merge(np.arange(400), mask, 5)
    assert n_large == 0 and (alone == np.arange(400)).all()


def test_a_disc_in_noise_is_one_cluster_of_an_image() -> None:
    x, y = np.meshgrid(np.arange(60), np.arange(60))
    disc = (x - 30) ** 2 + (y - 30) ** 2 < 15**2
    band = np.clip(0.2 + 0.6 * disc + 0.1 * np.random.default_rng(0).normal(size=disc.shape), 0, 1)
    mask = np.ones(band.shape, dtype=bool)
    clusters = segment(
        band, mask, channels=16, max_rounds=30, min_clusters=3, min_size=30, learning_rate=0.1, seed=0
    ).reshape(band.shape)
    inside, outside = clusters[disc], clusters[~disc]
    main = np.bincount(inside).argmax()
    assert (inside == main).mean() > 0.8 and (outside == main).mean() < 0.1
