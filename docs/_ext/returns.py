"""Return sections hold sentences: the type stands in the signature, so napoleon must not read the first line as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sphinx.ext.napoleon import NumpyDocstring

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def _parse_returns_section(self: NumpyDocstring, section: str) -> list[str]:
    lines = self._dedent(self._consume_to_next_section())
    return self._format_block(":returns: ", lines)


def setup(app: Sphinx) -> dict[str, Any]:
    """Replace napoleon's reading of ``Returns``."""
    NumpyDocstring._parse_returns_section = _parse_returns_section  # type: ignore[method-assign]
    return {"parallel_read_safe": True}
