"""The documents: their example runs, their links lead somewhere, CI finds its commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spacrd import SpacrdWarning

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md")
    for page in ROOT.glob(pattern)
    if "_build" not in page.parts
)


@pytest.mark.real_data
def test_downstream_recipe_runs_on_real_sections(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "downstream.md").read_text(), flags=re.DOTALL)
    code = "\n".join(blocks)
    names: dict[str, object] = {}
    with pytest.warns(SpacrdWarning, match="'undetermined' .* which count as not cancer"):
        exec(code.replace('path = "her2st"', f"path = {str(real_data / 'her2st')!r}"), names)
    severity = names["severity"]["mean"].droplevel(0)  # type: ignore[index]
    assert severity["invasive cancer"] > severity["connective tissue"] > 0
    assert "called only" in capsys.readouterr().out


def _anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as forges and the site make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text()):
        if "://" in link:
            continue
        target = page.parent / link if link else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            assert anchor in _anchors(target), f"{page.name} links to {link}#{anchor}"


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_ci_finds_its_command(name: str) -> None:
    found = re.findall(rf"<!-- ci: {name} -->\n```bash\n(.*?)\n```", (ROOT / "README.md").read_text())
    assert len(found) == 1
    assert ".venv/bin/" in found[0]
