"""Cost of training and scoring against the authors' way, and against the number of spots.

``python -m benchmarks.scale [--quick]`` prints a table and writes ``benchmarks/results/scale.json`` and ``scale.png``.

Ratios are of process CPU time on one thread, the ways taking turns in one process; ``floor_s`` is what the matrix
products of our way would take at the speed of one large product. Memory is the resident memory of a process of its own,
that of Python and its libraries included.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SPACRD_PROGRESS", "0")
os.environ.setdefault("SPACRD_DEVICE", "cpu")

import matplotlib

matplotlib.use("Agg")
import torch

RESULTS = Path(__file__).parent / "results"
Row = dict[str, Any]


def alone(module: str, case: str, *arguments: Any) -> Row:
    """A case of a module of benchmarks in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(run_case, (module, case, arguments))


def run_case(module: str, case: str, arguments: tuple[Any, ...]) -> Row:
    """Run in the new process."""
    from importlib import import_module

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    return {"case": case, **getattr(import_module(f"benchmarks.{module}"), case)(*arguments)}


def table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown."""
    columns = list(dict.fromkeys(name for row in results.values() for name in row if name != "case"))
    lines = [f"| work | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for work, row in results.items():
        cells = [f"{row[name]:.3g}" if isinstance(row.get(name), float) else str(row.get(name, "")) for name in columns]
        lines.append(f"| {work} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(results: dict[str, dict[str, Any]], path: Path) -> None:
    """CPU time and peak memory against the number of spots."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for case in ("score", "fit"):
        rows = sorted((row["n"], name) for name, row in results.items() if row["case"] == case)
        for axis, name in zip(axes, ("cpu_s", "peak_gib"), strict=True):
            axis.loglog([n for n, _ in rows], [results[work][name] for _, work in rows], "o", label=case)
    axes[0].set(xlabel="spots", ylabel="CPU time [s]")
    axes[1].set(xlabel="spots", ylabel="peak memory [GiB]")
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=120)


def works(folder: str, quick: bool) -> dict[str, Callable[[], Row]]:
    """All there is to measure, by name."""
    repeats = 3 if quick else 9
    gflops = alone("steps", "kernels", 1)["stock_gflops"]
    found: dict[str, Callable[[], Row]] = {"matrix product": partial(alone, "steps", "kernels", repeats)}
    for stage in ("alignment", "fusion"):
        found[f"{stage} step"] = partial(alone, "steps", "training_step", stage, repeats, gflops)
    for n in (3800, 5000 if quick else 50_000):
        found[f"score {n:,} spots"] = partial(alone, "steps", "scoring", n, 3 if n < 50_000 else 1, gflops)
    for recipe in ("published", "default"):
        alone("scale_cases", "save", f"{folder}/{recipe}", 3000, recipe)
    alone("scale_cases", "save", f"{folder}/xenium", 300, "default")
    for n in (5000, 10_000) if quick else (50_000, 150_000):
        for recipe in ("published", "default"):
            found[f"score {n:,} cells x 3000 genes, {recipe}"] = partial(
                alone, "scale_cases", "score", n, f"{folder}/{recipe}", None
            )
        found[f"score {n:,} cells x 3000 genes, default, from zarr"] = partial(
            alone, "scale_cases", "score", n, f"{folder}/default", f"{folder}/{n}.zarr"
        )
    n = 20_000 if quick else 1_000_000
    found[f"score {n:,} cells x 300 genes, default, from zarr"] = partial(
        alone, "scale_cases", "score", n, f"{folder}/xenium", f"{folder}/xenium.zarr"
    )
    for n in (2000, 8000) if quick else (50_000, 200_000):
        for recipe in ("network", "default"):
            found[f"fit {n:,} labelled spots, 3000 genes, {recipe}"] = partial(alone, "scale_cases", "fit", n, recipe)
    if not quick:
        for held_out in ("A1", "B4", "C2"):
            found[f"whole fit without {held_out} and its patient"] = partial(alone, "whole_fit", "fold", held_out)
    return found


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes only, in some minutes; nothing is written")
    parser.add_argument("--only", nargs="*", default=[], help="words that must occur in the name of the work")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    path = RESULTS / "scale.json"
    facts = {"torch": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability(), "cpu": processor()}
    stored = json.loads(path.read_text()) if arguments.only and path.exists() else {}
    results: dict[str, Row] = stored.get("results", {})
    with tempfile.TemporaryDirectory() as folder:
        for name, work in works(folder, arguments.quick).items():
            if all(word in name for word in arguments.only):
                results[name] = work()
                print(name, results[name], flush=True)
                if not arguments.quick:
                    path.write_text(json.dumps({**facts, "results": results}, indent=1) + "\n")
    print(table(results))
    if not arguments.quick:
        plot(results, RESULTS / "scale.png")


def processor() -> str:
    """Name of the CPU, as far as the system tells."""
    found = Path("/proc/cpuinfo")
    if not found.exists():
        return "unknown"
    names = [line.split(":")[1].strip() for line in found.read_text().splitlines() if line.startswith("model name")]
    return names[0]


if __name__ == "__main__":
    main()
