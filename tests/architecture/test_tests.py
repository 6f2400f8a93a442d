"""Tests stand alone: what several of them share lies in modules of helpers."""

from __future__ import annotations

from .source import TESTS, imports, modules


def test_no_test_borrows_from_a_test_module_or_a_conftest() -> None:
    borrowed = [
        str(imported)
        for path in modules(TESTS).values()
        for imported in imports(path, TESTS)
        if imported.module.startswith("tests.")
        and (imported.module.rpartition(".")[2].startswith("test_") or imported.module.endswith(".conftest"))
    ]
    assert not borrowed, "move what is shared to a module of helpers or a fixture:\n" + "\n".join(borrowed)
