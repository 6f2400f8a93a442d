"""Options follow the API: its arguments, defaults and words."""

from __future__ import annotations

import argparse
import inspect
import operator
import re
import shlex

import pytest

import spacrd
from spacrd._cli import _main
from spacrd._cli._options import explain_names, parameter_texts

COMMANDS = {command.name: command for command in _main.COMMANDS}
ELSEWHERE = {
    "annotate": {"data", "copy"},
    "patches": {"data", "client", "copy"},
    "fit": {"data", "callbacks"},
    "score": {"data", "model", "copy"},
    "adapt": {"data", "model", "copy"},
    "evaluate": {"data"},
    "report": {"data", "path", "model", "overwrite"},
    "cross-validate": {"sections", "fit_kwargs"},
}
"""Arguments of the call behind a command that are no options made of its signature."""
NEEDED = {
    "annotate": ["--regions", "r.geojson", "--key-added", "k", "--out", "x.zarr"],
    "patches": ["--out", "x.zarr"],
    "fit": ["--label-key", "k", "--positive", "p", "--out", "m"],
    "score": ["--model", "m"],
    "adapt": ["--model", "m", "--label-key", "k"],
    "evaluate": ["--label-key", "k", "--positive", "p"],
    "report": ["--out", "x.html"],
    "cross-validate": ["--label-key", "k", "--positive", "p"],
}


def parse(*words: str) -> argparse.Namespace:
    return _main.build_parser(_main.COMMANDS).parse_args(words)


@pytest.mark.parametrize("command", ELSEWHERE)
def test_every_argument_is_an_option_with_the_same_default(command: str) -> None:
    names = COMMANDS[command].arguments
    parameters = inspect.signature(operator.attrgetter(COMMANDS[command].call)(spacrd)).parameters
    assert set(names) | ELSEWHERE[command] == set(parameters)
    arguments = parse(command, "input", *NEEDED[command])
    for name in names:
        default = parameters[name].default
        if default is not inspect.Parameter.empty:
            assert getattr(arguments, name) == (None if name == "ignore" else default), name


@pytest.mark.parametrize("command", [*COMMANDS, ""])
def test_help_speaks_of_options_without_markup(command: str, cli) -> None:
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


def test_options_have_types_and_can_be_repeated() -> None:
    arguments = parse(
        "fit", "a", "b", "--label-key", "k", "--positive", "x y", "--positive", "z", "--out", "m", "--lr", "1e-3"
    )
    assert arguments.inputs == ["a", "b"] and arguments.positive == ["x y", "z"] and arguments.lr == 1e-3
    assert parse("score", "a", "--model", "m", "--threshold", "0.4").threshold == 0.4
    patches = parse("patches", "a", "--out", "b.zarr", "--patch-um", "100", "--store-shapes")
    assert patches.patch_um == 100.0 and patches.store_shapes is True


@pytest.mark.parametrize("words", [["--json", "demo"], ["demo", "--json"]])
def test_json_can_stand_before_or_after_the_command(words: list[str]) -> None:
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
def test_unknown_options_and_values_end_with_2(words: list[str], cli) -> None:
    said = cli(*words)
    assert said.code == 2 and not said.out and "usage: spacrd" in said.err


def test_version_is_printed(cli) -> None:
    assert cli("--version").out == f"spacrd {spacrd.__version__}\n"


def documented(one: int, two: int, three: str | None = None) -> None:
    """Do something.

    Parameters
    ----------
    one, two
        Numbers, see :func:`spacrd.tl.score`:

        - a list
    three : str
        A text; ``one`` if None.

    Returns
    -------
    nothing
        At all.
    """


def test_parameters_are_read_from_a_docstring() -> None:
    numbers = "Numbers, see :func:`spacrd.tl.score`: - a list"
    assert parameter_texts(inspect.getdoc(documented)) == {
        "one": numbers,
        "two": numbers,
        "three": "A text; ``one`` if None.",
    }
    assert parameter_texts("") == {}


@pytest.mark.parametrize(
    ("message", "note"),
    [
        ("Name it with `table_key`.", "table_key is --table-key"),
        ("patch_um must be positive", "patch_um is --patch-um"),
        ("Set positive= to the cancer label(s).", "positive is --positive"),
        ("recipe='x' is not known.", "recipe is --recipe"),
        ("Run `spacrd.pp.extract_patches` first.", "spacrd.pp.extract_patches is `spacrd patches`"),
        ("spacrd.tl.score(on_mismatch='warn')", "spacrd.tl.score is `spacrd score`, on_mismatch is --on-mismatch"),
        ("no table 'patch_um'", ""),
        ("no file '/data/recipe=2/x', 'recipe=2'", ""),
        ("a positive recipe; outer=1, no_recipe='x', my_table_key", ""),
        ("spacrd.tl.scores, spacrd.pp.pseudospots", ""),
    ],
)
def test_names_in_a_message_are_explained_and_the_message_is_not_touched(message: str, note: str) -> None:
    names = ("table_key", "positive", "overwrite", "recipe", "on_mismatch", "patch_um", "out")
    calls = {"pp.extract_patches": "patches", "tl.score": "score"}
    explained = explain_names(message, names, calls)
    assert explained == (f"{message} (On the command line {note}.)" if note else message)
