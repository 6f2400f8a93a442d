from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import spacrd
from spacrd._sections import split_sections, um_per_unit
from spacrd.metrics import scores
from spacrd.tl._cv import _run as _cv_run
from spacrd.tl._cv._baselines import BASELINES
from spacrd.tl._cv._folds import read_sections
from tests.making.models import small_recipe
from tests.making.sections import POSITIVE, make_section

RECIPE = small_recipe(members=1, min_steps=0, calibrated=False, alignment_epochs=1, vae_epochs=1, fusion_epochs=2)
pytestmark = pytest.mark.filterwarnings("ignore:Section .* lies outside")  # of three sections one always does
CHEAP = ["logistic own genes", "concatenation MLP"]


def section(seed, n=49, **obs):
    made = make_section(seed, n=n)
    return made if not obs else ad_with(made, **obs)


def ad_with(table, **obs):
    for column, values in obs.items():
        table.obs[column] = values
    return table


def sections(number=3, **kwargs):
    return [section(seed, **kwargs) for seed in range(number)]


def validate(data, **kwargs):
    kwargs.setdefault("recipe", RECIPE)
    kwargs.setdefault("positive", POSITIVE)
    return spacrd.tl.cross_validate(data, "pathologist", **kwargs)


def likelihoods(result, name, model=None):
    table = result.likelihoods[result.likelihoods["section"] == name]
    if model is not None:
        table = table[table["model"] == model]
    return table.set_index(["model", "seed", "spot"])["likelihood"]


@pytest.fixture
def count_fits(monkeypatch):
    """Calls of fit; the second argument makes one of them fail."""
    calls = []
    real = _cv_run.fit

    def counted(*args, **kwargs):
        calls.append(kwargs["seed"])
        if len(calls) == counted.fail_at:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    counted.fail_at = -1
    counted.calls = calls
    monkeypatch.setattr(_cv_run, "fit", counted)
    return counted


@pytest.fixture(scope="module")
def result():
    data = sections()
    data[1].obs["pathologist"] = data[1].obs["pathologist"].astype(object)
    data[1].obs.iloc[:4, data[1].obs.columns.get_loc("pathologist")] = np.nan
    data[1].obs.iloc[20:24, data[1].obs.columns.get_loc("pathologist")] = "undetermined"
    return validate(data, seeds=(0, 3))


def test_every_model_seed_and_section_has_one_row(result):
    rows = {(m, s, x) for m, s, x in result.metrics[["model", "seed", "section"]].itertuples(index=False)}
    seeded = {"spacrd": (0, 3), "concatenation MLP": (0, 3)}
    wanted = {
        (model, seed, f"section_{i}")
        for model in ("spacrd", *BASELINES)
        for seed in seeded.get(model, (0,))
        for i in (1, 2, 3)
    }
    assert rows == wanted
    assert len(result.metrics) == len(wanted)
    assert len(result.likelihoods) == 49 * len(wanted)
    assert result.likelihoods["likelihood"].dtype == np.float32
    assert list(result.metrics.columns[:4]) == ["model", "seed", "section", "group"]


def test_metrics_are_those_of_the_likelihoods(result):
    assert (result.metrics.set_index("section").loc["section_2", "n"] == 45).all()
    for row in result.metrics.itertuples():
        spots = result.likelihoods.query("model == @row.model and seed == @row.seed and section == @row.section")
        spots = spots[spots["label"].notna()]
        called = spots["region"] == "cancer"
        if row.model in BASELINES:
            np.testing.assert_array_equal(called, spots["likelihood"] >= row.threshold)
        again = scores(spots["label"] == POSITIVE, spots["likelihood"], called)
        for name, value in again.items():
            assert getattr(row, name) == pytest.approx(value, nan_ok=True), (row.model, name)


def test_evaluate_leaves_labels_out_afterwards(result):
    decided = result.evaluate(ignore="undetermined").set_index("section").loc["section_2"]
    assert (decided["n"] == 41).all()
    assert (decided["n_left_out"] == 8).all()
    pd.testing.assert_frame_equal(result.evaluate(), result.metrics)
    with pytest.raises(ValueError, match="positive and ignored"):
        result.evaluate(ignore=POSITIVE)


def test_summary_and_sections(result):
    summary, table = result.summary(), result.per_section("auc")
    assert summary["auc"].is_monotonic_decreasing
    assert list(table.index) == list(summary.index)
    assert list(table.columns) == ["section_1", "section_2", "section_3", "mean"]
    rows = result.metrics[result.metrics["model"] == "spacrd"]
    by_seed = rows.groupby("seed")["auc"].mean()
    assert summary.loc["spacrd", "auc"] == pytest.approx(by_seed.mean())
    assert summary.loc["spacrd", "auc_sd"] == pytest.approx(by_seed.std())
    assert summary.loc["spacrd", "auc_worst"] == pytest.approx(rows.groupby("section")["auc"].mean().min())
    assert np.isnan(summary.loc["logistic both", "auc_sd"])
    assert summary.loc["logistic both", "n_seeds"] == 1
    assert table.loc["spacrd", "section_3"] == pytest.approx(rows.loc[rows["section"] == "section_3", "auc"].mean())
    with pytest.raises(ValueError, match="metric='nothing' is not known"):
        result.per_section("nothing")
    assert "3 sections, 7 models, 2 seeds" in repr(result)
    assert "logistic neighbourhood genes" in repr(result)


def test_the_baselines_learn(result):
    table = result.per_section("auc")
    assert (table.loc[list(BASELINES), "mean"] > 0.85).all(), table


def test_equals_fit_and_score_by_hand():
    data = sections()
    # More variable where it is held out: a choice of genes that saw it would take these.
    counts = data[2].X.toarray()
    counts[::2, 30:] *= 9
    data[2].X = csr_matrix(counts)
    data[2] = data[2][:, data[2].var_names[::-1][3:]].copy()
    result = validate(data, baselines=False, n_top_genes=12, seeds=(5,))
    with _cv_run._worker("cpu"):
        model = spacrd.tl.fit(data[:2], "pathologist", positive=POSITIVE, recipe=RECIPE, n_top_genes=12, seed=5)
        by_hand = spacrd.tl.score(data[2], model, copy=True)
    np.testing.assert_array_equal(likelihoods(result, "section_3"), by_hand.obs["spacrd_likelihood"])
    threshold = by_hand.uns["spacrd"]["spacrd"]["sections"]["section"]["threshold"]
    assert result.metrics.set_index("section").loc["section_3", "threshold"] == threshold


def test_labels_of_the_held_out_section_change_nothing():
    data, poisoned = sections(), sections()
    labels = poisoned[2].obs["pathologist"].to_numpy()
    poisoned[2].obs["pathologist"] = np.random.default_rng(0).permutation(labels)
    one, two = validate(data), validate(poisoned)
    pd.testing.assert_series_equal(likelihoods(one, "section_3"), likelihoods(two, "section_3"), check_exact=True)
    for model in ("spacrd", *BASELINES):  # and labels do matter where they are fitted on
        assert not likelihoods(one, "section_1", model).equals(likelihoods(two, "section_1", model))


@pytest.mark.filterwarnings("ignore:The (likelihoods are not calibrated|training sections contradict)")
def test_nothing_of_a_held_out_section_reaches_what_is_fitted():
    data = [section(seed, patient=patient) for seed, patient in enumerate("abcc")]
    changed = [table.copy() for table in data]
    counts = changed[3].X.toarray()
    counts[:, :15] = np.random.default_rng(1).poisson(40, (49, 15))
    changed[3].X = csr_matrix(counts)
    changed[3] = changed[3][:, 5:].copy()
    changed[3].obsm["X_mine"] *= -3
    recipe = replace(RECIPE, calibrated=True)
    one, two = (validate(d, group_key="patient", n_top_genes=12, threshold=0.5, recipe=recipe) for d in (data, changed))
    pd.testing.assert_series_equal(likelihoods(one, "section_3"), likelihoods(two, "section_3"), check_exact=True)
    for model in ("spacrd", "logistic both", "logistic image", "gradient boosting"):
        assert not likelihoods(one, "section_4", model).equals(likelihoods(two, "section_4", model))


def test_data_are_left_alone_and_random_state_too():
    import torch

    data = sections()
    before = [table.copy() for table in data]
    torch.manual_seed(1)
    wanted = torch.rand(2)
    torch.manual_seed(1)
    threads = torch.get_num_threads()
    validate(data, baselines=["concatenation MLP"])
    torch.testing.assert_close(torch.rand(2), wanted)
    assert torch.get_num_threads() == threads
    for now, then in zip(data, before, strict=True):
        pd.testing.assert_frame_equal(now.obs, then.obs)
        assert set(now.uns) == set(then.uns)
        np.testing.assert_array_equal(now.X.toarray(), then.X.toarray())


def test_number_of_jobs_changes_no_number():
    data = sections()
    one = validate(data, seeds=(0, 1))
    two = validate(data, seeds=(0, 1), n_jobs=2)
    pd.testing.assert_frame_equal(one.likelihoods, two.likelihoods, check_exact=True)
    pd.testing.assert_frame_equal(one.metrics, two.metrics, check_exact=True)
    # A failure in a worker tells which fold it was.
    with pytest.raises(ValueError, match="n_top_genes") as failure:
        validate(data, n_top_genes=0, n_jobs=2)
    assert any("held out" in note for note in failure.value.__notes__)


def test_one_thread_even_if_numba_starts_its_own():
    code = """
import torch
from spacrd.tl._cv._run import _worker
torch.set_num_threads(2)
with _worker("cpu"):
    import numba
    numba.get_num_threads()
    print(torch.get_num_threads(), numba.get_num_threads())
print(torch.get_num_threads())
"""
    free = {name: value for name, value in os.environ.items() if name != "NUMBA_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=free, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.split() == ["1", "1", "2"]


def test_resume_continues_after_an_interruption(tmp_path, count_fits):
    data, folder = sections(), tmp_path / "cv"
    whole = validate(data, seeds=(0, 1), baselines=CHEAP)
    assert len(count_fits.calls) == 6
    count_fits.calls.clear()
    count_fits.fail_at = 4
    with pytest.raises(KeyboardInterrupt):
        validate(data, seeds=(0, 1), baselines=CHEAP, resume=folder)
    assert len(list(folder.glob("*.csv"))) == 3
    count_fits.calls.clear()
    count_fits.fail_at = -1
    resumed = validate(data, seeds=(0, 1), baselines=CHEAP, resume=folder)
    assert count_fits.calls == [1, 1, 1]
    pd.testing.assert_frame_equal(resumed.likelihoods, whole.likelihoods, check_exact=True)
    pd.testing.assert_frame_equal(resumed.metrics, whole.metrics, check_exact=True)
    count_fits.calls.clear()
    again = validate(data, seeds=(0, 1), baselines=CHEAP, resume=folder)
    assert count_fits.calls == []
    pd.testing.assert_frame_equal(again.likelihoods, whole.likelihoods, check_exact=True)
    # Seeds and baselines may be added.
    more = validate(data, seeds=(0, 1, 2), baselines=[*CHEAP, "logistic image"], resume=folder)
    assert count_fits.calls == [2, 2, 2]
    assert set(more.metrics["seed"]) == {0, 1, 2}
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"max_epochs": 1}, "max_epochs"),
        ({"recipe": small_recipe(members=1, beta=0.1)}, "recipe"),
        ({"threshold": 0.5}, "threshold"),
        ({"positive": "stroma"}, "positive"),
        ({"group_key": {"section_1": "a", "section_2": "b", "section_3": "b"}}, "groups"),
        ({"data": "count"}, "sections"),
        ({"data": "label"}, "sections"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_resume_refuses_other_arguments(tmp_path, change, differs, monkeypatch):
    folder = tmp_path / "cv"
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    validate(sections(), baselines=False, resume=folder)
    data, change = sections(), dict(change)
    what = change.pop("data", None)
    if what == "count":
        data[0].X[0, 0] += 1
    elif what == "label":
        data[0].obs["pathologist"] = data[0].obs["pathologist"].to_numpy()[::-1]
    with pytest.raises(ValueError, match=f"{differs}.* differ"):
        validate(data, baselines=False, resume=folder, **change)
    assert "arguments.json" in {file.name for file in folder.iterdir()}


def fake_spacrd(task, plan):
    n = {position: len(part.spots) for position, part in task.held_out.items()}
    return [
        _cv_run._rows(i, np.linspace(0, 1, size), np.full(size, "normal", dtype=object), 0.5) for i, size in n.items()
    ]


def test_resume_refuses_a_folder_of_something_else(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="not a folder of cross-validation results"):
        validate(sections(), resume=tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_resume_keeps_what_a_reader_can_read(tmp_path, monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    validate(sections(), baselines=False, resume=tmp_path / "cv", n_top_genes=np.int64(12))
    stored = json.loads((tmp_path / "cv" / "arguments.json").read_text())
    assert stored["n_top_genes"] == 12
    assert set(stored["sections"]) == {"section_1", "section_2", "section_3"}


def test_group_key_puts_both_sections_of_a_patient_on_one_side(monkeypatch):
    seen = {}

    def spy(task, plan):
        seen[task.group] = {s.name for s in task.training}, {s.name for s in task.held_out.values()}
        assert all(np.isnan(s.raw.target).all() and pd.isna(s.labels).all() for s in task.held_out.values())
        return fake_spacrd(task, plan)

    monkeypatch.setattr(_cv_run, "_spacrd", spy)
    data = [section(seed, patient=patient) for seed, patient in enumerate("xyx")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = validate(data, group_key="patient", baselines=False)
    wanted = {
        "x": ({"section_2"}, {"section_1", "section_3"}),
        "y": ({"section_1", "section_3"}, {"section_2"}),
    }
    assert seen == wanted
    assert dict(zip(result.metrics["section"], result.metrics["group"], strict=True)) == {
        "section_1": "x",
        "section_2": "y",
        "section_3": "x",
    }
    seen.clear()
    mapping = {"section_1": "x", "section_2": "y", "section_3": "x"}
    validate([section(seed) for seed in range(3)], group_key=mapping, baselines=False)
    assert seen == wanted


def test_warns_of_a_patient_on_both_sides(monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    data = [section(seed, Donor=donor) for seed, donor in enumerate("xyx")]
    with pytest.warns(UserWarning, match=r"both sides of a fold: obs\['Donor'\] has 'x' in several"):
        validate(data, baselines=False)
    with pytest.warns(UserWarning, match="both sides"):  # a group that does not help
        validate(data, baselines=False, group_key={f"section_{i}": str(i) for i in (1, 2, 3)})


def test_one_table_of_several_libraries(monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    parts = sections()
    whole = ad.concat(parts, label="slide", keys=["c", "a", "b"], uns_merge="first")
    whole = whole[np.random.default_rng(0).permutation(whole.n_obs)].copy()
    result = validate(whole, library_key="slide", image_rep="X_mine", baselines=["logistic both"])
    apart = validate(parts, image_rep="X_mine", baselines=["logistic both"])
    assert set(result.metrics["section"]) == {"a", "b", "c"}
    one = likelihoods(result, "c", "logistic both").sort_index()
    other = likelihoods(apart, "section_1", "logistic both").sort_index()
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_section_of_one_class_has_no_auc(monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    data = sections()
    data[1].obs["pathologist"] = "stroma"
    with pytest.warns(UserWarning, match="NaN, and left out of means, for section 'section_2'"):
        result = validate(data, baselines=False)
    rows = result.metrics.set_index("section")
    assert np.isnan(rows.loc["section_2", "auc"])
    assert rows.loc["section_2", "n"] == 49
    assert result.summary().loc["spacrd", "auc"] == pytest.approx(rows["auc"].mean())
    table = result.per_section()
    assert np.isnan(table.loc["spacrd", "section_2"])
    assert list(table.columns) == ["section_1", "section_2", "section_3", "mean"]


def test_a_class_that_only_one_section_has_is_no_obstacle():
    data = sections(2)
    data[1].obs["pathologist"] = data[1].obs["pathologist"].replace(POSITIVE, "cancer in situ")
    result = validate(data, positive=[POSITIVE, "cancer in situ"], baselines=False)
    assert (result.metrics["n_positive"] > 0).all()


def test_negative_classes_alone_are_evaluated(monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    data = sections()
    for table in data:
        table.obs["pathologist"] = table.obs["pathologist"].astype(object)
        table.obs.iloc[10:20, 0] = "undetermined"
    result = validate(data, negative="stroma", baselines=False)
    assert (result.metrics["n"] == 39).all()
    assert (validate(data, ignore="undetermined", baselines=False).metrics["n"] == 39).all()
    assert (validate(data, baselines=False).metrics["n"] == 49).all()


def test_modalities_decide_the_baselines():
    gene = {name for name, b in BASELINES.items() if "image" not in b.requires}
    image = {name for name, b in BASELINES.items() if "expression" not in b.requires}
    data = sections(2)
    assert set(validate(data, modality="expression").metrics["model"]) == {"spacrd", *gene}
    assert set(validate(data, modality="image").metrics["model"]) == {"spacrd", *image}
    for table in data:
        del table.obsm["X_mine"], table.uns["spacrd"]
    with pytest.warns(UserWarning, match="fitted on expression alone"):
        result = validate(data, baselines=False)
    assert result.likelihoods["likelihood"].notna().all()
    with pytest.raises(ValueError, match="'logistic image' reads a patch embedding"):
        validate(data, modality="expression", baselines="logistic image")


def test_spots_off_the_image(monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    data = sections()
    data[1].obsm["X_mine"][:-1] = np.nan  # one spot has a patch; its neighbours borrow it
    with pytest.warns(UserWarning, match="scored spots of both classes"):
        result = validate(data, baselines=["logistic image", "logistic both"])
    image = likelihoods(result, "section_2", "logistic image").to_numpy()
    assert np.isfinite(image[-1]) and np.isnan(image[0])
    assert likelihoods(result, "section_2", "logistic both").notna().all()
    rows = result.metrics.set_index(["model", "section"])
    assert rows.loc[("logistic image", "section_2"), "n"] == np.isfinite(image).sum()


def test_a_baseline_that_cannot_be_fitted_stops_nothing(monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    data = sections(2)
    data[1].obsm["X_mine"][:] = np.nan
    with pytest.warns(UserWarning, match="'logistic image' has no likelihoods where 'section_1' is held"):
        result = validate(data, baselines=["logistic image"], image_rep="X_mine", threshold=0.5)
    assert likelihoods(result, "section_1", "logistic image").isna().all()
    assert likelihoods(result, "section_2", "logistic image").isna().all()
    assert likelihoods(result, "section_1", "spacrd").notna().all()


def test_max_distance_finds_the_same_scale():
    toy = spacrd.datasets.toy_visium(n_rows=8, n_cols=8, n_genes=40, full_image=False, mpp=2)
    table = toy["table"]
    bare = table.copy()
    del bare.uns["spatial"]
    for data in (toy, bare, make_section(0, n=25)):
        library = split_sections(data)[0]
        if data is toy:
            library.sdata.shapes[library.region]["radius"] *= 1.01
        label = "pathologist"
        options = {"negative": None, "group_key": None, "image_rep": None, "layer": None}
        (piece,) = read_sections([library], label, positive=[POSITIVE], expression=True, scale=True, **options)
        copied = split_sections(piece.to_anndata(label))[0]
        assert copied.name == library.name
        np.testing.assert_equal(um_per_unit(copied), um_per_unit(library))
        np.testing.assert_equal(piece.raw.um_per_unit, um_per_unit(library))


def test_spatialdata_and_largest_distance():
    made = [
        spacrd.datasets.toy_visium(library_id=f"toy{i}", seed=i, n_rows=10, n_cols=10, n_genes=60, mpp=4)
        for i in range(2)
    ]
    options = {"modality": "expression", "max_distance": 120, "baselines": ["logistic neighbourhood genes"]}
    positive = [POSITIVE, "cancer in situ"]
    result = validate(made, positive=positive, **options)
    assert list(result.metrics["section"].unique()) == ["toy0", "toy1"]
    assert result.likelihoods["likelihood"].notna().all()
    options.pop("baselines")
    with _cv_run._worker("cpu"):
        model = spacrd.tl.fit(made[0], "pathologist", positive=positive, recipe=RECIPE, **options)
        by_hand = spacrd.tl.score(made[1], model, copy=True)["table"].obs["spacrd_likelihood"]
    np.testing.assert_array_equal(likelihoods(result, "toy1", "spacrd"), by_hand)


def test_warnings_of_the_fits_are_said_once():
    data = sections()
    counts = data[0].X.toarray()
    counts[0] = 0
    data[0].X = csr_matrix(counts)
    with pytest.warns(UserWarning, match="have no counts") as caught:
        validate(data, baselines=CHEAP)
    empty = [str(item.message) for item in caught if "have no counts" in str(item.message)]
    assert len(empty) == 1
    assert "'section_1': 1 of 49 spots" in empty[0]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"sections": 1}, ValueError, "there is only 'section'"),
        ({"group_key": {"section_1": "a", "section_2": "a", "section_3": "a"}}, ValueError, "there is only 'a'"),
        ({"group_key": {"section_1": "a"}}, KeyError, "no group for section 'section_2', 'section_3'"),
        ({"group_key": "paitent"}, KeyError, "Did you mean 'patient'"),
        ({"group_key": "mixed"}, ValueError, "'section_1' must lie in one group, but obs"),
        ({"group_key": "gaps"}, ValueError, "and missing values"),
        ({"baselines": "logistic"}, ValueError, "baselines='logistic' is not known"),
        ({"seeds": ()}, ValueError, "at least one"),
        ({"seeds": (1, 1)}, ValueError, "each once"),
        ({"seeds": (0.5,)}, TypeError, "whole number"),
        ({"seed": 3}, TypeError, "Use `seeds`"),
        ({"epochs": 3}, TypeError, "no argument 'epochs'"),
        ({"ignore": POSITIVE}, ValueError, "positive and ignored"),
        ({"positive": "tumour"}, ValueError, "does not occur"),
        ({"threshold": 2.0}, ValueError, "between 0 and 1"),
        ({"recipe": "best"}, ValueError, "recipe='best' is not known"),
        ({"modality": "protein"}, ValueError, "modality='protein'"),
        ({"callbacks": ["mine"], "resume": "cv"}, ValueError, "callbacks"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_mistakes(tmp_path, monkeypatch, change, error, message):
    monkeypatch.chdir(tmp_path)
    change = dict(change)
    data = sections(change.pop("sections", 3))
    for i, table in enumerate(data):
        ad_with(table, patient=str(i), mixed=["a", "b"] * 24 + ["a"], gaps=["a"] * 48 + [None])
    with pytest.raises(error, match=message):
        validate(data, **change)
    assert not list(tmp_path.iterdir())


def test_a_training_side_without_both_classes_names_its_fold():
    data = sections(2)
    data[0].obs["pathologist"] = POSITIVE
    with pytest.raises(ValueError, match="With 'section_2' held out, the other sections have 49 positive and 0 neg"):
        validate(data)


def test_a_failing_fold_is_named():
    with pytest.raises(ValueError, match="n_top_genes") as failure:
        validate(sections(2), n_top_genes=0)
    assert "'spacrd', seed 0, with 'section_1' held out" in failure.value.__notes__[0]


def test_callbacks_start_afresh_in_every_fit():
    from lightning.pytorch import Callback

    class Once(Callback):
        runs = 0

        def on_train_start(self, trainer, pl_module):
            self.runs += 1
            assert self.runs <= 2  # one fit has two stages

    callback = Once()
    validate(sections(2), modality="expression", baselines=False, callbacks=[callback])
    assert callback.runs == 0
