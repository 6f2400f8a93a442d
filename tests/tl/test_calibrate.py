from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import spacrd
from spacrd.metrics import expected_calibration_error
from tests.making.recipes import small_recipe
from tests.making.sections import POSITIVE, make_section


def fit(sections, **kwargs):
    return spacrd.tl.fit(
        sections, "pathologist", positive=POSITIVE, modality="expression", recipe=small_recipe(members=1, **kwargs)
    )


def test_calibrated_likelihoods_are_closer_to_the_labels_and_rank_the_same(monkeypatch):
    monkeypatch.setattr("spacrd.train._calibrate.choose_ridge", lambda *_: 1.0)  # without sections held out, too
    sections = [make_section(seed) for seed in range(4)]
    options = {"positive": POSITIVE, "modality": "expression"}
    recipes = [replace(spacrd.model.RECIPES["default"], calibrated=flag, propagation=0.5) for flag in (False, True)]
    plain, calibrated = (spacrd.tl.fit(sections, "pathologist", recipe=recipe, **options) for recipe in recipes)
    assert plain.config.calibration == spacrd.model.Calibration()
    assert calibrated.config.calibration.n_sections == 4
    errors, scores = [], []
    for model in (plain, calibrated):
        target = make_section(9)
        spacrd.tl.score(target, model)
        p = target.obs["spacrd_likelihood"].to_numpy()
        errors.append(expected_calibration_error((target.obs["pathologist"] == POSITIVE).to_numpy(), p))
        scores.append(p)
    assert errors[1] < errors[0]
    steps = np.diff(scores[1][np.argsort(scores[0])])
    assert steps.min() > -1e-3  # the same order, but for what rounding ties


def test_the_smoothest_share_that_ranks_as_well_is_taken():
    from spacrd.train._calibrate import _smoothest

    worse = {0.0: np.array([0.90, 0.91, 0.92]), 0.5: np.array([0.90, 0.905, 0.91]), 0.8: np.array([0.85, 0.86, 0.87])}
    assert _smoothest(worse) == 0.5
    noisy = {0.0: np.array([0.90, 0.91]), 0.8: np.array([0.95, 0.80])}
    assert _smoothest(noisy) == 0.8
    assert _smoothest({0.0: np.array([0.9]), 0.8: np.array([0.8])}) == 0.0


def test_curve_is_fitted_on_sections_its_networks_have_not_seen(monkeypatch):
    sizes = []
    from spacrd.train._run import train_network

    def spy(config, arrays, recipe, **kwargs):
        sizes.append(len(arrays.target))
        return train_network(config, arrays, recipe, **kwargs)

    monkeypatch.setattr("spacrd.train._run.train_network", spy)
    fit([make_section(1, n=50), make_section(2, n=60), make_section(3, n=70)])
    assert sizes == [180, 130, 120, 110]


def test_one_section_is_not_calibrated_and_says_so():
    with pytest.warns(UserWarning, match="not calibrated: that takes two annotated sections"):
        model = fit([make_section(1)])
    assert model.config.calibration.n_sections == 0


def test_contradicting_sections_are_told():
    one, two = make_section(1), make_section(2)
    flipped = two.obs["pathologist"].map({POSITIVE: "stroma", "stroma": POSITIVE})
    two.obs["pathologist"] = flipped.astype(str)
    with pytest.warns(UserWarning, match="contradict each other"):
        model = fit([one, two])
    assert model.config.calibration.slope == 1.0


def test_sections_of_one_class_can_be_calibrated_on():
    pure = make_section(5)
    pure = pure[pure.obs["pathologist"] == "stroma"].copy()
    with pytest.warns(spacrd.SpacrdWarning) as caught:
        model = fit([make_section(1), make_section(2), pure])
    assert [str(item.message).split(":")[0] for item in caught if item.category is spacrd.SpacrdWarning] == [
        "Section 'section' has labels but no spot of 'invasive cancer'"
    ]
    assert model.config.calibration.n_sections == 3


def test_calibration_travels_with_the_model(tmp_path):
    model = fit([make_section(1), make_section(2)])
    model.save(tmp_path / "m")
    assert spacrd.SpaCRD.load(tmp_path / "m").config.calibration == model.config.calibration
    assert "calibrated on 2 held-out training sections" in (tmp_path / "m" / "README.md").read_text()
