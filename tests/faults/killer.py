"""Kills jobs, and looks at what they leave: ``python -m tests.faults.killer MODE JOB... [--times N]``.

A process of its own imports everything and does each job once. It forks for every kill, so that a try costs no more
than the job. ``MODE`` is ``random`` (kill -9 after a random time) or ``points`` (wherever a file is opened to be
written, renamed or removed, each once). Prints one line of JSON for every job.
"""

from __future__ import annotations

import argparse
import json
import os

os.environ |= {"OMP_NUM_THREADS": "1", "SPACRD_PROGRESS": "0", "SPACRD_DEVICE": "cpu", "MPLBACKEND": "Agg"}
# Before anything starts a thread, which no fork would have.

import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .jobs import JOBS, Job

LIMIT = 120
"""Seconds a job may take."""
CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}


class Points:
    """Counts what is done to the files of a folder, and strikes at one of them."""

    def __init__(self) -> None:
        self.folder, self.count, self.at, self.strike = "", 0, -1, lambda: None
        sys.addaudithook(self._see)

    def watch(self, folder: Path, at: int, strike: Callable[[], Any]) -> None:
        self.folder, self.count, self.at, self.strike = str(folder), 0, at, strike

    def _see(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.folder or not (event in CHANGES or (event == "open" and self._writes(args))):
            return
        if not os.fspath(args[0]).startswith(self.folder):
            return
        self.count += 1
        if self.count - 1 == self.at:
            self.strike()

    @staticmethod
    def _writes(args: tuple[Any, ...]) -> bool:
        return isinstance(args[0], str | os.PathLike) and bool(args[2] & (os.O_WRONLY | os.O_RDWR))


def kill_me() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], Any], *, kill_after: float | None = None) -> tuple[int, Any]:
    """Exit status of the work in a process of its own, -9 if it was killed, and what it returned."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(reading)
            os.write(writing, json.dumps(work()).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    until = time.monotonic() + LIMIT
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    while (done := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            raise TimeoutError(f"A job took longer than {LIMIT} s.")
        time.sleep(0.002)
    with os.fdopen(reading) as answer:
        told = answer.read()
    return os.waitstatus_to_exitcode(done[1]), json.loads(told) if told else None


def attempt(job: Job, wanted: dict[str, str], points: Points, *, after: float | None, at: int) -> str:
    """Kill the job once; says what was found, and raises if it is neither the old state nor the new."""
    with tempfile.TemporaryDirectory(prefix="spacrd-kill-") as name:
        folder = Path(name)
        forked(lambda: job.prepare(folder))

        def work() -> Any:
            points.watch(folder, at, kill_me)
            return job.run(folder)

        code, _ = forked(work, kill_after=after)
        status, state = forked(lambda: job.state(folder))
        if status or state not in (wanted["old"], wanted["new"]):
            raise AssertionError(f"after a kill at {at if after is None else after} the folder holds {state}: {wanted}")
        status, result = forked(lambda: job.run(folder))
        if status or result != wanted["result"]:
            raise AssertionError(f"after a kill at {at if after is None else after} the result is {result}: {wanted}")
        if code == 0:
            return "finished before"
        return "old" if wanted["old"] != wanted["new"] and state == wanted["old"] else "killed"


def judge(job: Job, mode: str, times: int, points: Points, seed: int) -> Counter[str]:
    """Outcomes of many kills of one job."""
    with tempfile.TemporaryDirectory(prefix="spacrd-kill-") as name:
        folder = Path(name)
        job.prepare(folder)
        wanted = {"old": job.state(folder)}
        job.run(folder)  # whatever is compiled at first use is compiled now

    def whole() -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="spacrd-kill-") as name:
            folder = Path(name)
            job.prepare(folder)
            points.watch(folder, -1, kill_me)
            start = time.monotonic()
            result = job.run(folder)
            took, count = time.monotonic() - start, points.count
            return {"result": result, "new": job.state(folder), "took": took, "points": count}

    _, found = forked(whole)
    wanted |= {name: found[name] for name in ("result", "new")}
    outcomes: Counter[str] = Counter()
    rng = random.Random(seed)
    if mode == "points":
        at = (
            range(found["points"])
            if not times
            else sorted(rng.sample(range(found["points"]), min(times, found["points"])))
        )
        for point in at:
            outcomes[attempt(job, wanted, points, after=None, at=point)] += 1
    else:
        took = found["took"]
        for _ in range(5 * times):
            outcome = attempt(job, wanted, points, after=rng.uniform(0, took), at=-1)
            outcomes[outcome] += 1
            if outcome == "finished before":
                took *= 0.9  # the machine has become faster
            if outcomes.total() - outcomes["finished before"] == times:
                break
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["random", "points"])
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"of {', '.join(JOBS)}; all of them if none is named")
    parser.add_argument("--times", type=int, default=0, help="kills of each job; of points, 0 for all")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    names = given.jobs or list(JOBS)
    if len(names) > 1:  # each in its own process: some leave threads behind, with which none can fork
        options = ["--times", str(given.times), "--seed", str(given.seed)]
        for name in names:
            subprocess.run([sys.executable, "-m", __spec__.name, given.mode, name, *options], check=True)
        return
    print(json.dumps({"job": names[0], **judge(JOBS[names[0]], given.mode, given.times, Points(), given.seed)}))


if __name__ == "__main__":
    main()
