"""Exit codes, and what is said when something goes wrong."""

from __future__ import annotations

import functools
import io
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import spacrd
from spacrd._checks import SpacrdWarning
from spacrd._cli import _console
from tests.making.toys import LABELS


def one_line(said) -> str:
    assert said.code == 2 and not said.out
    *progress, line = said.err.splitlines()
    assert line.startswith("spacrd: ") and not any(text.startswith("spacrd") for text in progress)
    return line


def test_an_input_error_is_one_line_and_explains_its_names(toys: Path, tmp_path: Path, cli) -> None:
    section, out = toys / "toy_3.zarr", tmp_path / "model"
    line = one_line(cli("fit", section, "--label-key", "pathologists", "--positive", "x", "--out", out))
    assert "Did you mean 'pathologist'?" in line
    line = one_line(cli("patches", section, "--table-key", "tables", "--out", tmp_path / "x.zarr"))
    assert "'table'" in line and "`table_key`. (On the command line table_key is --table-key.)" in line
    line = one_line(cli("evaluate", section, *LABELS))
    assert "no result 'spacrd'" in line and "spacrd.tl.score is `spacrd score`" in line
    line = one_line(cli("fit", section, *LABELS, "--recipe", "none", "--out", out))
    assert "'published'" in line
    assert not list(tmp_path.iterdir())


def test_a_missing_model_asks_no_network(toys: Path, tmp_path: Path, cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacrd.model._io._hub_models.download", lambda *a, **k: pytest.fail("the network was asked"))
    monkeypatch.chdir(tmp_path)
    for name in ("runs/model", "model", "../model"):
        line = one_line(cli("score", toys / "toy_3.zarr", "--model", name, "--csv", "x.csv"))
        assert f"no model folder {name!r}" in line and "hf-hub:" in line
    (tmp_path / "empty").mkdir()
    assert "'config.json'" in one_line(cli("score", toys / "toy_3.zarr", "--model", "empty", "--csv", "x.csv"))


def test_the_hub_is_asked_by_its_prefix(toys: Path, tmp_path: Path, cli, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(spacrd.SpaCRD, "load", lambda name: asked.append(name) or pytest.skip.Exception("x"))
    cli("score", toys / "toy_3.zarr", "--model", "hf-hub:someone/model", "--csv", tmp_path / "x.csv")
    assert asked == ["someone/model"]


def test_genes_must_be_a_file(toys: Path, tmp_path: Path, cli) -> None:
    words = ["fit", toys / "toy_3.zarr", *LABELS, "--out", tmp_path / "m", "--genes", "ERBB2"]
    assert "no file of genes 'ERBB2'" in one_line(cli(*words))


@pytest.fixture
def evaluate_raises(toys: Path, cli, monkeypatch: pytest.MonkeyPatch):
    def call(error: BaseException, *words: str):
        @functools.wraps(spacrd.metrics.evaluate)  # options are made of its signature
        def fail(*args: object, **kwargs: object) -> None:
            raise error

        monkeypatch.setattr(spacrd.metrics, "evaluate", fail)
        return cli("evaluate", toys / "toy_3.h5ad", *LABELS, *words)

    return call


@pytest.mark.parametrize(
    "error", [RuntimeError("broken"), KeyError("broken"), ValueError("broken"), TypeError("broken")]
)
def test_errors_of_other_libraries_are_unexpected(error: Exception, evaluate_raises) -> None:
    said = evaluate_raises(error)
    assert said.code == 1 and not said.out
    assert f"unexpected {type(error).__name__}: broken" in said.err and "--debug" in said.err
    assert "Traceback" not in said.err
    said = evaluate_raises(error, "--debug")
    assert said.code == 1 and "Traceback" in said.err and "run again" not in said.err


def test_a_machine_out_of_memory_is_not_a_damaged_file(toys: Path, cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import anndata as ad

    def fail(path: Path) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(ad, "read_h5ad", fail)
    said = cli("evaluate", toys / "toy_3.h5ad", *LABELS)
    assert said.code == 1 and "MemoryError: Unable to allocate 9 TiB" in said.err and "damaged" not in said.err


def test_an_error_is_in_the_json_object(evaluate_raises, tmp_path: Path, cli) -> None:
    said = evaluate_raises(RuntimeError("broken"), "--json")
    assert said.json["error"]["exit_code"] == said.code == 1
    said = cli("evaluate", tmp_path / "absent", *LABELS, "--json")
    assert said.code == 2 and "absent" in said.json["error"]["message"] and said.json["warnings"] == []


@pytest.mark.parametrize(
    ("words", "command", "says"),
    [
        (["score", "--json"], "score", "required: INPUT, --model"),
        (["--json", "score", "x.h5ad", "--model", "m", "--batch-size", "many"], "score", "invalid int value"),
        (["sore", "--json"], None, "invalid choice"),
        (["--json"], None, "required: COMMAND"),
        (["evaluate", "x", "--label-key", "a", "--positive", "b", "--json", "--colour", "red"], "evaluate", "--colour"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_are_in_the_json_object(cli, words: list[str], command: str | None, says: str) -> None:
    said = cli(*words)
    assert said.code == said.json["error"]["exit_code"] == 2 and said.json["command"] == command
    assert says in said.json["error"]["message"] and "usage: spacrd" in said.err and says in said.err
    plain = cli(*(word for word in words if word != "--json"))
    assert plain.code == 2 and not plain.out and plain.err == said.err


@pytest.mark.parametrize("module", ["spacrd._cli", "numpy", "spacrd.tl", "torch"])
def test_ctrl_c_during_imports_ends_with_130_and_no_traceback(module: str, tmp_path: Path) -> None:
    code = f"""
import sys
class Interrupted:
    def find_spec(self, name, *more):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from spacrd.__main__ import main
sys.exit(main(["fit", "none.h5ad", "--label-key", "a", "--positive", "b", "--out", "m"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 130 and "Traceback" not in done.stderr
    assert done.stderr.startswith("spacrd: interrupted") and not list(tmp_path.iterdir())


def test_ctrl_c_ends_with_130_and_says_that_output_is_removed(evaluate_raises) -> None:
    said = evaluate_raises(KeyboardInterrupt())
    assert said.code == 130 and said.err.endswith("spacrd: interrupted; unfinished output was removed\n")


def test_sigterm_ends_with_143_and_leaves_no_half_output(
    toys: Path, model: Path, tmp_path: Path, cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    import anndata as ad

    def write(self: object, path: Path, **kwargs: object) -> None:
        path.write_text("half")
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(ad.AnnData, "write_h5ad", write)
    assert cli("score", toys / "toy_3.h5ad", "--model", model, "--out", tmp_path / "out.h5ad").code == 143
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_ends_a_reader_that_never_comes_back(toys: Path, cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import anndata as ad

    handlers = []
    monkeypatch.setattr(ad, "read_h5ad", lambda path: handlers.append(signal.getsignal(signal.SIGTERM)))
    before = signal.getsignal(signal.SIGTERM)
    cli("report", toys / "toy_3.h5ad", "--out", "never.html")
    assert handlers == [signal.SIG_DFL] and signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("words", [["--version"], ["fit"]], ids=" ".join)
def test_the_program_ends_with_its_exit_code_when_nobody_reads_it(words: list[str]) -> None:
    """Nobody reads the version; an error has its code."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "spacrd", *words]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, env=env, check=False)
    os.close(writer)
    assert done.returncode == (141 if words == ["--version"] else 2)
    assert "Error" not in done.stderr and "Traceback" not in done.stderr


def test_a_closed_stdout_ends_with_141_after_results_are_written(
    toys: Path, model: Path, tmp_path: Path, cli, monkeypatch
) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    said = cli("score", toys / "toy_3.h5ad", "--model", model, "--csv", tmp_path / "x.csv", "--quiet", "--json")
    assert said.code == 141 and "Error" not in said.err
    assert (tmp_path / "x.csv").is_file()


def test_other_libraries_are_heard_with_verbose_alone(evaluate_raises, toys: Path, cli, monkeypatch) -> None:
    import warnings

    @functools.wraps(spacrd.metrics.evaluate)
    def noisy(*args: object, **kwargs: object) -> None:
        print("noise on stdout")
        logging.getLogger("spacrd").info("%d genes", 12)
        warnings.warn("noise of a library", FutureWarning, stacklevel=1)
        warnings.warn("ours: `table_key`", SpacrdWarning, stacklevel=1)
        warnings.warn("ours: `table_key`", SpacrdWarning, stacklevel=1)
        raise OSError("done")

    monkeypatch.setattr(spacrd.metrics, "evaluate", noisy)
    progress, verbosity = spacrd.settings.progress, spacrd.settings.verbosity
    said = cli("evaluate", toys / "toy_3.h5ad", *LABELS, "--json")
    assert (
        said.json["warnings"] == ["ours: `table_key` (On the command line table_key is --table-key.)"]
        and said.err.count("ours") == 1
    )
    assert "12 genes" not in said.err
    assert "noise on stdout" in said.err and "noise of a library" not in said.err
    loud = cli("evaluate", toys / "toy_3.h5ad", *LABELS, "--verbose")
    assert "FutureWarning: noise of a library" in loud.err and loud.err.count("12 genes") == 1
    assert not logging.getLogger("spacrd").handlers
    assert "label_key = 'pathologist'" in loud.err and "anndata" in loud.err
    assert (spacrd.settings.progress, spacrd.settings.verbosity) == (progress, verbosity)


def test_json_writes_null_for_nan() -> None:
    import numpy as np

    value = {"a": float("nan"), "b": np.float32(1.5), "c": np.array([1, 2]), "d": (True, None), "e": Path("x")}
    assert _console.as_plain(value) == {"a": None, "b": 1.5, "c": [1, 2], "d": [True, None], "e": "x"}
