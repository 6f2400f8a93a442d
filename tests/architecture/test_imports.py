"""What may import what: no circles, no way around a package's front door, and containers in a few places only."""

from __future__ import annotations

import importlib.util
import re
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from types import ModuleType

import pytest

from .source import ROOT, Import, imports, modules, package_of

SCRIPT = ROOT / "docs" / "figures" / "architecture.py"

MOST_PRIVATE = 15
"""How long the next list may become."""
PRIVATE: dict[tuple[str, str], str] = {}
"""Package and private module of another package that it imports, with the reason.

What a package offers to others of spacrd alone stands in its ``__init__`` as ``from ._module import name as name``, and
not in ``__all__``. So this list has use only where that would load too much.
"""

CONTAINERS = {"anndata", "scanpy", "spatialdata", "spatialdata_io", "squidpy"}
CONTAINER_PACKAGES = {"_sections", "datasets"}
CONTAINER_FILES = {
    "spacrd._cli._inputs": "reads files and platform folders into containers",
    "spacrd._cli._outputs": "writes a table to a file",
    "spacrd.features._expression": "scanpy chooses the variable genes, and wants a table for it",
    "spacrd.pl._embedding": "scanpy computes the UMAP, and wants a table for it",
    "spacrd.tl._markers": "scanpy scores sets of genes, and wants a table for it",
    "spacrd.pp._pseudospots": "returns a new object of spots, as a reader does",
}
"""Modules beside those packages that import a container's library at run time, with the reason."""
ARRAYS_ONLY = ("explanation", "features", "image", "model", "nn", "rivals", "train")
"""Packages that may not name a container even in a type."""


@pytest.fixture(scope="module")
def drawn() -> ModuleType:
    """The script that draws the packages."""
    spec = importlib.util.spec_from_file_location("architecture", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def all_imports() -> list[tuple[str, Import]]:
    """Return each module of the source with each of its imports."""
    return [(module, imported) for module, path in modules().items() for imported in imports(path)]


def ours() -> list[tuple[str, Import]]:
    """Return each module with each of its imports of spacrd."""
    return [(module, imported) for module, imported in all_imports() if imported.module.split(".")[0] == "spacrd"]


def file_graph() -> dict[str, set[str]]:
    """Return which module imports which, those whose ``__init__`` Python runs on the way included."""
    graph: dict[str, set[str]] = {module: set() for module in modules()}
    for module, imported in ours():
        parts = imported.module.split(".")
        # `import spacrd.tl._fit` runs spacrd/tl/__init__.py first, except from within tl, where it has begun already.
        passed = {".".join(parts[:n]) for n in range(2, len(parts))}
        graph[module] |= {imported.module} | {name for name in passed if not f"{module}.".startswith(f"{name}.")}
    return graph


def package_graph() -> dict[str, set[str]]:
    """Return which package imports which."""
    graph: dict[str, set[str]] = defaultdict(set)
    for module, imported in ours():
        graph[package_of(module)] |= {package_of(imported.module)} - {package_of(module)}
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return circles of a graph, until taking one edge out of each leaves none."""
    graph, cycles = {name: set(targets) for name, targets in graph.items()}, []
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            cycles.append(error.args[1])
            graph[cycles[-1][1]].discard(cycles[-1][0])
        else:
            return cycles


def test_no_file_imports_itself_by_way_of_others() -> None:
    cycles = circles(file_graph())
    assert not cycles, "files import each other in circles:\n" + "\n".join(" <- ".join(cycle) for cycle in cycles)


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert len(circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"c"}})) == 2


def test_every_module_is_in_the_figure(drawn: ModuleType) -> None:
    assert {package_of(module) or "__init__" for module in modules()} == set(drawn.BOXES) | drawn.TOP | drawn.BASE


def test_imports_are_the_arrows_of_the_figure(drawn: ModuleType) -> None:
    graph = package_graph()
    arrows = {(source, target) for source, targets in drawn.ARROWS.items() for target in targets}
    edges = {(name, target) for name in drawn.BOXES for target in graph[name] - drawn.BASE}
    assert not edges - arrows, f"imports that docs/figures/architecture.py does not draw: {sorted(edges - arrows)}"
    assert not arrows - edges, f"arrows of docs/figures/architecture.py without imports: {sorted(arrows - edges)}"


def test_the_base_imports_nothing_above_it(drawn: ModuleType) -> None:
    graph = package_graph()
    assert not {(name, target) for name in drawn.BASE for target in graph[name] - drawn.BASE}


def test_no_package_imports_upwards_or_itself_by_way_of_others(drawn: ModuleType) -> None:
    assert circles(drawn.ARROWS) == []
    bottom = {name: box[1] for name, box in drawn.BOXES.items()}
    upwards = [
        (name, target) for name, targets in drawn.ARROWS.items() for target in targets if bottom[name] < bottom[target]
    ]
    assert not upwards, "arrows of the figure point down or sideways"
    assert not {"encoders", "features", "image", "nn"} & set(drawn.ARROWS), "the lowest packages import no other"


def test_the_figure_is_that_of_its_script(drawn: ModuleType) -> None:
    svg = SCRIPT.with_suffix(".svg").read_text(encoding="utf-8")
    arrows = {f"{source}-to-{target}" for source, targets in drawn.ARROWS.items() for target in targets}
    assert set(re.findall(r'id="([a-z_]+-to-[a-z_]+)"', svg)) == arrows, f"run python {SCRIPT.relative_to(ROOT)}"


def private_imports() -> dict[tuple[str, str], set[str]]:
    """Return the places that import a private module of another package, by package and module."""
    places: dict[tuple[str, str], set[str]] = defaultdict(set)
    for module, imported in ours():
        target = package_of(imported.module)
        private = [part for part in imported.module.split(".")[2:] if part.startswith("_")]
        if private and target != package_of(module):
            key = package_of(module), imported.module.removeprefix("spacrd.")
            places[key].add(f"{imported.path.relative_to(ROOT)}:{imported.line}")
    return places


def test_private_modules_of_other_packages_are_imported_only_where_listed() -> None:
    unlisted = {key: sorted(places) for key, places in private_imports().items() if key not in PRIVATE}
    text = "\n".join(f"{name} imports {module}: {', '.join(places)}" for (name, module), places in unlisted.items())
    assert not unlisted, f"export it in the package's __init__, or list it in PRIVATE with a reason:\n{text}"


def test_the_list_of_private_imports_is_true_and_short() -> None:
    places = private_imports()
    assert not set(PRIVATE) - set(places), "listed in PRIVATE, but no longer imported"
    assert len(PRIVATE) <= MOST_PRIVATE


def containers() -> list[tuple[str, Import]]:
    """Return each module with each of its imports of a library that knows a container."""
    return [(module, imported) for module, imported in all_imports() if imported.module.split(".")[0] in CONTAINERS]


def test_containers_are_known_only_where_listed() -> None:
    users = {module for module, imported in containers() if not imported.typing}
    listed = {module for module in users if package_of(module) in CONTAINER_PACKAGES} | set(CONTAINER_FILES)
    assert not users - listed, f"use spacrd._sections, or list them in CONTAINER_FILES: {sorted(users - listed)}"
    assert not listed - users, f"listed in CONTAINER_FILES, but import no container: {sorted(listed - users)}"


def test_packages_of_arrays_name_no_container() -> None:
    named = {
        str(imported)
        for module, imported in containers()
        if package_of(module) in ARRAYS_ONLY and module not in CONTAINER_FILES
    }
    assert not named
