"""The source and the tests as text: their files, and what each file imports. Nothing is imported to find out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "spacrd"
TESTS = ROOT / "tests"


@dataclass(frozen=True)
class Import:
    """One name in one import statement."""

    path: Path
    line: int
    module: str
    """Dotted name of the imported module: "spacrd.tl._fit", "anndata"."""
    name: str
    """What is imported from it; "" for ``import module``."""
    typing: bool
    """Whether the statement stands under ``if TYPE_CHECKING:``."""

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} imports {self.name or 'all'} from {self.module}"


@cache
def modules(folder: Path = SOURCE) -> dict[str, Path]:
    """Return the dotted names of all modules below a folder, that of the folder first in each, and their files."""
    return {_dotted(path, folder): path for path in sorted(folder.rglob("*.py"))}


def _dotted(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str:
    """Return the package of spacrd that a module lies in: "tl" for "spacrd.tl._fit", "" for spacrd itself."""
    return [*module.split("."), ""][1]


@cache
def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path, folder: Path = SOURCE) -> tuple[Import, ...]:
    """Return all imports of a file below a folder, those inside functions too."""
    return tuple(_imports(path, folder, parse(path), typing=False))


def _imports(path: Path, folder: Path, node: ast.AST, *, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            yield from _imports(path, folder, ast.Module(child.body, []), typing=True)
            yield from _imports(path, folder, ast.Module(child.orelse, []), typing=typing)
        elif isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(path, child.lineno, alias.name, "", typing)
        elif isinstance(child, ast.ImportFrom):
            target = _target(path, folder, child)
            for alias in child.names:
                whole = f"{target}.{alias.name}"
                is_module = whole in modules(folder)
                yield Import(
                    path, child.lineno, whole if is_module else target, "" if is_module else alias.name, typing
                )
        elif not isinstance(child, ast.expr):
            yield from _imports(path, folder, child, typing=typing)


def _target(path: Path, folder: Path, node: ast.ImportFrom) -> str:
    """Return the absolute name of the module that ``from ... import`` names."""
    if not node.level:
        return node.module or ""
    package = path.relative_to(folder.parent).parts[:-1]
    return ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])


@cache
def code_lines(path: Path) -> tuple[tuple[int, str], ...]:
    """Return number and code of the lines that hold code: no comments, docstrings or imports."""
    left_out: set[int] = set()
    for node in ast.walk(parse(path)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.Import | ast.ImportFrom) or is_text:
            left_out |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    # The code is formatted, so that the same code is the same text.
    text = path.read_text(encoding="utf-8").splitlines()
    lines = ((number, re.sub(r"(^|\s+)# .*", "", line).strip()) for number, line in enumerate(text, start=1))
    return tuple((number, line) for number, line in lines if line and number not in left_out)
