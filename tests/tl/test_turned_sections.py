"""A section scores alike, however it lies under the microscope and whatever its coordinates are rounded to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import spacrd
from tests.making.models import fit_two
from tests.making.recipes import small_recipe
from tests.making.sections import make_section
from tests.making.turns import lattice, moved

CLOSE = 0.01
PROMISED = 0.99
"""Share of the spots whose likelihood changes by less than that."""


@pytest.fixture(scope="module")
def model():
    return fit_two(n_top_genes=20)


def shares(table, model) -> dict[str, float]:
    """The share of spots that score alike in each place."""

    def score(xy):
        moving = table.copy()
        moving.obsm["spatial"] = xy
        spacrd.tl.score(moving, model)
        return moving.obs["spacrd_likelihood"].to_numpy(float)

    xy = np.asarray(table.obsm["spatial"], float)
    before = score(xy)
    assert np.ptp(before) > 0.2  # or else nothing could change
    return {name: float((np.abs(score(places) - before) < CLOSE).mean()) for name, places in moved(xy).items()}


@pytest.mark.parametrize("kind", ["hexagonal", "square"])
@pytest.mark.parametrize("pitch", [30.0, 137.0])
def test_a_lattice_scores_alike_in_every_direction(model, kind, pitch):
    table = make_section(3, n=144)
    table.obsm["spatial"] = lattice(kind, 12, pitch)
    alike = shares(table, model)
    assert min(alike.values()) == 1.0, alike


def test_the_toy_section_scores_alike_in_every_direction():
    toys = [spacrd.datasets.toy_visium(n_rows=16, n_cols=16, n_genes=60, seed=seed) for seed in range(3)]
    sections = [toy.tables["table"] for toy in toys]
    model = spacrd.tl.fit(
        sections[:2], "pathologist", positive="invasive cancer", modality="expression", recipe=small_recipe()
    )
    alike = shares(sections[2], model)
    assert min(alike.values()) >= PROMISED, alike


@pytest.mark.real_data
def test_real_sections_score_alike_in_every_direction(real_data: Path):
    """With the default recipe, and pixels of the full-resolution image."""
    names = ("B1", "G2", "A1", "C1", "E1")
    sections = [spacrd.datasets.her2st(real_data / "her2st", name).tables["table"] for name in names]
    positive = ["invasive cancer", "cancer in situ"]
    with pytest.warns(spacrd.SpacrdWarning, match="'undetermined' .* which count as not cancer"):
        model = spacrd.tl.fit(sections[:2], "pathologist", positive=positive, modality="expression")
    for section in sections[2:]:
        alike = shares(section, model)
        print({name: f"{share:.4f}" for name, share in alike.items()})
        assert min(alike.values()) >= PROMISED, alike
