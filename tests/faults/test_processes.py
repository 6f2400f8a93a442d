"""Processes that die, or are told to stop, while others work for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

import spacrd

from .processes import validate

ROOT = Path(__file__).parents[2]
LONG = bool(os.environ.get("SPACRD_LONG"))
LIMIT = 120
"""Seconds after which a process is taken to hang."""
PATH = os.pathsep.join([str(Path(spacrd.__file__).parents[1]), str(ROOT)])
real = pytest.mark.skipif(not LONG or not Path("/proc/self/stat").exists(), reason="starts processes: SPACRD_LONG=1")


def running(session: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_for(what):
    until = time.monotonic() + LIMIT
    while not (found := what()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
    return found


@real
def test_ctrl_c_in_a_cross_validation_ends_its_processes(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.processes", tmp_path],
        env={**os.environ, "PYTHONPATH": PATH, "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_for(lambda: list((tmp_path / "cv").glob("*.csv")))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, told = process.communicate(timeout=LIMIT)
        assert b"KeyboardInterrupt" in told
        wait_for(lambda: not running(process.pid))
    finally:
        for pid in running(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.wait()


@real
def test_a_killed_process_of_a_cross_validation(tmp_path, monkeypatch):
    from joblib.externals.loky import reusable_executor

    monkeypatch.setenv("PYTHONPATH", PATH)

    def kill() -> None:
        wait_for(lambda: list((tmp_path / "cv").glob("*.csv")))
        os.kill(next(iter(reusable_executor._executor._processes)), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(RuntimeError, match="has died.*kept in '.*cv'"):
        validate(tmp_path)
    killer.join(LIMIT)
    assert list((tmp_path / "cv").glob("*.csv"))


def test_a_lost_process_is_told_in_our_words(tmp_path, monkeypatch):
    def lost(*_: object, **__: object):
        def run(tasks):
            raise BrokenProcessPool("A child process terminated abruptly.")
            yield

        return run

    monkeypatch.setattr("joblib.Parallel", lost)
    with pytest.raises(RuntimeError, match=r"A process of this cross-validation has died.*kept in '.*cv'"):
        validate(tmp_path)
