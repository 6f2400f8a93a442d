"""The image in CONTRIBUTING.md: packages import each other as it shows, and no other way."""

from __future__ import annotations

import ast
import importlib.util
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from types import ModuleType

import pytest

import spacrd

SOURCE = Path(spacrd.__file__).parent
SCRIPT = Path(__file__).parents[1] / "docs" / "figures" / "architecture.py"


@pytest.fixture(scope="module")
def drawn() -> ModuleType:
    """The script that draws the image."""
    spec = importlib.util.spec_from_file_location("architecture", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def imported(path: Path) -> Iterator[str]:
    """Packages of spacrd that a file imports by relative imports, wherever they stand in it."""
    package = path.relative_to(SOURCE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            start = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            names = [part for part in start if part]
            yield from names[:1] or [alias.name for alias in node.names]


def test_imports_are_those_of_the_image(drawn: ModuleType) -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for path in SOURCE.rglob("*.py"):
        package = path.relative_to(SOURCE).with_suffix("").parts[0]
        found[package] |= set(imported(path)) - {package} - drawn.BASE
    assert set(found) == set(drawn.BOXES) | drawn.TOP | drawn.BASE
    assert {name: found[name] for name in drawn.BOXES if found[name]} == drawn.ARROWS
    assert not set().union(*(found[name] for name in drawn.BASE))


def test_no_package_imports_itself_by_way_of_others(drawn: ModuleType) -> None:
    order = TopologicalSorter(drawn.ARROWS).static_order()
    assert next(iter(order)) in {"encoders", "image", "nn"}
