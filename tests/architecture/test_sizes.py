"""How much a file, a function and a list of arguments may hold; branches and statements are counted by ruff."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from .source import ROOT, code_lines, imports, modules, package_of, parse

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60
"""Lines of code from ``def`` to the end: signature and body, without docstring, comments, imports and blank lines."""
MAX_ARGUMENTS = 8
"""Of a function that is not public. Public ones may have more, all keyword-only, and so may makers of records."""
MAX_POSITIONAL = 2
"""Arguments that a public function takes by position: the data, and one more."""
PUBLIC = {"datasets", "encoders", "metrics", "pl", "pp", "rivals", "tl"}
"""Packages of functions for users."""
BY_POSITION = {
    "adapt": "takes a model as `score` does, and a label key as `fit` does",
    "scores": "takes arrays of one length, in the order of the metrics of scikit-learn",
}
"""Public functions that take more by position, with the reason."""


def functions() -> Iterator[tuple[str, Path, ast.FunctionDef]]:
    """Yield each function and method of the source, with its module and file."""
    for module, path in modules().items():
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef):
                yield module, path, node


def public() -> set[tuple[str, str]]:
    """Return module and name of the functions that are in ``__all__`` of a public package."""
    exported = {("spacrd._report", "report")}
    for name in PUBLIC & {package_of(module) for module in modules()}:
        init = modules()[f"spacrd.{name}"]
        (names,) = [
            ast.literal_eval(node.value)
            for node in parse(init).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        ]
        exported |= {(imported.module, imported.name) for imported in imports(init) if imported.name in names}
    return exported


def place(path: Path, node: ast.FunctionDef) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def test_no_file_is_long() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules().values()}
    long = {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > MAX_FILE_LINES}
    assert not long, f"files of more than {MAX_FILE_LINES} lines: {long}"


def test_no_function_is_long() -> None:
    long = {}
    for _, path, node in functions():
        lines = sum(node.lineno <= number <= (node.end_lineno or node.lineno) for number, _ in code_lines(path))
        if lines > MAX_FUNCTION_LINES:
            long[place(path, node)] = lines
    assert not long, f"functions of more than {MAX_FUNCTION_LINES} lines of code: {long}"


def test_functions_that_are_not_public_take_few_arguments() -> None:
    exported = public()
    many = {}
    for module, path, node in functions():
        arguments = [argument.arg for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]]
        n = len([name for name in arguments if name not in {"self", "cls"}])
        makes_record = any(ast.unparse(decorator) == "classmethod" for decorator in node.decorator_list)
        if n > MAX_ARGUMENTS and not makes_record and (module, node.name) not in exported:
            many[place(path, node)] = n
    assert not many, f"functions of more than {MAX_ARGUMENTS} arguments; a frozen dataclass can hold them: {many}"


def test_public_functions_take_options_by_keyword() -> None:
    exported = public()
    assert len(exported) > 20
    many = {
        place(path, node): len(node.args.args)
        for module, path, node in functions()
        if (module, node.name) in exported and node.name not in BY_POSITION and len(node.args.args) > MAX_POSITIONAL
    }
    assert not many, f"put a * after the first arguments of {many}"
