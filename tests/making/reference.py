"""What the setup of the reference's examples makes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "api" / "index.md"


def run_setup() -> dict[str, Any]:
    """Run the setup that the reference shows; return its names: sections, a model of two, the third one scored."""
    (code,) = re.findall(r"<!-- docs: setup -->\n```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # part of this repository
    return names
