from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import pandas as pd
import pytest

import spacrd
from spacrd import _demo, datasets
from spacrd.__main__ import main

FILES = {"likelihood.png", "distribution.png", "scores.csv", "metrics.csv", "model", "section.zarr"}


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    def small_data(seed: int) -> _demo.DemoData:
        sections = {
            f"toy_{i}": datasets.toy_visium(library_id=f"toy_{i}", n_rows=12, n_cols=12, seed=i) for i in (1, 2, 3)
        }
        target = sections.pop("toy_3")
        return _demo.DemoData(sections, "toy_3", target, None, "SIMULATED DATA")

    monkeypatch.setattr(_demo, "simulated_data", small_data)


@pytest.mark.usefixtures("small_demo")
def test_demo_writes_what_it_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results"
    assert main(["demo", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "SIMULATED DATA" in said
    assert f"Results are in {out}" in said
    assert {item.name for item in out.iterdir()} == FILES | {_demo.MARKER}
    scores = pd.read_csv(out / "scores.csv")
    assert scores["spacrd_likelihood"].between(0, 1).all()
    assert set(scores["spacrd_region"]) <= {"normal", "cancer", "uncertain"}
    import spatialdata

    section = spatialdata.read_zarr(out / "section.zarr")
    model = spacrd.SpaCRD.load(out / "model")
    spacrd.tl.score(section, model, key_added="again")
    obs = section.tables["table"].obs
    assert (obs["again_likelihood"] == obs["spacrd_likelihood"]).all()
    assert list(tmp_path.iterdir()) == [out]
    _demo.check_output(out, overwrite=False)  # a second run may replace its own results


def test_demo_in_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    @wraps(_demo.demo)
    def quick(out: str, *, say: Callable[[str], None], **arguments: object) -> Path:
        say("Reading sections")
        pd.DataFrame({"section": ["toy_3"], "auc": [0.9], "ks": [float("nan")]}).to_csv(
            tmp_path / "metrics.csv", index=False
        )
        return tmp_path

    monkeypatch.setattr(_demo, "demo", quick)
    assert main(["demo", "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["outputs"] == [str(tmp_path)] and found["sections"] == [{"section": "toy_3", "auc": 0.9, "ks": None}]
    assert "Reading sections" in said.err


@pytest.mark.usefixtures("small_demo")
def test_a_foreign_folder_is_refused_before_any_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr()
    assert "--overwrite" in error.err
    assert error.err.count("\n") == 1
    assert not error.out
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.txt"]
    file = tmp_path / "thesis.txt"
    assert main(["demo", "--out", str(file)]) == 2
    assert file.read_text() == "precious"


def test_overwrite_keeps_foreign_files(tmp_path: Path) -> None:
    made, out = tmp_path / "made", tmp_path / "out"
    for folder in (made, out):
        (folder / "model").mkdir(parents=True)
        (folder / "model" / folder.name).touch()
    (out / "thesis.txt").write_text("precious")
    _demo.check_output(out, overwrite=True)
    _demo.publish(made, out)
    assert [item.name for item in (out / "model").iterdir()] == ["made"]
    assert (out / "thesis.txt").read_text() == "precious"


@pytest.mark.usefixtures("small_demo")
def test_a_failed_demo_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("no\nluck")

    monkeypatch.setattr(spacrd.tl, "fit", fail)
    assert main(["demo", "--out", str(tmp_path / "deep" / "results")]) == 2
    assert not (tmp_path / "deep" / "results").exists()
    assert not list((tmp_path / "deep").iterdir())
    assert capsys.readouterr().err == "spacrd: no luck\n"


def test_an_input_error_of_the_demo_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "results")
    assert main(["demo", "--out", out, "--data", str(tmp_path / "absent")]) == 2
    assert "absent" in capsys.readouterr().err
    assert main(["demo", "--out", out, "--data", str(tmp_path), "--target", "Z9"]) == 2
    error = capsys.readouterr().err
    assert "'A1'" in error
    assert error.count("\n") == 1
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2


@pytest.mark.real_data
def test_real_sections_are_told_apart(real_data: Path) -> None:
    demo_data = _demo.real_data(real_data / "her2st", "A1")
    assert set(demo_data.sources) == {"B4", "C2", "C3"}  # images, and none of patient A
    assert demo_data.modality is None
    assert "The labels of B4, C2, C3 are PROXY labels" in demo_data.statement
    demo_data = _demo.real_data(real_data / "her2st", "B1")
    assert set(demo_data.sources) == {"A1", "C1", "E1", "G2"}  # no image of the target: a pathologist's labels alone
    assert demo_data.modality == "expression"
    assert "PROXY" not in demo_data.statement
