"""A report of many sections: its overview, its pages, and what it does not replace."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from anndata import AnnData

import spacrd
from tests.making.scored import scored_adata
from tests.report.page import Page

HOSTILE = "<script>document.title='taken'</script>"


def cohort(n: int = 3) -> list[AnnData]:
    sections = [scored_adata(60, libraries=(f"patient {i}",), seed=i) for i in range(n)]
    for i, adata in enumerate(sections):
        report = adata.uns["spacrd"]["spacrd"]["sections"][f"patient {i}"]
        report.update(verdict="tumour", expected_share=0.1 * i, share_low=0.05 * i, share_high=0.2 * i)
    return sections


def test_a_folder_has_an_overview_that_leads_to_a_page_for_each_section(tmp_path: Path) -> None:
    folder = spacrd.report(cohort(), tmp_path / "cohort")
    assert folder == tmp_path / "cohort"
    index = Page.read(folder / "index.html")
    links = [element.attributes["href"] for element in index.all("a")]
    assert sorted(map(unquote, links)) == sorted(f.name for f in folder.iterdir() if f.name != "index.html")
    assert len(links) == 3 and not index.all("article")
    for number, link in enumerate(links):
        page = Page.read(folder / unquote(link))
        assert page.all("h1")[0].text == f"Cancer likelihood of patient {number}"
        assert [element.attributes["href"] for element in page.all("a")] == ["index.html"]
        assert not page.all("script") and len(page.all("article")) == 1


def test_the_table_shows_the_summary_and_can_be_sorted_by_its_values(tmp_path: Path) -> None:
    sections = cohort()
    table = spacrd.tl.summarise(sections)
    index = Page.read(spacrd.report(sections, tmp_path / "cohort") / "index.html")
    heads = [element.text for element in index.all("button")]
    cells = [element for element in index.all("th", "td") if "data-value" in element.attributes]
    rows = [cells[i : i + len(heads)] for i in range(0, len(cells), len(heads))]
    assert len(rows) == 3
    share = heads.index("Called cancer")
    for row, called in zip(rows, table["called_share"], strict=True):
        assert float(row[share].attributes["data-value"]) == pytest.approx(called, rel=1e-4)
        assert row[share].text.strip() == f"{called:.0%}"
    assert [row[heads.index("Expected cancer")].text.strip() for row in rows][2] == "20% (10% to 40%)"
    assert [row[heads.index("Called, mm²")].attributes["data-value"] for row in rows] == ["", "", ""]  # not known


def test_the_page_allows_its_own_script_and_no_other(tmp_path: Path) -> None:
    page = Page.read(spacrd.report(scored_adata(60, libraries=(HOSTILE, "b")), tmp_path / "r.html"))
    policy = page.all("meta")[2].attributes["content"]
    (script,) = page.all("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
    assert "taken" not in script.text
    assert page.all("a")[0].text == HOSTILE and page.all("a")[0].attributes["href"] == "#section-1"


def test_control_characters_of_names_are_in_no_file(tmp_path: Path) -> None:
    name = "n\x01ul \x1b[31m \x85 \ufffe"
    adata = scored_adata(60, libraries=(name, "b"), image=True)
    page = spacrd.report(adata, tmp_path / "r.html")
    spacrd.pl.likelihood(adata, save=tmp_path / "map.svg", show=False)
    spacrd.tl.regions(scored_adata(60, libraries=(name,), image=True), geojson=tmp_path / "r.geojson")
    for file in (page, tmp_path / "map.svg", tmp_path / "r.geojson"):
        assert not re.search("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe]", file.read_text(encoding="utf-8"))
    assert Page.read(page).all("a")[0].text == r"n\x01ul \x1b[31m \x85 \ufffe"


def test_names_of_sections_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    sections = [scored_adata(60, libraries=(name,)) for name in ("../../a", "a/b", "same", "same", "50% \u00e4#?")]
    folder = spacrd.report(sections, tmp_path / "cohort")
    links = [unquote(element.attributes["href"]) for element in Page.read(folder / "index.html").all("a")]
    assert sorted(links) == sorted(f.name for f in folder.iterdir() if f.name != "index.html")
    assert [item.name for item in tmp_path.iterdir()] == ["cohort"]


def test_recorded_names_are_told_in_words(tmp_path: Path) -> None:
    section = spacrd.datasets.toy_visium(n_rows=8, n_cols=8, n_genes=10, mpp=2.0)
    spacrd.pp.extract_patches(section)
    table = section["table"]
    table.obs["spacrd_likelihood"] = 0.5
    text = Page.read(spacrd.report(section, tmp_path / "r.html")).text()
    said = text[text.index("Patches of the image") : text.index("How to read this")]
    assert "side of a patch, µm 65" in said and "how the scale was found array lattice" in said
    assert not re.search(r"\b(mpp|sha256|patch um|mpp source|dim)\b", said)


def test_only_a_report_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    for overwrite, message in ((False, "overwrite=True"), (True, "holds more than a report")):
        with pytest.raises(FileExistsError, match=message):
            spacrd.report(cohort(1), folder, overwrite=overwrite)
    assert (folder / "notes.txt").read_text() == "mine"
    spacrd.report(cohort(3), tmp_path / "cohort")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        spacrd.report(cohort(1), tmp_path / "cohort")
    spacrd.report(cohort(1), tmp_path / "cohort", overwrite=True)
    assert sorted(f.name for f in (tmp_path / "cohort").iterdir()) == ["1_patient_0.html", "index.html"]
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match="is a file"):
        spacrd.report(cohort(1), tmp_path / "file", overwrite=True)


def test_a_folder_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        spacrd.report(cohort(1), tmp_path / "cohort")
    assert not list(tmp_path.iterdir())
