"""The table of rivals: every method on equal inputs, each held-out section from everything that is fitted.

    python -m benchmarks.rivals                               # all that is not finished yet, then the table
    python -m benchmarks.rivals --rivals "svm-*" depth --tasks a c
    python -m benchmarks.rivals --seeds 0 1 2 --jobs 2
    python -m benchmarks.rivals --table                       # only the table and its plots

Tasks: (a) her2st expression, one section left out; (b) her2st image and expression, one patient left out, with two
encoders; (c) Xenium IDC by quadrants; (d) PDAC-A in three strips; (e) fitted on her2st, scored on Xenium IDC and on
PDAC-A; (f) the image of Visium block A in nine blocks; (g) the spots of each her2st section that are not cancer, as a
section of their own.

Finished runs are kept in ``$SPACRD_RIVALS``, or in the folder ``spacrd_rivals`` of the temporary directory, and are
read the next time; ``--again`` runs them anew. The table goes to ``benchmarks/results/rivals.csv`` and ``rivals.md``;
rows of the csv that have no finished run there stay as they are. Tables of README.md, benchmarks/README.md and docs
that are made from it are written anew.
"""

from __future__ import annotations

import argparse
from fnmatch import fnmatch
from pathlib import Path

from benchmarks.rivals_pages import write_pages
from benchmarks.rivals_rows import file_of, rivals, run, units
from benchmarks.rivals_table import write_table
from benchmarks.rivals_tasks import GROUPS, scratch
from joblib import Parallel, delayed


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rivals", nargs="*", default=["*"], help="names, with wildcards")
    parser.add_argument("--tasks", nargs="*", default=list("abcdefg"), help="letters, or groups such as b-lite0")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--folder", type=Path, default=scratch(), help="finished runs and embeddings")
    parser.add_argument("--again", action="store_true", help="run finished ones anew")
    parser.add_argument("--cpu-minutes", type=float, help="limit of a fold; a rival that takes longer is absent")
    parser.add_argument("--table", action="store_true", help="run nothing, write the table")
    return parser.parse_args()


def groups_of(tasks: list[str]) -> list[str]:
    """Groups of the tasks, in their order."""
    chosen = [group for group in GROUPS if any(task in (group, *group.split("-")[0]) for task in tasks)]
    unknown = [task for task in tasks if not any(task in (group, *group.split("-")[0]) for group in GROUPS)]
    if unknown:
        raise SystemExit(f"There are no tasks {unknown}. Choose among {list('abcdefg')} and {list(GROUPS)}.")
    return chosen


def main() -> None:
    arguments = parse()
    if not arguments.table:
        names = [name for name in rivals() if any(fnmatch(name, pattern) for pattern in arguments.rivals)]
        if not names:
            raise SystemExit(f"No rival is called {arguments.rivals}. There are {list(rivals())}.")
        limit = None if arguments.cpu_minutes is None else 60 * arguments.cpu_minutes
        todo = (
            (name, group, fold, seed, arguments.folder, limit)
            for name, group, fold, seed in units(groups_of(arguments.tasks), names, arguments.seeds)
            if arguments.again or not file_of(arguments.folder, group, name, fold.name, seed).exists()
        )
        pool = Parallel(arguments.jobs, return_as="generator_unordered")
        for text in pool(delayed(run)(*unit) for unit in todo):
            print(text, flush=True)
    write_pages(write_table(arguments.folder))


if __name__ == "__main__":
    main()
