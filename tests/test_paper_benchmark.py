"""The paper's protocols run on whatever sections are there, beside the published figures, and name what is absent."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from benchmarks import paper

import spacrd
from tests.making.sections import make_section
from tests.making.studies import write_cohort


def test_it_runs_on_some_sections_and_names_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_cohort(tmp_path / "her2st", ("A1", "B1", "C1", "D1"))
    paper.find(tmp_path, "STHBC_D", paper.parse(["-"])).write_h5ad(tmp_path / "IDC.h5ad")
    (tmp_path / "her2st" / "counts" / "D1.tsv.gz").unlink()
    with pytest.warns(spacrd.SpacrdWarning, match="'undetermined' .* which count as not cancer"):
        paper.main([str(tmp_path), "--recipe", "default"])
    text = capsys.readouterr().out
    assert re.search(r"\| STHBC_B \| 0\.9\d+ \| 0\.9\d+ \| 0\.9\d+ \| 0\.993 \| 0\.980 \| 0\.926 \|", text)
    assert "3 of 8" in text and "**Absent: STHBC_D, STHBC_E, STHBC_F, STHBC_G, STHBC_H**" in text
    assert "### CRC, whole model\n\nNot run: 0 sections to fit on, 0 to score." in text
    assert "| IDC | 0.9" in text and "**Absent: ViHBC, XeHBC**" in text


def test_images_are_read_only_if_all_sections_have_one(tmp_path: Path) -> None:
    sections, options = [make_section(0), make_section(1)], paper.parse(["x", "--recipe", "default"])
    for section in sections:
        section.obsm[paper.IMAGE_REP] = section.obsm["X_mine"]
    whole = paper.ABLATIONS["whole model"]
    assert paper.arguments_of(sections, whole, options)["image_rep"] == paper.IMAGE_REP
    del sections[1].obsm[paper.IMAGE_REP]
    assert paper.arguments_of(sections, whole, options)["modality"] == "expression"


def test_the_papers_f1_calls_as_many_spots_as_are_cancer() -> None:
    label = pd.Series(["cancer", "other", "other", None, "undetermined"])
    found = paper.metrics(label, pd.Series([0.4, 0.9, 0.1, 0.99, 0.2]))
    assert found["f1"] == 0 and found["auc"] == pytest.approx(2 / 3)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="none of the paper's sections"):
        paper.main([str(tmp_path)])
