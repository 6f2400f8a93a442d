"""No run of code stands twice."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from .source import ROOT, code_lines, modules

MAX_REPEATED_LINES = 7
"""Lines of code in a row that two places may share."""


def repeats(paths: list[Path], window: int) -> list[list[str]]:
    """Return the places whose next ``window`` lines of code are the same."""
    places = defaultdict(list)
    for path in paths:
        lines = [(number, line) for number, line in code_lines(path) if re.search(r"\w", line)]  # no lone brackets
        for start in range(len(lines) - window + 1):
            text = tuple(line for _, line in lines[start : start + window])
            places[text].append(f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}:{lines[start][0]}")
    return [same for same in places.values() if len(same) > 1]


def test_no_eight_lines_of_code_stand_twice() -> None:
    copies = repeats(list(modules().values()), MAX_REPEATED_LINES + 1)
    assert not copies, "the same code stands at " + "; ".join(" and ".join(places) for places in copies)


def test_a_copy_is_found_whatever_stands_between_its_lines(tmp_path: Path) -> None:
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    first.write_text('"""One."""\nimport a\nx = f(1, 2)\n\n# why\ny = (\n    x\n)\n')
    second.write_text("x = f(1, 2)\nfrom a import b\ny = (  # so\n    x\n)\nz = 3\n")
    (copies,) = repeats([first, second], 3)
    assert [Path(place).name for place in copies] == ["first.py:3", "second.py:1"]
    assert repeats([first, second], 4) == []
