"""A full disk, and a folder that cannot be written to: an error, the old state, and afterwards the same result."""

from __future__ import annotations

import errno
import os
import random
import resource
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from .jobs import JOBS
from .killer import Points

LONG = bool(os.environ.get("SPACRD_LONG"))
TRIES = {"extract": 6, "cross_validate": 1, "save": 4, "regions": 3, "figure": 2}
"""How many of the changes to files are refused by default."""


@pytest.fixture(scope="session")
def points():
    return Points()


@contextmanager
def largest_file(size: int):
    """No file may grow beyond ``size`` bytes, so that writing fails in the middle, whoever writes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def nothing_is_left(folder: Path) -> bool:
    return not [file for file in folder.rglob("*") if file.suffix == ".part" or file.name.startswith(".model")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TRIES)
def test_writing_that_fails_in_the_middle(tmp_path, name):
    job = JOBS[name]
    job.prepare(tmp_path)
    old = job.state(tmp_path)
    with largest_file(100), pytest.raises(OSError, match="(?i)too large"):
        job.run(tmp_path)
    assert job.state(tmp_path) == old
    assert nothing_is_left(tmp_path)
    result = job.run(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    job.prepare(tmp_path / "elsewhere")
    assert result == job.run(tmp_path / "elsewhere")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS] if LONG else [errno.ENOSPC], ids=errno.errorcode.get)
@pytest.mark.parametrize("name", TRIES)
def test_any_change_of_a_file_may_be_refused(tmp_path, points, name, code):
    def refuse() -> None:
        raise OSError(code, os.strerror(code))

    def prepared(folder: Path) -> Path:
        folder.mkdir()
        job.prepare(folder)
        return folder

    def run(folder: Path, at: int) -> str:
        points.watch(folder, at, refuse)
        try:
            return job.run(folder)
        finally:
            points.folder = ""

    job = JOBS[name]
    folder = prepared(tmp_path / "whole")
    old, whole = job.state(folder), run(folder, -1)
    new, total = job.state(folder), points.count
    rng = random.Random(code)
    for at in range(total) if LONG else sorted(rng.sample(range(total), min(total, TRIES[name]))):
        folder = prepared(tmp_path / str(at))
        # What only tidies up may fail unseen.
        with suppress(OSError):
            run(folder, at)
        assert job.state(folder) in (old, new)
        assert job.run(folder) == whole
