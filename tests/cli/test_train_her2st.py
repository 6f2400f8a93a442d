"""A breast model from a copy of her2st, with held-out figures on its card."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import spacrd
from tests.making.studies import write_cohort

pytestmark = pytest.mark.filterwarnings("ignore::spacrd.SpacrdWarning")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("her2st"), ("A1", "B1", "C1"))


def test_the_model_loads_and_its_card_says_how_good_it_is(study: Path, tmp_path: Path, cli) -> None:
    said = cli("train-her2st", study, "--out", tmp_path / "breast", "--json")
    assert said.code == 0 and "expression alone" in said.err
    model = spacrd.SpaCRD.load(tmp_path / "breast")
    assert model.config.training["n_labelled"] == 3 * 80  # one spot of each is undetermined
    card = (tmp_path / "breast" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: spacrd") and "\n\n## Limits" in card
    rows = re.findall(r"^\| ([ABC]1) \| 80 \| [\d.]+ \| ([\d.]+) ", card, flags=re.MULTILINE)
    given = {row["section"]: f"{row['auc']:.3f}" for row in said.json["sections"]}
    assert dict(rows) == given and set(given) == {"A1", "B1", "C1"}
    assert all(float(auc) > 0.8 for auc in given.values())


def test_no_patient_helps_to_score_itself(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import spacrd.tl as tl
    from spacrd._her2st_model import train_her2st

    groups = []
    cross_validate = tl.cross_validate

    def watched(sections, label_key, **options):
        groups.append(options["group_key"])
        return cross_validate(sections, label_key, **options)

    monkeypatch.setattr(tl, "cross_validate", watched)
    train_her2st(study, tmp_path / "breast", say=lambda text: None)
    assert groups == [{"A1": "A", "B1": "B", "C1": "C"}]


def test_what_is_missing_is_said_and_nothing_is_written(study: Path, tmp_path: Path, cli) -> None:
    alone = write_cohort(tmp_path / "alone", ("A1", "A2"))
    said = cli("train-her2st", alone, "--out", tmp_path / "breast")
    assert said.code == 2 and "needs two patients" in said.err
    assert cli("train-her2st", tmp_path / "no", "--out", tmp_path / "breast").code == 2
    assert not (tmp_path / "breast").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    said = cli("train-her2st", study, "--out", tmp_path / "mine", "--overwrite")
    assert said.code == 2 and (tmp_path / "mine" / "notes.txt").exists()
