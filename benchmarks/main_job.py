"""CPU time and peak memory of every public call of the main job, of this version and of another commit.

``python -m benchmarks.main_job [--full] [--against REV]`` prints a table and writes ``main_job.csv``, ``main_job.md``
and ``main_job.png`` into ``benchmarks/results``. Each case runs in a process of its own on one thread, the versions in
turn; the other commit is checked out into a temporary git worktree. Imports are cases of their own: before a call is
measured, the same call on a tiny section loads the libraries. Memory is that of the whole process, with Python, its
libraries and the section. What a version cannot do is "-" in the table, and its reason is in the csv.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
from benchmarks.main_job_cases import CASES, REAL, Size

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
FULL = Size(spots=4000, genes=18_000, dim=1024, patches=2000)
"""Three sections of 4,000 spots x 18,000 genes; one gene in ten is seen in a spot."""


def run(case: str, size: Size, source: Path, folder: Path) -> dict[str, object]:
    """Measure one case with the package below ``source``, in a new process."""
    one_thread = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    environment = {**os.environ, **one_thread, "SPACRD_DEVICE": "cpu", "SPACRD_PROGRESS": "0"}
    environment["PYTHONPATH"] = os.pathsep.join([str(source / "src"), str(ROOT)])
    words = [sys.executable, "-m", "benchmarks.main_job_cases", case, str(folder), json.dumps(asdict(size))]
    done = subprocess.run(words, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().rsplit("\n", 1)[-1]
        return {"case": case, **asdict(size), "reason": last or f"exit code {done.returncode}"}
    return json.loads(done.stdout.strip().rsplit("\n", 1)[-1])


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """A temporary git worktree of a commit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tree"
        subprocess.run(
            ["git", "worktree", "add", "--detach", path, revision], cwd=ROOT, check=True, capture_output=True
        )
        try:
            yield path
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", path], cwd=ROOT, check=True, capture_output=True)


def measure(cases: Sequence[str], size: Size, sources: dict[str, Path], rounds: int = 1) -> pd.DataFrame:
    """Run the cases, the versions in turn; one row for each case and version, the median of the rounds."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for version in sources:
            (Path(folder) / version).mkdir()
        for case in cases:
            for _ in range(rounds):
                for version, source in sources.items():
                    rows.append({"version": version, **run(case, size, source, Path(folder) / version)})
                    print(
                        {name: rows[-1].get(name) for name in ("version", "case", "cpu_s", "peak_gib", "reason")},
                        flush=True,
                    )
    found = pd.DataFrame(rows).reindex(columns=["version", "case", *asdict(size), "n", "cpu_s", "peak_gib", "reason"])
    keys = [name for name in found.columns if name not in ("cpu_s", "peak_gib")]
    return found.groupby(keys, sort=False, dropna=False, as_index=False).median()


def table(rows: pd.DataFrame) -> str:
    """Markdown: CPU seconds and peak memory of each version, and ratios of the second to the first."""
    first, *others = dict.fromkeys(rows["version"])
    header = [f"{what} {version}" for version in (first, *others) for what in ("CPU s", "peak GiB")]
    header += [f"CPU s, {other} / {first}" for other in others]
    lines = [f"| work | spots | {' | '.join(header)} |", "|---" * (len(header) + 2) + "|"]
    for case, of_case in rows.groupby("case", sort=False):
        by_version = of_case.set_index("version")
        values = [by_version[name].get(version) for version in (first, *others) for name in ("cpu_s", "peak_gib")]
        ours = by_version["cpu_s"].get(first)
        values += [_ratio(by_version["cpu_s"].get(other), ours) for other in others]
        spots = int(of_case["n"].max()) if of_case["n"].notna().any() else 0
        cells = ["-" if pd.isna(value) else f"{value:.3g}" for value in values]
        lines.append(f"| {str(case).replace('_', ' ')} | {spots or ''} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _ratio(other: float | None, ours: float | None) -> float | None:
    return None if pd.isna(other) or pd.isna(ours) else other / ours


def plot(rows: pd.DataFrame, path: Path) -> None:
    """Bars of CPU seconds and of peak memory."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained", sharey=True)
    for axis, (name, label) in zip(
        axes, {"cpu_s": "CPU time [s]", "peak_gib": "peak memory [GiB]"}.items(), strict=True
    ):
        wide = rows.pivot_table(index="case", columns="version", values=name, sort=False, observed=True)
        wide.iloc[::-1].plot.barh(ax=axis, logx=True, width=0.8, legend=axis is axes[0])
        axis.set(xlabel=label, ylabel="")
    figure.savefig(path, dpi=120)


def name_of(source: Path) -> str:
    """Commit of a checkout, with a plus sign where files differ from it."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=source, capture_output=True, text=True
    ).stdout.strip()
    status = subprocess.run(["git", "status", "--porcelain", "src"], cwd=source, capture_output=True, text=True).stdout
    return (commit or "here") + ("+" if status.strip() else "")


def parse(words: Sequence[str] | None = None) -> tuple[argparse.Namespace, Size]:
    """Options, and the size they ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="12,000 spots x 18,000 genes")
    for name, value in asdict(Size()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=f"{value}; with --full {asdict(FULL)[name]}")
    parser.add_argument("--against", metavar="REV", help="another commit to run beside this one")
    parser.add_argument(
        "--only", nargs="*", default=CASES, choices=[*CASES, *REAL], help="some cases; nothing is written"
    )
    parser.add_argument("--rounds", type=int, default=1, help="runs of each case; the table has the median")
    arguments = parser.parse_args(words)
    given = {name: getattr(arguments, name) for name in asdict(Size())}
    return arguments, replace(FULL if arguments.full else Size(), **{k: v for k, v in given.items() if v is not None})


def main(words: Sequence[str] | None = None) -> None:
    """Run everything."""
    arguments, size = parse(words)
    sources = {name_of(ROOT): ROOT}
    if arguments.against is None:
        rows = measure(arguments.only, size, sources, arguments.rounds)
    else:
        with checkout(arguments.against) as other:
            rows = measure(arguments.only, size, {**sources, name_of(other): other}, arguments.rounds)
    text = table(rows)
    print(text)
    if arguments.only == CASES:
        rows.to_csv(RESULTS / "main_job.csv", index=False, float_format="%.4g")
        facts = (
            f"{size.n_sections} sections of {size.spots:,} spots x {size.genes:,} genes, {size.genes // size.one_in:,} "
        )
        facts += f"non-zero counts a spot, {size.dim} image features; one thread."
        (RESULTS / "main_job.md").write_text(f"{facts}\n\n{text}\n")
        plot(rows, RESULTS / "main_job.png")


if __name__ == "__main__":
    main()
