"""Commands that compare methods: the list of rivals, and cross-validation beside them."""

from __future__ import annotations

import json

import pandas as pd

from tests.making.validation import sections


def test_rivals_are_listed_with_what_they_see(cli) -> None:
    said = cli("rivals", "--quiet")
    assert said.code == 0
    assert {"depth", "svm-tuned", "spacrd", "licence"} <= set(said.out.split())
    listed = {row["rival"]: row for row in json.loads(cli("rivals", "--json").out)["rivals"]}
    assert listed["depth"]["labels"] == "none"
    assert listed["stands"]["adapted"] and listed["stands"]["lost"]


def test_cross_validation_runs_beside_rivals_and_writes_its_metrics(tmp_path, cli) -> None:
    files = []
    for number, table in enumerate(sections(2)):
        files.append(str(tmp_path / f"section_{number}.h5ad"))
        table.write_h5ad(files[-1])
    words = ["cross-validate", *files, "--label-key", "pathologist", "--positive", "invasive cancer"]
    words += ["--modality", "expression", "--csv", str(tmp_path / "metrics.csv")]
    said = cli(*words, "--baselines", "depth", "logistic own genes", "--json")
    assert said.code == 0, said.err
    table = pd.read_csv(tmp_path / "metrics.csv")
    assert set(table["model"]) == {"spacrd", "depth", "logistic own genes"}
    assert len(json.loads(said.out)["sections"]) == len(table) == 6
    said = cli(*words, "--baselines", "deph", "--overwrite")
    assert said.code == 2 and "baselines='deph' is not known" in said.err
