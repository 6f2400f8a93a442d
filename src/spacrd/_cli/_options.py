"""Options made from the signatures and docstrings of the API: one truth for names, types, defaults and help."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

COMMANDS = {
    "pp.annotate": "annotate",
    "pp.extract_patches": "patches",
    "tl.fit": "fit",
    "tl.score": "score",
    "metrics.evaluate": "evaluate",
    "report": "report",
}
"""Calls and the commands that make them."""

Group = argparse._ArgumentGroup | argparse.ArgumentParser


def flag(name: str) -> str:
    """Option of an argument: ``table_key`` is ``--table-key``."""
    return f"--{name.replace('_', '-')}"


def parameter_texts(function: Callable[..., Any]) -> dict[str, str]:
    """What the docstring (numpydoc) says of each parameter, in one line each."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", inspect.getdoc(function) or "", flags=re.M | re.S)
    found = re.findall(r"^(\w[\w, ]*)\n((?:[ \t]+.*\n?|\n)+)", section[1] if section else "", flags=re.M)
    return {name: " ".join(text.split()) for names, text in found for name in names.split(", ")}


def in_options(text: str, names: Iterable[str]) -> str:
    """Text of the API with its arguments as options: ``table_key=`` and ```table_key``` become ``--table-key``."""
    names = set(names)
    name = rf"(?<![\w.'/-])`?({'|'.join(sorted(names, key=len, reverse=True))})"
    text = re.sub(rf"{name}(?:`|=True\b`?|=`|=(?![\w'\"(\[.-]))", lambda found: flag(found[1]), text)
    text = re.sub(rf"{name}=", lambda found: f"{flag(found[1])}=", text)
    # A word with an underscore is an argument, unless it stands in quotes or in a path.
    return re.sub(r"(?<![\w.'/-])([a-z]+_[a-z_]+)(?![\w.'/-])", lambda found: _known(found[1], names), text)


def in_words(text: str, names: Iterable[str]) -> str:
    """Text of a message with calls as their commands, and arguments as options."""
    for call, command in COMMANDS.items():
        text = re.sub(rf"`?spacrd\.{re.escape(call)}\b`?", f"spacrd {command}", text)
    return in_options(text, names)


def _known(word: str, names: Iterable[str]) -> str:
    return flag(word) if word in names else word


def _help(text: str, names: Iterable[str]) -> str:
    """Text of a docstring for a terminal: options, no reStructuredText, no None."""
    text = in_options(re.sub(r":\w+:`~?[\w.]*?(\w+)`", r"\1", text).replace("``", "`"), names).replace("`", "")
    text = re.sub(r"\bif None\b", "if not given", text).removesuffix(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _kind(annotation: str) -> dict[str, Any]:
    """Type or choices of an option, from the annotation of the argument."""
    parts = [part for part in annotation.split(" | ") if part != "None"]
    if len(parts) == 1 and (literal := re.fullmatch(r"Literal(\[.*\])", parts[0])):
        return {"choices": ast.literal_eval(literal[1])}
    for name, kind, metavar in (("int", int, "N"), ("float", float, "NUMBER")):
        if parts == [name]:
            return {"type": kind, "metavar": metavar}
    if parts == ["bool"]:
        return {"action": "store_true"}
    return {}


def add_options(group: Group, function: Callable[..., Any], names: Iterable[str], **changes: Mapping[str, Any]) -> None:
    """Add an option for each named argument of ``function``.

    Parameters
    ----------
    group
        Where to.
    function
        The call behind the command.
    names
        Its arguments.
    **changes
        By argument: what the command line says or does differently, as keywords of ``add_argument``.
    """
    parameters, texts = inspect.signature(function).parameters, parameter_texts(function)
    every = list(parameters)
    for name in names:
        parameter, change = parameters[name], dict(changes.get(name, {}))
        text = change.pop("help", None) or _help(texts.get(name, ""), every)
        keywords: dict[str, Any] = {**_kind(parameter.annotation), **change, "help": text.replace("%", "%%")}
        if parameter.default is parameter.empty:
            keywords["required"] = True
        else:
            keywords.setdefault("default", parameter.default)
        if not {"choices", "action", "metavar"} & set(keywords):
            keywords["metavar"] = name.split("_")[-1].upper()  # image_key: KEY
        group.add_argument(flag(name), dest=name, **keywords)


def given(arguments: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Values of these options, as keywords of the call."""
    return {name: getattr(arguments, name) for name in names}
