"""A full disk and a folder that cannot be written to: the system's error, the old state, and the same result afterwards."""

from __future__ import annotations

import errno
import os
import random
import resource
from contextlib import contextmanager
from pathlib import Path

import pytest

from .jobs import JOBS
from .killer import Points

LONG = bool(os.environ.get("SPACRD_LONG"))
TRIES = {"extract": 8, "cross_validate": 2, "save": 6, "regions": 3, "figure": 3}
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
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS], ids=errno.errorcode.get)
@pytest.mark.parametrize("name", TRIES)
def test_any_change_of_a_file_may_be_refused(tmp_path, points, name, code):
    def refuse() -> None:
        raise OSError(code, os.strerror(code))

    def run(folder: Path, at: int) -> str:
        folder.mkdir()
        job.prepare(folder)
        points.watch(folder, at, refuse)
        try:
            return job.run(folder)
        finally:
            points.folder = ""

    job = JOBS[name]
    whole = run(tmp_path / "whole", -1)
    new, total = job.state(tmp_path / "whole"), points.count
    rng = random.Random(code)
    for at in range(total) if LONG else sorted(rng.sample(range(total), min(total, TRIES[name]))):
        folder = tmp_path / str(at)
        try:
            run(folder, at)
        except OSError as error:
            assert error.errno == code
        # Some are tidying up, which may fail.
        job.prepare(tmp_path / f"{at}-old") if not (tmp_path / f"{at}-old").mkdir() else None
        assert job.state(folder) in (new, job.state(tmp_path / f"{at}-old"))
        assert job.run(folder) == whole
