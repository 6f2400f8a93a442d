"""Signatures and docstrings of the API, read from its source: an import of torch or scanpy takes seconds."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
from pathlib import Path
from typing import Any, NamedTuple

PACKAGE = Path(__file__).parents[1]


class Parameter(NamedTuple):
    """A parameter of a function."""

    annotation: str
    default: Any
    """``inspect.Parameter.empty`` if there is none."""


class Function(NamedTuple):
    """What the command line needs to know of a function."""

    parameters: dict[str, Parameter]
    doc: str


def read_function(call: str) -> Function:
    """Read a function of spacrd, such as ``"tl.fit"``, without importing its module."""
    *parents, name = call.split(".")
    tree, node = _definition(_file(PACKAGE.joinpath(*parents)), name)
    positional = [*node.args.posonlyargs, *node.args.args]
    defaults: list[ast.expr | None] = [*[None] * (len(positional) - len(node.args.defaults)), *node.args.defaults]
    pairs = zip([*positional, *node.args.kwonlyargs], [*defaults, *node.args.kw_defaults], strict=True)
    parameters = {
        arg.arg: Parameter(
            ast.unparse(arg.annotation) if arg.annotation else "",
            inspect.Parameter.empty if default is None else _value(tree, default),
        )
        for arg, default in pairs
    }
    return Function(parameters, ast.get_docstring(node) or "")


def _file(module: Path) -> Path:
    return module / "__init__.py" if module.is_dir() else module.with_suffix(".py")


def _definition(file: Path, name: str) -> tuple[ast.Module, ast.FunctionDef]:
    """Find a function in a file, or where the file imports it from; return the tree of its file, too."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return tree, node
    return _definition(_file(file.parent / str(_import_of(tree, name).module)), name)


def _import_of(tree: ast.Module, name: str) -> ast.ImportFrom:
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return next(node for node in imports if any(alias.name == name for alias in node.names))


def _value(tree: ast.Module, default: ast.expr) -> Any:
    """Evaluate a default: a literal, a builtin, or an attribute of a class that a light module of spacrd holds."""
    if isinstance(default, ast.Name):
        return getattr(builtins, default.id)
    if not isinstance(default, ast.Attribute):
        return ast.literal_eval(default)
    holder = ast.unparse(default.value)
    module = importlib.import_module(f"spacrd.{_import_of(tree, holder).module}")
    return getattr(getattr(module, holder), default.attr)
