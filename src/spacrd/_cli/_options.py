"""Options made from the signatures and docstrings of the API: one truth for names, types, defaults and help."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from ._source import read_function

Group = argparse._ArgumentGroup | argparse.ArgumentParser
Changes = Mapping[str, Mapping[str, Any]]
"""By argument: what the command line says or does differently, as keywords of ``add_argument``."""


def flag(name: str) -> str:
    """Return the option of an argument: ``table_key`` is ``--table-key``."""
    return f"--{name.replace('_', '-')}"


def add_options(group: Group, call: str, names: Iterable[str], changes: Changes) -> None:
    """Add an option for each named argument of the call behind the command, such as ``"tl.fit"``."""
    function = read_function(call)
    parameters, texts = function.parameters, parameter_texts(function.doc)
    for name in names:
        parameter, change = parameters[name], dict(changes.get(name, {}))
        text = change.pop("help", None) or _help(texts.get(name, ""), parameters)
        keywords: dict[str, Any] = {**_kind(parameter.annotation), **change, "help": text.replace("%", "%%")}
        if parameter.default is inspect.Parameter.empty:
            keywords["required"] = True
        else:
            keywords.setdefault("default", parameter.default)
        if not {"choices", "action", "metavar"} & set(keywords):
            keywords["metavar"] = name.split("_")[-1].upper()  # image_key: KEY
        group.add_argument(flag(name), dest=name, **keywords)


def given(arguments: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Return the values of these options, as keywords of the call."""
    return {name: getattr(arguments, name) for name in names}


def parameter_texts(doc: str) -> dict[str, str]:
    """Read what a numpydoc docstring, without indentation, says of each parameter, in one line each.

    ``numpydoc.docscrape`` does the same, but numpydoc requires Sphinx, which no user of the command line needs.
    """
    lines = doc.splitlines()
    if "Parameters" not in lines:
        return {}
    texts: dict[str, str] = {}
    names: list[str] = []
    for line, following in pairwise([*lines[lines.index("Parameters") + 2 :], ""]):
        if following and not following.strip("-"):
            break  # the heading of the next section
        if line[:1].strip():
            names = line.partition(":")[0].strip().split(", ")
            texts |= dict.fromkeys(names, "")
        else:
            texts |= {name: f"{texts[name]} {line.strip()}".strip() for name in names}
    return texts


def _help(text: str, arguments: Iterable[str]) -> str:
    """Turn a text of a docstring into one for a terminal: options for arguments, no other markup, no None."""
    text = re.sub(r":\w+:`~?([\w.]+)`", lambda role: role[1].rpartition(".")[2], text)
    for name in arguments:
        text = text.replace(f"``{name}``", flag(name)).replace(f"``{name}=", f"{flag(name)}=")
    text = text.replace("``", "").replace("if None", "if not given").removesuffix(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _kind(annotation: str) -> dict[str, Any]:
    """Return type or choices of an option, from the annotation of the argument."""
    types = [name for name in annotation.split(" | ") if name != "None"]
    if len(types) == 1 and types[0].startswith("Literal["):
        return {"choices": ast.literal_eval(types[0].removeprefix("Literal"))}
    for name, kind, metavar in (("int", int, "N"), ("float", float, "NUMBER")):
        if types == [name]:
            return {"type": kind, "metavar": metavar}
    return {"action": "store_true"} if types == ["bool"] else {}


def explain_names(message: str, arguments: Iterable[str], commands: Mapping[str, str]) -> str:
    """Return a message of the API, followed by what the names in it are called on the command line.

    The message itself stays as it is: whatever its words, nothing in it can be garbled.

    Parameters
    ----------
    message
        Text of an error or a warning.
    arguments
        Names of arguments that are options of the command.
    commands
        Commands by the call that each makes, such as ``"tl.fit"``.
    """
    calls = {f"spacrd.{call}": command for call, command in commands.items()}
    names = [f"{call} is `spacrd {command}`" for call, command in calls.items() if _holds(message, call)]
    for name in arguments:
        # A name of one word may be a word of the sentence: it is an argument in `backticks` or before an =.
        if f"`{name}`" in message or _holds(message, f"{name}=") or ("_" in name and _holds(message, name)):
            names.append(f"{name} is {flag(name)}")
    return f"{message} (On the command line {', '.join(names)}.)" if names else message


def _holds(message: str, name: str) -> bool:
    """Tell whether a message holds a name that is not part of a longer name, of a path or of a quoted text."""
    end = "" if name.endswith("=") else r"(?![\w'/-])"
    return re.search(rf"(?<![\w.'/-]){re.escape(name)}{end}", message) is not None
