"""Options follow the API: its arguments, defaults and words."""

from __future__ import annotations

import argparse
import inspect
import operator
import re
import shlex

import pytest

import spacrd
from spacrd._cli import _annotate, _evaluate, _fit, _main, _patches, _report, _score
from spacrd._cli._options import COMMANDS, in_options, in_words

CALLS = {
    "annotate": (spacrd.pp.annotate, _annotate.ARGUMENTS, {"data", "copy"}),
    "patches": (spacrd.pp.extract_patches, _patches.ARGUMENTS, {"data", "client", "copy"}),
    "fit": (spacrd.tl.fit, _fit.ARGUMENTS, {"data", "callbacks"}),
    "score": (spacrd.tl.score, _score.ARGUMENTS, {"data", "model", "copy"}),
    "evaluate": (spacrd.metrics.evaluate, _evaluate.ARGUMENTS, {"data"}),
    "report": (spacrd.report, _report.ARGUMENTS, {"data", "path", "model", "overwrite"}),
}
NEEDED = {
    "annotate": ["--regions", "r.geojson", "--key-added", "k", "--out", "x.zarr"],
    "patches": ["--out", "x.zarr"],
    "fit": ["--label-key", "k", "--positive", "p", "--out", "m"],
    "score": ["--model", "m"],
    "evaluate": ["--label-key", "k", "--positive", "p"],
    "report": ["--out", "x.html"],
}


def parse(*words: str) -> argparse.Namespace:
    return _main.build_parser(_main.COMMANDS).parse_args(words)


@pytest.mark.parametrize("command", CALLS)
def test_every_argument_is_an_option_with_the_same_default(command: str) -> None:
    call, names, elsewhere = CALLS[command]
    parameters = inspect.signature(call).parameters
    assert set(names) | elsewhere == set(parameters)
    arguments = parse(command, "input", *NEEDED[command])
    for name in names:
        default = parameters[name].default
        if default is not inspect.Parameter.empty:
            assert getattr(arguments, name) == (None if name == "ignore" else default), name


@pytest.mark.parametrize("command", [*CALLS, "demo", ""])
def test_help_is_for_people(command: str, cli) -> None:
    said = cli(*filter(None, [command]), "--help")
    assert said.code == 0
    assert "exit codes:" in said.out
    assert not {"``", ":func:", "None"} & set(said.out.split())
    assert ":func:" not in said.out and "``" not in said.out
    if command:
        assert f"  spacrd {command} " in said.out or f"  spacrd {command}\n" in said.out


def test_examples_of_the_help_are_valid() -> None:
    for command in _main.COMMANDS:
        for line in command.examples.splitlines():
            words = shlex.split(re.split(r"   | > ", line.strip())[0])[1:]
            assert parse(*words).command == command.name


def test_types_and_repeats() -> None:
    arguments = parse(
        "fit", "a", "b", "--label-key", "k", "--positive", "x y", "--positive", "z", "--out", "m", "--lr", "1e-3"
    )
    assert arguments.inputs == ["a", "b"] and arguments.positive == ["x y", "z"] and arguments.lr == 1e-3
    assert parse("score", "a", "--model", "m", "--threshold", "0.4").threshold == 0.4
    patches = parse("patches", "a", "--out", "b.zarr", "--patch-um", "100", "--store-shapes")
    assert patches.patch_um == 100.0 and patches.store_shapes is True


@pytest.mark.parametrize("words", [["--json", "demo"], ["demo", "--json"]])
def test_talk_before_or_after_the_command(words: list[str]) -> None:
    arguments = parse(*words)
    assert arguments.json and not arguments.quiet


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "a", "--label-key", "k", "--positive", "p", "--out", "m", "--seed", "one"],
        ["fit", "a", "--label", "k", "--positive", "p", "--out", "m"],
        ["patches", "a"],
        ["patches", "a", "--out", "b", "--out-dir", "c"],
        ["score", "a", "--model", "m", "--quiet", "--verbose"],
        ["nothing"],
    ],
    ids=" ".join,
)
def test_wrong_words_end_with_2(words: list[str], cli) -> None:
    said = cli(*words)
    assert said.code == 2 and not said.out and "usage: spacrd" in said.err


def test_version(cli) -> None:
    assert cli("--version").out == f"spacrd {spacrd.__version__}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Name it with `table_key`.", "Name it with --table-key."),
        ("Set positive= to the cancer label(s).", "Set --positive to the cancer label(s)."),
        ("Pass overwrite=True or name another.", "Pass --overwrite or name another."),
        ("recipe='x' is not known.", "--recipe='x' is not known."),
        ("pass on_mismatch='warn' to", "pass --on-mismatch='warn' to"),
        ("patch_um=-1", "--patch-um=-1"),
        ("patch_um must be positive", "--patch-um must be positive"),
        ("no table 'patch_um'; patch_um.h5ad", "no table 'patch_um'; patch_um.h5ad"),
        ("no file '/data/recipe=2/x', 'recipe=2'", "no file '/data/recipe=2/x', 'recipe=2'"),
        ("out of reach; outer=1, no_recipe='x'", "out of reach; outer=1, no_recipe='x'"),
    ],
)
def test_messages_name_options(text: str, expected: str) -> None:
    names = ("table_key", "positive", "overwrite", "recipe", "on_mismatch", "patch_um", "out")
    assert in_options(text, names) == expected


def test_calls_are_named_as_their_commands() -> None:
    text = "Run `spacrd.pp.extract_patches` with `image_key`, not spacrd.tl.scores or spacrd.pp.pseudospots."
    expected = "Run spacrd patches with --image-key, not spacrd.tl.scores or spacrd.pp.pseudospots."
    assert in_words(text, {"image_key"}) == expected
    for call, command in COMMANDS.items():
        assert operator.attrgetter(call)(spacrd) is CALLS[command][0]
