"""Every block of code in README and docs runs, or says beside it why not and where else."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import spacrd
from spacrd._torchvision import import_torchvision
from tests.making.platforms.examples import write_visium_section
from tests.making.studies import write_study
from tests.making.toys import SMALL

# The sections are tiny: what is warned of is not what is shown.
pytestmark = pytest.mark.filterwarnings("ignore::spacrd.SpacrdWarning")

import_torchvision()  # pages that import timm themselves need it, if torch and torchvision are of different builds

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]
PAGES = [page for page in PAGES if "_build" not in page.parts and "generated" not in page.parts]
FROM_NOTHING = {"README.md", "docs/start.md"}
"""Pages that a reader can paste into a fresh Python; others go on with sections and a model."""
FENCE = re.compile(
    r"^(?:<!-- (?P<why>[^\n]*) -->\n)?```(?P<kind>python|bash)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE
)
REASON = re.compile(r"docs: not run: .{10,}|ci: \w+")


class Block(NamedTuple):
    """Code of a page, and the reason why it is not run here, or an empty one."""

    kind: str
    code: str
    reason: str


def blocks(page: Path) -> list[Block]:
    found = FENCE.finditer(page.read_text(encoding="utf-8"))
    parts = [(match["kind"], match["code"], match["why"] or "") for match in found]
    return [Block(kind, code, why if REASON.fullmatch(why) else "") for kind, code, why in parts]


RUN = [page for page in PAGES if any(block.kind == "python" and not block.reason for block in blocks(page))]


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Sections, a model, and a folder of the files that pages read."""
    positive = ["invasive cancer", "cancer in situ"]
    sections = [
        spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, library_id=f"toy_{i}", seed=i) for i in range(3)
    ]
    spacrd.pp.extract_patches(sections)
    model = spacrd.tl.fit(sections[:2], "pathologist", positive=positive)
    spacrd.tl.score(sections[2], model)
    folder = tmp_path_factory.mktemp("files")
    square = {"type": "Polygon", "coordinates": [[[0, 0], [500, 0], [500, 500], [0, 500], [0, 0]]]}
    feature = {"type": "Feature", "geometry": square, "properties": {"classification": {"name": "Tumor"}}}
    (folder / "slide.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    sections[2].write(folder / "section.zarr", update_sdata_path=False)
    sections[2]["table"].write_h5ad(folder / "xenium.h5ad")
    for slide in ("slides/one.zarr", "slides/two.zarr"):
        shutil.copytree(folder / "section.zarr", folder / slide)
    (folder / "scored").mkdir()
    write_study(folder / "her2st")
    return {"sections": sections, "positive": positive, "model": model, "folder": folder}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small sections, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    toy = partial(spacrd.datasets.toy_visium, **SMALL)
    monkeypatch.setattr(spacrd.datasets, "toy_visium", toy)
    registries = [module._registry._registered for module in (spacrd.encoders, spacrd.rivals)]
    before = [dict(registry) for registry in registries]
    yield
    for registry, entries in zip(registries, before, strict=True):
        registry.clear()
        registry.update(entries)


def given(setup: dict[str, Any], code: str) -> dict[str, Any]:
    """What a reader of a page has: sections and a model under the names that its code uses, and the files."""
    import anndata
    import spatialdata

    copy = spatialdata.deepcopy
    first, second, third = setup["sections"]

    def unlabelled() -> Any:
        section = copy(third)
        del section["table"].obs["pathologist"]
        return section

    make: dict[str, Callable[[], Any]] = {
        "sections": lambda: [copy(first), copy(second)],
        "section": lambda: copy(third),
        "sdata": unlabelled,
        "adata": lambda: copy(third)["table"],
        "first": lambda: copy(first),
        "second": lambda: copy(second),
        "new": lambda: copy(third),
    }
    shutil.copytree(setup["folder"], Path.cwd(), dirs_exist_ok=True)
    modules = {"spacrd": spacrd, "anndata": anndata, "spatialdata": spatialdata}
    used = {name: maker() for name, maker in make.items() if re.search(rf"\b{name}\b", code)}
    return {**modules, "positive": setup["positive"], "model": setup["model"], **used}


def run(page: Path, setup: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run the blocks of a page one after the other; return the names it leaves."""
    code = [block.code for block in blocks(page) if block.kind == "python" and not block.reason]
    names = {} if setup is None else given(setup, "\n".join(code))
    for number, part in enumerate(code, start=1):
        exec(compile(part, f"{page.name}, block {number}", "exec"), names)
    return names


@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_runs(page: Path, small: None, request: pytest.FixtureRequest) -> None:
    alone = str(page.relative_to(ROOT)) in FROM_NOTHING
    if page.name == "start.md":  # the only files of one's own on a page that starts from nothing
        for seed, name in enumerate(("patient_1", "patient_2", "patient_3"), start=1):
            classes = write_visium_section(Path(name), seed, size_um=1100.0)
            classes.rename("pathologist").rename_axis("Barcode").to_csv(f"{name}/pathologist.csv")
    names = run(page, None if alone else request.getfixturevalue("setup"))
    if page.name == "README.md":
        assert Path("map.png").stat().st_size > 10_000
        assert Path("cancer_model", "model.safetensors").exists()
        assert "spacrd_likelihood" in names["new"]["table"].obs
    if page.name == "undo.md":
        before, after = spacrd.datasets.toy_visium(library_id="toy_2", seed=2), names["section"]
        assert list(after.shapes) == list(before.shapes)
        for slot in ("obs", "obsm", "varm", "uns"):
            assert set(getattr(after["table"], slot)) == set(getattr(before["table"], slot))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_not_run_says_why(page: Path) -> None:
    silent = [block.code for block in blocks(page) if block.kind == "bash" and not block.reason]
    assert not silent, "commands are not run here: say in a comment above what runs them, or what they need"
    assert page.read_text().count("docs: not run") == sum("not run" in block.reason for block in blocks(page))
