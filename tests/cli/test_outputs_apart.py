"""No output replaces what is read or another output, by whatever path; and tables are safe to open."""

from __future__ import annotations

import csv
import gzip
import os
import shutil
from pathlib import Path

import anndata as ad
import pandas as pd
import pytest

from tests.making.toys import LABELS


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def place(toys: Path, model: Path, tmp_path: Path, monkeypatch) -> Path:
    """Folder with inputs of its own, links to them, and a model."""
    folder = tmp_path / "work"
    folder.mkdir()
    for name in ("one", "two"):
        shutil.copy(toys / "toy_3.h5ad", folder / f"{name}.h5ad")
    shutil.copytree(toys / "toy_3.zarr", folder / "s.zarr")
    shutil.copytree(toys / "raw_3.zarr", folder / "raw.zarr")
    shutil.copytree(model, folder / "model")
    (folder / "drawn.csv").write_text("{}")
    (folder / "genes.csv").write_text("GENE1\n")
    (folder / "link.csv").symlink_to("drawn.csv")
    (folder / "other.h5ad").symlink_to("two.h5ad")
    (folder / "out").mkdir()
    (folder / "out" / "one.h5ad").symlink_to("../two.h5ad")
    os.link(folder / "two.h5ad", folder / "hard.h5ad")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    "words",
    [
        "score one.h5ad --model model --out x.csv.h5ad --csv ./x.csv.h5ad/../one.h5ad --overwrite",
        "score one.h5ad two.h5ad --model model --out-dir out --overwrite",
        "score one.h5ad --model model --out s.zarr/tables/table --csv x.csv --overwrite",
        "score s.zarr/tables/table --model model --out s.zarr --overwrite",
        "score one.h5ad --model model --out model/x.h5ad",
        "score one.h5ad --model model --csv model/x.csv",
        "score s.zarr --model model --out x.zarr --csv x.zarr/spots.csv",
        "score s.zarr --model model --csv s.zarr/spots.csv",
        "annotate raw.zarr --regions s.zarr --key-added k --out s.zarr --overwrite",
        "patches raw.zarr --out x.zarr --resume x.zarr",
        "patches raw.zarr --out x.zarr --resume x.zarr/blocks",
        "patches raw.zarr --out x.zarr --resume raw.zarr/blocks",
        "fit s.zarr --label-key a --positive b --out s.zarr/model",
        "report s.zarr --out s.zarr/report.html",
        "cross-validate s.zarr one.h5ad --label-key a --positive b --resume s.zarr/folds",
        "cross-validate s.zarr one.h5ad --label-key a --positive b --csv x.csv --resume x.csv",
        "demo --data model --out model --overwrite",
    ],
)
def test_an_output_over_or_in_what_is_read_is_refused_before_the_work(place: Path, cli, words: str) -> None:
    before = content(place)
    said = cli(*words.split())
    assert said.code == 2 and "Reading" not in said.err and "Traceback" not in said.err, said.err
    assert content(place) == before


@pytest.mark.parametrize(
    "words",
    [
        "patches raw.zarr --out x.zarr",
        "patches one.h5ad two.h5ad --out-dir made",
        "cross-validate one.h5ad two.h5ad --label-key pathologist --positive a",
    ],
)
def test_a_file_in_place_of_the_folder_to_resume_is_refused_before_sections_are_read(place: Path, cli, words) -> None:
    said = cli(*words.split(), "--resume", "drawn.csv")
    assert said.code == 2 and "Give resume a new or empty folder" in said.err and "Reading" not in said.err, said.err


@pytest.mark.parametrize("words", ["one.h5ad --out one.h5ad", "s.zarr --out s.zarr", "one.h5ad two.h5ad --out r.pdf"])
def test_what_cannot_hold_a_report_is_told_what_can(place: Path, cli, words: str) -> None:
    said = cli("report", *words.split(), "--overwrite")
    assert said.code == 2 and "cannot hold a report: end it in .html, or name a folder" in said.err


def test_a_table_never_replaces_a_file_that_an_option_names(place: Path, cli) -> None:
    for csv_file in ("drawn.csv", "link.csv", "../work/drawn.csv"):
        said = cli("score", "one.h5ad", "--model", "model", "--csv", csv_file, "--overwrite", "--out", "drawn.csv")
        assert said.code == 2
    assert (place / "drawn.csv").read_text() == "{}"


@pytest.mark.parametrize("name", ["s.csv", "S.TSV", "s.csv.gz", "s.tsv.gz"])
def test_texts_that_a_spreadsheet_would_compute_are_marked_as_text(place: Path, cli, name: str) -> None:
    table = ad.read_h5ad("one.h5ad")
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "a,=1", 'b"=1', "plain"]  # noqa: RUF001
    table.obs_names = [*names, *table.obs_names[len(names) :]]
    table.obs["slide"] = "=HYPERLINK(1)"
    table.write_h5ad("bad.h5ad")
    said = cli("score", "bad.h5ad", "--model", "model", "--library-key", "slide", "--csv", name)
    assert said.code == 0, said.err
    opener = gzip.open if name.endswith(".gz") else open
    with opener(name, "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, delimiter="\t" if "tsv" in name.lower() else ","))
    cells = [cell for row in rows[1:] for cell in row[:3]]
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@", "＝")) for cell in cells)  # noqa: RUF001
    spots = [row[2] for row in rows[1:]]
    expected = [name.replace("\r", "\\r") for name in table.obs_names]
    assert [cell.removeprefix("'") for cell in spots] == expected and spots[9] == "plain"
    numbers = pd.DataFrame(rows[1:], columns=rows[0])[["x", "y", "likelihood"]]
    assert not numbers.map(lambda cell: cell.startswith("'")).to_numpy().any()


def test_escape_sequences_in_names_do_not_reach_the_terminal(place: Path, cli) -> None:
    evil = "a\x1b[2J\x9b31m\u202eb\x07"
    table = ad.read_h5ad("one.h5ad")
    table.obs["slide"] = evil
    table.obs[evil] = "x"
    table.write_h5ad("bad.h5ad")
    answers = [
        cli("score", "bad.h5ad", "--model", "model", "--library-key", "slide", "--out", "x.h5ad", "--verbose"),
        cli("evaluate", "x.h5ad", *LABELS),
        cli("evaluate", "x.h5ad", "--label-key", f"{evil}x", "--positive", evil),
        cli("evaluate", f"no{evil}.h5ad", *LABELS, "--debug"),
        cli("evaluate", "x.h5ad", *LABELS, f"--{evil}"),
    ]
    assert [said.code for said in answers] == [0, 0, 2, 2, 2]
    assert not any(set(said.out + said.err) & set("\x1b\x9b\u202e\x07") for said in answers)
    assert "\\x1b[2J" in answers[0].out
