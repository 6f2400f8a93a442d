"""How the fits of a cross-validation run: in processes, one thread each, continued after an interruption."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from spacrd.tl._cv import _run as _cv_run
from spacrd.tl._cv._store import Store
from tests.making.recipes import small_recipe
from tests.making.validation import CHEAP, fake_spacrd, sections, validate

# Of three sections one always lies outside the two others.


@pytest.fixture
def count_fits(monkeypatch):
    """Calls of fit; the second argument makes one of them fail."""
    calls = []
    real = _cv_run.fit_sections

    def counted(sections, settings, **options):
        calls.append(settings.seed)
        if len(calls) == counted.fail_at:
            raise KeyboardInterrupt
        return real(sections, settings, **options)

    counted.fail_at = -1
    counted.calls = calls
    monkeypatch.setattr(_cv_run, "fit_sections", counted)
    return counted


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
    options = {"seeds": (0, 1), "baselines": [*CHEAP, "gradient boosting"]}
    one, two = (validate(data, n_jobs=n_jobs, **options) for n_jobs in (1, 2))
    pd.testing.assert_frame_equal(one.likelihoods, two.likelihoods, check_exact=True)
    pd.testing.assert_frame_equal(one.metrics, two.metrics, check_exact=True)
    # A failure in a worker tells which fold it was.
    with pytest.raises(ValueError, match="'absent'") as failure:
        validate(data, genes=["absent"], n_jobs=2, baselines=False)
    assert any("held out" in note for note in failure.value.__notes__)


def test_one_thread_even_if_numba_starts_its_own():
    code = """
import torch
from spacrd.tl._cv._run import _worker
torch.set_num_threads(2)
with _worker():
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
        ({"max_epochs": 1, "recipe": small_recipe()}, "recipe"),
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


@pytest.mark.filterwarnings("error")  # pandas has deprecated its own ways to read numbers exactly
def test_a_result_comes_back_to_the_last_bit(tmp_path):
    likelihood = np.random.default_rng(0).random(500)
    likelihood[3] = np.nan
    result = pd.DataFrame(
        {"section": 2, "likelihood": likelihood, "region": np.where(likelihood > 0.5, "cancer", None), "threshold": 0.1}
    ).assign(expected_share=likelihood[0], share_low=likelihood[1], share_high=np.nan, verdict="", shift=True)
    store = Store.open(tmp_path, {})
    store.save("spacrd", 0, 1, result)
    read = store.load("spacrd", 0, 1)
    np.testing.assert_array_equal(read["likelihood"], likelihood)
    pd.testing.assert_frame_equal(read, result, check_dtype=False, check_exact=True)
    assert read["section"].dtype == int and read["likelihood"].dtype == read["threshold"].dtype == float


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


def test_a_failing_fold_is_named():
    with pytest.raises(ValueError, match="'absent'") as failure:
        validate(sections(2), genes=["absent"])
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
