"""The reference: every public name is in it, and its examples run as they stand."""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.making.hest import write_hest
from tests.making.studies import write_study

# The sections are tiny: what is warned of is not what is shown.
pytestmark = pytest.mark.filterwarnings("ignore::spacrd.SpacrdWarning")

PAGE = (Path(__file__).parents[1] / "docs" / "api" / "index.md").read_text()
NAMES = re.findall(r"^   ([\w.]+)$", PAGE, flags=re.MULTILINE)
MODULES = ("datasets", "encoders", "features", "metrics", "model", "pl", "pp", "rivals", "tl", "train")
INSIDE = {"nn.NetworkConfig", "nn.SpaCRDNetwork"}
"""What a public class holds, for those who change it."""
NOT_RUN = {"spacrd.SpaCRD.push_to_hub": "asks the network", "spacrd.view": "opens a window"}


def _find(name: str) -> Any:
    found: Any = import_module("spacrd")
    for part in name.split("."):
        found = getattr(found, part)
    return found


STUDIES = {"her2st": write_study, "hest": write_hest}
"""Real sections in miniature, by the name of their folder."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in a folder of its own; leave no encoder behind."""
    from spacrd import encoders, rivals

    monkeypatch.chdir(tmp_path)
    yield
    encoders._registry._registered.clear()
    rivals._registry._registered.clear()


def test_every_public_name_is_on_the_page() -> None:
    public = {f"{module}.{name}" for module in MODULES for name in import_module(f"spacrd.{module}").__all__}
    public |= {name for name in import_module("spacrd").__all__ if not isinstance(_find(name), ModuleType)}
    # In running text, or under its short name.
    elsewhere = {"__version__", "model.RECIPES", "model.SpaCRD", "rivals.BASELINES"}
    assert set(NAMES) == (public - elsewhere) | INSIDE
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", NAMES)
def test_example_runs(name: str) -> None:
    thing = type(_find(name)) if name == "settings" else _find(name)
    finder = doctest.DocTestFinder(exclude_empty=False)
    found = [test for test in finder.find(thing, f"spacrd.{name}", module=False, globs={}) if test.examples]
    assert any(test.name == f"spacrd.{name}" for test in found), "there is no example"
    source = "".join(example.source for test in found for example in test.examples)
    for study, write in STUDIES.items():
        if f'"{study}"' in source:
            write(Path(study))
    report: list[str] = []
    for test in found:
        skipped = [example.source for example in test.examples if doctest.SKIP in example.options]
        assert not skipped or test.name in NOT_RUN, f"{test.name} shows what it does not run: {skipped}"
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        runner.run(test, out=report.append)
    assert not report, "".join(report)
