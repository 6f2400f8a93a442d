"""Write the pages of a report from their facts."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from .._checks import printable


@cache
def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _script_hash() -> str:
    """Return the hash of the script, by which the page allows this one and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(_text("sort.js").encode()).digest()).decode()


def _shown(value: Any) -> Any:
    """Escape characters that HTML does not hold; what is marked as safe is our own."""
    return value if hasattr(value, "__html__") else printable(str(value))


def render(*, style: dict[str, str], **values: Any) -> str:
    """Fill the template of a page.

    ``values`` are ``names``, ``sections``, ``overview``, ``models``, ``versions``, ``key`` and ``back``, a link to the
    overview; each may be empty but the names.
    """
    from jinja2 import Environment, StrictUndefined

    # Names of sections and columns are the user's: autoescape makes them text, whatever they hold.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    sheet = environment.from_string(_text("style.css")).render(paper=style)
    return environment.from_string(_text("report.html")).render(
        **values,
        style=sheet,
        script=_text("sort.js"),
        script_hash=_script_hash(),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
