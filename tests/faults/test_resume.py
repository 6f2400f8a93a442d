"""What stands in a folder of ``resume`` is trusted only if it is what was written there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spacrd
from spacrd.tl._cv import _run as _cv_run
from tests.making.recipes import SHORT
from tests.making.sections import POSITIVE, make_section

from .jobs import extract

LONG = bool(os.environ.get("SPACRD_LONG"))
"""Every file with every damage, else each with one of them."""
DAMAGES = {
    "missing": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "garbled": lambda file: file.write_bytes(os.urandom(file.stat().st_size)),
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
}


def result_or_error(folder):
    try:
        return extract(folder)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_blocks_of_patches_are_made_again_or_refused(tmp_path, damage):
    (tmp_path / "whole").mkdir()
    wanted = extract(tmp_path / "whole")
    files = sorted(file.relative_to(tmp_path) for file in (tmp_path / "whole").rglob("*") if file.is_file())
    assert len(files) > 20
    for file in files[list(DAMAGES).index(damage) :: 1 if LONG else len(DAMAGES)]:
        folder = tmp_path / "damaged"
        shutil.copytree(tmp_path / "whole", folder)
        DAMAGES[damage](folder / Path(*file.parts[1:]))
        found = result_or_error(folder)
        refused = file.name == "zarr.json" and ("holds something else" in found or "is damaged" in found)
        assert found == wanted or refused, f"{file} {damage}: {found}"
        shutil.rmtree(folder)


def fake(task, plan):
    rng = np.random.default_rng(task.fold)
    sizes = {position: len(part.spots) for position, part in task.held_out.items()}
    return [_cv_run._rows(i, rng.random(n), np.full(n, "normal", dtype=object), 0.5) for i, n in sizes.items()]


@pytest.fixture
def validate(monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake)
    data = [make_section(seed, n=49) for seed in range(3)]

    def call(folder):
        result = spacrd.tl.cross_validate(
            data, "pathologist", positive=POSITIVE, recipe=SHORT, baselines=False, resume=folder
        )
        return result.likelihoods

    return call


def last_digit(file: Path) -> None:
    text = file.read_text()
    at = text.rindex(".") - 2  # in the last threshold's row
    file.write_text(text[:at].replace("0.", "1.", 1) + text[at:])


@pytest.mark.parametrize("damage", ["empty", "cut", "garbled", "zeros", "changed"])
def test_damaged_fits_of_a_cross_validation_are_made_again(tmp_path, validate, damage):
    wanted = validate(tmp_path)
    file = sorted(tmp_path.glob("*.csv"))[1]
    kept = file.read_bytes()
    {**DAMAGES, "changed": last_digit}[damage](file)
    assert file.read_bytes() != kept
    with pytest.warns(UserWarning, match="fold1.csv' is damaged or was changed, so this fit is done again"):
        found = validate(tmp_path)
    pd.testing.assert_frame_equal(found, wanted, check_exact=True)
    assert file.read_bytes() == kept


@pytest.mark.parametrize("damage", ["empty", "cut", "garbled", "list"])
def test_damaged_arguments_of_a_cross_validation_are_refused(tmp_path, validate, damage):
    validate(tmp_path)
    {**DAMAGES, "list": lambda file: file.write_text("[]")}[damage](tmp_path / "arguments.json")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=r"arguments.json' (is damaged|holds no arguments)"):
        validate(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_half_written_file_of_a_killed_process_is_no_obstacle(tmp_path, validate):
    (tmp_path / ".arguments.json.4711.part").write_text('{"spa')
    validate(tmp_path)
    assert (tmp_path / "arguments.json").exists()


def test_a_csv_can_be_read_by_others(tmp_path, validate):
    wanted = validate(tmp_path)
    tables = [pd.read_csv(file, comment="#") for file in sorted(tmp_path.glob("*.csv"))]
    assert sum(map(len, tables)) == len(wanted)
