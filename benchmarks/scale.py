"""Cost of training and scoring against the authors' way, and against the number of spots.

``python -m benchmarks.scale [--quick]`` prints a table and writes ``benchmarks/results/scale.json`` and ``scale.png``.

Ratios are of process CPU time on one thread, in float32, the two ways taking turns in this process. Memory is the
resident memory of a process of its own, that of Python and its libraries included.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SPACRD_PROGRESS", "0")
os.environ.setdefault("SPACRD_DEVICE", "cpu")

import matplotlib

matplotlib.use("Agg")
import numpy as np
import torch
from benchmarks import reference, scale_cases

from spacrd.model import RECIPES
from spacrd.model._infer import score_arrays
from spacrd.model._neighbours import neighbourhoods, spatial_order
from spacrd.model._prepare import SpotArrays
from spacrd.model._scaling import scale
from spacrd.nn import NetworkConfig, SpaCRDNetwork
from spacrd.train._data import make_loader
from spacrd.train._stages import AlignmentStage, FusionStage

RESULTS = Path(__file__).parent / "results"
N_GENES, DIM, BATCH = 3000, 1024, 512


def arrays(n: int) -> SpotArrays:
    """A made-up section as the network reads it."""
    rng = np.random.default_rng(0)
    xy = np.column_stack(np.divmod(np.arange(n), int(np.sqrt(n)))).astype(float)
    raw = {"image": rng.random((n, DIM), np.float32), "gene": scale_cases.counts(rng, n, N_GENES)}
    features = {name: scale(x, "minmax", np.ones(n, dtype=bool)) for name, x in raw.items()}
    target = (rng.random(n) < 0.5).astype(np.float32)
    return SpotArrays(features, *neighbourhoods(xy, 6), target, spatial_order(xy)).load()


def cpu(work: Callable[[], Any]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def take_turns(plain: Callable[[], Any], fast: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Median CPU seconds of both, and their ratio."""
    plain(), fast()
    spent = np.array([(cpu(plain), cpu(fast)) for _ in range(repeats)])
    one, two = np.median(spent, axis=0)
    return {"reference_s": float(one), "spacrd_s": float(two), "ratio": float(one / two)}


def training_steps(repeats: int) -> dict[str, dict[str, float]]:
    """One optimiser step of each stage, its batch included."""
    part, rng = arrays(3494), np.random.default_rng(1)
    dense = {name: features.rows(np.arange(3494)) for name, features in part.features.items()}
    stacked = {name: reference.stack_neighbourhoods(x, part.neighbours) for name, x in dense.items()}
    network = SpaCRDNetwork(NetworkConfig(N_GENES, DIM)).train()
    # Torch's default for the authors' way, the fused kernel for ours.
    plain_adam = torch.optim.Adam(network.parameters(), lr=1e-5)
    fused_adam = torch.optim.AdamW(network.parameters(), lr=1e-5, weight_decay=0.0, fused=True)

    def step(optimizer: torch.optim.Optimizer, loss: Callable[[], torch.Tensor]) -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    def reference_batch(source: dict[str, np.ndarray]) -> list[torch.Tensor]:
        rows = rng.permutation(3494)[:BATCH]
        return [torch.from_numpy(x[rows]) for x in (*(source[n] for n in ("image", "gene")), part.target)]

    found = {}
    for name in ("alignment", "fusion"):
        loader = make_loader(part, np.arange(3494), batch_size=BATCH, seed=0, neighbours=name == "fusion")
        batches = (batch for _ in range(99) for batch in loader if len(batch.target) == BATCH)
        kind = FusionStage if name == "fusion" else AlignmentStage
        stage = kind(network, RECIPES["published"], 100)

        def plain(name: str = name) -> torch.Tensor:
            if name == "alignment":
                return reference.alignment_loss(network, *reference_batch(dense)[:2])
            return reference.fusion_loss(network, *reference_batch(stacked), classify=False)

        found[f"{name} step"] = take_turns(
            lambda plain=plain: step(plain_adam, plain),
            lambda stage=stage, batches=batches: step(fused_adam, lambda: stage.training_step(next(batches), 0)),
            repeats,
        )
    return found


def scoring(n: int, repeats: int) -> dict[str, float]:
    """Scores of ``n`` spots; the authors' way in parts of 3,800, as one array of all would not fit in memory."""
    part = arrays(n)
    network = SpaCRDNetwork(NetworkConfig(N_GENES, DIM)).eval()
    logits: dict[str, np.ndarray] = {}

    def plain() -> None:
        parts = []
        for centres in np.array_split(np.arange(n), -(-n // 3800)):
            near, index = np.unique(part.neighbours[centres], return_inverse=True)
            dense = [part.features[name].rows(near) for name in ("image", "gene")]
            parts.append(reference.score(network, *dense, index.reshape(len(centres), -1)))
        logits["plain"] = np.concatenate(parts)

    def fast() -> None:
        logits["fast"] = score_arrays([network], part, batch_size=4096, device="cpu").votes[:, 0]

    found = take_turns(plain, fast, repeats)
    return {"n": n, **found, "largest_difference": float(np.abs(logits["plain"] - logits["fast"]).max())}


def alone(case: str, *arguments: Any) -> dict[str, Any]:
    """A case of :mod:`benchmarks.scale_cases` in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(run_case, (case, arguments))


def run_case(case: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Run in the new process."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    return {"case": case, **getattr(scale_cases, case)(*arguments)}


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
        rows = sorted((row["n"], row) for row in results.values() if row.get("case") == case)
        for axis, name in zip(axes, ("cpu_s", "peak_gib"), strict=True):
            axis.loglog([n for n, _ in rows], [row[name] for _, row in rows], "o", label=case)
    axes[0].set(xlabel="spots", ylabel="CPU time [s]")
    axes[1].set(xlabel="spots", ylabel="peak memory [GiB]")
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes only, in some minutes")
    parser.add_argument("--only", nargs="*", help="words that must occur in the name of the work")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    quick = arguments.quick
    with tempfile.TemporaryDirectory() as folder:
        work: dict[str, Callable[[], dict[str, Any]]] = {
            "score 3,800 spots": lambda: scoring(3800, 3),
            f"score {5000 if quick else 50000:,} spots": lambda: scoring(5000 if quick else 50_000, 1),
        }
        for n in (5000, 10_000) if quick else (50_000, 150_000):
            for recipe in ("published", "default"):
                work[f"score {n:,} cells x 3000 genes, {recipe}, in memory"] = lambda n=n, recipe=recipe: alone(
                    "score", n, 3000, recipe, None
                )
            work[f"score {n:,} cells x 3000 genes, default, from zarr"] = lambda n=n: alone(
                "score", n, 3000, "default", f"{folder}/{n}.zarr"
            )
        n = 20_000 if quick else 1_000_000
        work[f"score {n:,} cells x 300 genes, default, from zarr"] = lambda: alone(
            "score", n, 300, "default", f"{folder}/xenium.zarr"
        )
        for size in (2000, 8000) if quick else (50_000, 200_000):
            work[f"fit {size:,} labelled spots, 3000 genes, default"] = lambda size=size: alone(
                "fit", size, 3000, "default", None
            )
        results: dict[str, dict[str, Any]] = {}
        if not arguments.only or "step" in arguments.only:
            results |= training_steps(3 if quick else 9)
        for name, run in work.items():
            if not arguments.only or all(word in name for word in arguments.only):
                results[name] = run()
                print(name, results[name], flush=True)
    print(table(results))
    if not arguments.only:
        RESULTS.mkdir(exist_ok=True)
        facts = {"torch": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability(), "quick": quick}
        (RESULTS / "scale.json").write_text(json.dumps({**facts, "results": results}, indent=1) + "\n")
        plot(results, RESULTS / "scale.png")


if __name__ == "__main__":
    main()
