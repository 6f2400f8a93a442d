"""Docs and messages are in the words of docs/style.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BANNED = {
    r"(?<!<)(?<!</)\bpictures?\b": "image",
    r"\berrors? of yours\b": "input error",
    r"\b(is|are) told so\b": "a warning says so",
    r"\bbefore you believe\b": "treat with caution",
    r"\bfor want of\b": "without, as there is no",
    r"\bstrangers?\b": "unlike the training sections; files from others",
    r"\bwhat is (said|read)\b": "output, input",
}
"""Words that are not used, and what is."""
FILES = sorted(
    file
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "benchmarks/*.md",
        "benchmarks/*.py",
        "src/**/*.py",
        "src/**/*.html",
        "notebooks/*.ipynb",
    )
    for file in ROOT.glob(pattern)
    if "_build" not in file.parts and "generated" not in file.parts and file.name not in ("style.md", "CHANGELOG.md")
)


@pytest.mark.parametrize("word", BANNED)
def test_banned_words_are_not_used(word: str) -> None:
    found = {
        str(file.relative_to(ROOT)): match.group(0)
        for file in FILES
        if (match := re.search(word, file.read_text(encoding="utf-8"), re.IGNORECASE))
    }
    assert not found, f"write {BANNED[word]!r} in place of {found}"


def test_the_style_page_names_them() -> None:
    assert "| image |" in (ROOT / "docs" / "style.md").read_text(encoding="utf-8")
