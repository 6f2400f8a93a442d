"""Several inputs in one call: each has its result, and one that fails does not take the others along."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import anndata as ad
import pandas as pd
import pytest

from tests.making.toys import LABELS


@pytest.fixture
def damaged(toys: Path, tmp_path: Path) -> Path:
    """A section that is told apart from others, but cannot be scored: its counts are fractions."""
    table = ad.read_h5ad(toys / "toy_3.h5ad")
    table.X = table.X * 0.37
    table.write_h5ad(tmp_path / "damaged.h5ad")
    return tmp_path / "damaged.h5ad"


def test_patches_of_several_inputs_go_to_a_pattern(toys: Path, tmp_path: Path, cli) -> None:
    inputs = [shutil.copytree(toys / "raw_3.zarr", tmp_path / f"{name}.zarr") for name in ("one", "two")]
    said = cli("patches", *inputs, "--out", tmp_path / "made" / "{name}_he.zarr", "--json")
    assert said.code == 0
    assert said.json["outputs"] == [str(tmp_path / "made" / f"{name}_he.zarr") for name in ("one", "two")]
    assert said.json["failed"] == [] and len(said.json["sections"]) == 2


def test_blocks_of_several_inputs_are_kept_apart(toys: Path, tmp_path: Path, cli) -> None:
    inputs = [shutil.copytree(toys / "raw_3.zarr", tmp_path / f"{name}.zarr") for name in ("one", "two")]
    words = ["patches", *inputs, "--out-dir", tmp_path / "made", "--resume", tmp_path / "blocks"]
    assert cli(*words).code == 0
    assert cli(*words, "--overwrite").code == 0
    assert {folder.name for folder in (tmp_path / "blocks").iterdir()} == {"one", "two"}


def test_one_that_fails_is_named_and_the_others_are_written(
    toys: Path, model: Path, damaged: Path, tmp_path: Path, cli
) -> None:
    inputs = [toys / "toy_2.zarr", damaged, toys / "toy_3.h5ad"]
    out, csv = tmp_path / "scored", tmp_path / "spots.csv"
    said = cli("score", *inputs, "--model", model, "--out-dir", out, "--csv", csv, "--json")
    assert said.code == 2
    assert sorted(file.name for file in out.iterdir()) == ["toy_2.zarr", "toy_3.h5ad"]
    assert f"spacrd: {damaged}: " in said.err
    assert "1 of 3 inputs failed" in said.err and "the results of the others are written" in said.err
    (failed,) = said.json["failed"]
    assert failed["input"] == str(damaged) and failed["code"] == 2 and "counts" in failed["message"]
    assert said.json["outputs"] == [str(out / "toy_2.zarr"), str(out / "toy_3.h5ad"), str(csv)]
    assert set(pd.read_csv(csv)["input"]) == {str(inputs[0]), str(inputs[2])}


def test_if_all_fail_nothing_is_written(damaged: Path, model: Path, tmp_path: Path, cli) -> None:
    other = shutil.copy(damaged, tmp_path / "other.h5ad")
    out, csv = tmp_path / "out", tmp_path / "spots.csv"
    said = cli("score", damaged, other, "--model", model, "--out-dir", out, "--csv", csv)
    assert said.code == 2 and said.out == ""
    assert "2 of 2 inputs failed" in said.err and "nothing is written" in said.err
    assert not out.exists() and not csv.exists()


def test_an_unexpected_error_of_one_input_is_the_exit_code(
    toys: Path, model: Path, damaged: Path, tmp_path: Path, cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    import spacrd.tl as tl

    score = tl.score

    @functools.wraps(score)
    def failing(data, *args, **options):
        if isinstance(data, ad.AnnData):
            raise RuntimeError("the device is gone")
        return score(data, *args, **options)

    monkeypatch.setattr(tl, "score", failing)
    said = cli("score", damaged, toys / "toy_2.zarr", "--model", model, "--out-dir", tmp_path / "out")
    assert said.code == 1 and "unexpected RuntimeError: the device is gone" in said.err
    assert (tmp_path / "out" / "toy_2.zarr").exists()


def test_a_missing_input_is_refused_before_the_work(toys: Path, model: Path, tmp_path: Path, cli) -> None:
    said = cli("score", toys / "toy_2.zarr", tmp_path / "no.zarr", "--model", model, "--out-dir", tmp_path / "out")
    assert said.code == 2 and not (tmp_path / "out").exists()


def test_a_model_is_not_fitted_on_the_rest(toys: Path, tmp_path: Path, cli) -> None:
    broken = shutil.copytree(toys / "toy_2.zarr", tmp_path / "broken.zarr")
    shutil.rmtree(broken / "tables" / "table" / "X")
    said = cli("fit", toys / "toy_1.zarr", broken, *LABELS, "--out", tmp_path / "model")
    assert said.code == 2 and "broken.zarr" in said.err and not (tmp_path / "model").exists()


def test_patterns_and_folders_never_join_two_results(toys: Path, model: Path, tmp_path: Path, cli) -> None:
    twice = [toys / "toy_3.zarr", shutil.copytree(toys / "toy_2.zarr", tmp_path / "toy_3.zarr")]
    words = ["score", *twice, "--model", model, "--out"]
    assert "Several inputs would be written to" in cli(*words, tmp_path / "{name}_scored.zarr").err
    said = cli(*words, tmp_path / "scored.zarr")
    assert said.code == 2 and "Put {name} into it" in said.err
    said = cli("score", toys / "toy_2.zarr", toys / "toy_3.zarr", "--model", model, "--out", toys / "{name}.zarr")
    assert said.code == 2 and "exists" in said.err
