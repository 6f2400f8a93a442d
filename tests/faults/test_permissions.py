"""Files that are written follow the umask, also where they replace others. Those of models: ``tests/model``."""

from __future__ import annotations

import os
import stat

import pytest

from .jobs import JOBS


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["extract", "regions", "figure"])
def test_written_files_follow_the_umask(tmp_path, name):
    job, before = JOBS[name], os.umask(0o027)
    try:
        job.prepare(tmp_path)
        job.run(tmp_path)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    wanted = {path.name: 0o750 if path.is_dir() else 0o640 for path in tmp_path.rglob("*")}
    assert modes == wanted and modes
