"""Statistics of held-out sections: read from the model's genes and the neighbourhoods alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from spacrd._hardware import Hardware
from spacrd.features import Composition, ExpressionContract, prepare
from spacrd.model import get_recipe, profile_section
from spacrd.train import _presence
from spacrd.train._prevalence import LabelledSpots, fit_prevalence
from spacrd.train._training_set import TrainingSet
from spacrd.train._voters import Run
from tests.making.arrays import labelled_arrays

GENES = tuple(f"g{i}" for i in range(0, 20, 2))
CONTRACT = ExpressionContract(GENES, GENES)
RUN = Run(None, (), get_recipe("default"), 0, 6, None, Hardware())


@pytest.fixture
def data() -> TrainingSet:
    sections = [labelled_arrays(seed, side=12) for seed in (1, 2)]
    made = [prepare(s, expression=CONTRACT, image=None, n_neighbors=6, max_distance_um=None) for s in sections]
    return TrainingSet(tuple(sections), tuple(made), CONTRACT, None)


def test_genes_that_are_not_read_change_no_statistic(data: TrainingSet) -> None:
    spots = [LabelledSpots.read(*pair, CONTRACT, None) for pair in zip(data.sections, data.inputs, strict=True)]
    classifier = fit_prevalence(spots, len(GENES), 0)
    section = data.sections[0]
    alone, _ = _presence.held_out_presence(section, classifier, data, RUN)
    normal = _presence.take_spots(section, np.flatnonzero(section.target == 0))
    inputs = prepare(normal, expression=CONTRACT, image=None, n_neighbors=6, max_distance_um=None)
    expected = profile_section(normal, inputs, expression=CONTRACT, use_image=False, classifier=classifier).presence
    assert alone == pytest.approx(expected, rel=1e-9)
    assert np.isfinite(alone)
    other = replace(section, counts=csr_matrix(section.counts.toarray() * (1 + 99 * (np.arange(20) % 2))))
    assert _presence.held_out_presence(other, classifier, data, RUN)[0] == pytest.approx(alone, rel=1e-9)


def test_neighbourhoods_that_parts_of_a_section_share_are_read_once(
    data: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier, section = fit_prevalence(data.labelled_spots(), *data.widths), data.sections[0]
    normal = np.flatnonzero(section.target == 0)
    parts = [normal, np.sort(np.append(normal, np.flatnonzero(section.target == 1)[:4]))]
    apart = [_presence._logits([part], section, classifier, data, RUN)[0] for part in parts]
    read, rows = [], Composition.rows
    monkeypatch.setattr(
        Composition,
        "rows",
        lambda self, counts, index, mask: read.append(len(index)) or rows(self, counts, index, mask),
    )
    for one, other in zip(_presence._logits(parts, section, classifier, data, RUN), apart, strict=True):
        np.testing.assert_array_equal(one, other)
    assert sum(read) < 1.5 * len(parts[1])


def test_no_feature_is_scaled_for_a_statistic(data: TrainingSet, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = fit_prevalence(data.labelled_spots(), *data.widths)
    monkeypatch.setattr("spacrd.features._arrays.scale", None)
    assert np.isfinite(_presence.held_out_presence(data.sections[0], classifier, data, RUN)).all()


def test_neighbours_beyond_the_largest_distance_take_no_part(data: TrainingSet) -> None:
    classifier = fit_prevalence(data.labelled_spots(), *data.widths)
    near, far = (
        _presence.held_out_presence(data.sections[0], classifier, data, replace(RUN, max_distance_um=limit))[0]
        for limit in (1.0, None)
    )
    assert near != far
