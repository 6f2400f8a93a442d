"""kill -9 leaves the old state or the new, and the same call then comes to the same result.

50 kills of each job at random times, and one at every change of a file, for some minutes:

    SPACRD_LONG=1 pytest tests/faults/test_kill.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import spacrd

ROOT = Path(__file__).parents[2]
LONG = bool(os.environ.get("SPACRD_LONG"))
JOBS = ["extract", "cross_validate", "save", "fit and save", "regions", "figure"]


def kill(mode: str, job: str, times: int) -> dict[str, int]:
    """Outcomes, by how often there were."""
    path = os.pathsep.join([str(Path(spacrd.__file__).parents[1]), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.killer", mode, job, "--times", str(times)],
        env={**os.environ, "PYTHONPATH": path},
        cwd=ROOT,
        capture_output=True,
        timeout=3600 if LONG else 300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    outcomes = json.loads(done.stdout)
    assert outcomes.pop("job") == job
    print(mode, job, outcomes)
    return outcomes


@pytest.mark.parametrize("job", JOBS if LONG else ["extract", "save", "regions"])
def test_a_kill_at_a_change_of_a_file_leaves_the_old_state_or_the_new(job):
    outcomes = kill("points", job, 0 if LONG else 6)
    assert "finished before" not in outcomes
    assert sum(outcomes.values()) >= 3


@pytest.mark.skipif(not LONG, reason="takes minutes: set SPACRD_LONG=1")
@pytest.mark.parametrize("job", JOBS)
def test_a_kill_at_a_random_time_leaves_the_old_state_or_the_new(job):
    outcomes = kill("random", job, 50)
    assert sum(outcomes.values()) - outcomes.get("finished before", 0) == 50
