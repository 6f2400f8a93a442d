"""Cost of cutting patches out of a large image and of embedding them.

``python -m benchmarks.patches [--quick]`` prints a table and writes ``benchmarks/results/patches.json``.

Speed is patches per second of process CPU time; ratios are of cases that take turns in this process, medians over
rounds. Torch and numpy run on one thread; threads that read ahead count. Memory is that of a process of its own, above
what it held with the image open and everything imported. LazySlide is measured where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SPACRD_PROGRESS", "0")
os.environ.setdefault("SPACRD_DEVICE", "cpu")

import numpy as np
import psutil
import torch
from benchmarks import patches_images as images
from benchmarks.patches_images import SIDE, N

import spacrd
from spacrd.image import Cutter, Pyramid

RESULTS = Path(__file__).parent / "results"
Row = dict[str, Any]


def cpu(work: Callable[[], Any]) -> float:
    """CPU seconds of this process, all its threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def take_turns(cases: dict[str, tuple[int, Callable[[], Any]]], rounds: int) -> dict[str, np.ndarray]:
    """Patches per CPU second of each case, which cuts so many patches, in every round."""
    spent = {name: np.array([]) for name in cases}
    for _ in range(rounds):
        for name, (n, work) in cases.items():
            spent[name] = np.append(spent[name], n / cpu(work))
    return spent


def ratio(rates: dict[str, np.ndarray], one: str, two: str, goal: str) -> Row:
    """Row of the table: ``one`` against ``two``."""
    return {
        "patches_per_cpu_s": float(np.median(rates[one])),
        "against": float(np.median(rates[two])),
        "ratio": float(np.median(rates[one] / rates[two])),
        "lowest": float((rates[one] / rates[two]).min()),
        "highest": float((rates[one] / rates[two]).max()),
        "goal": goal,
    }


def cut(image: Any, xy: np.ndarray, side: float = SIDE) -> None:
    """All patches, with the reader that `extract_patches` uses and as it uses it by default."""
    cutter = Cutter(Pyramid((image,), np.eye(3)), xy, side=side, size=SIDE)
    parts = [cutter.order[start : start + 64] for start in range(0, len(xy), 64)]
    for _ in cutter.batches(parts, n_workers=1):
        pass


def check_same(folder: Path, size: int) -> None:
    """What is compared shows the same pixels."""
    xy = images.spots(size)[:5]
    image = images.open_lazily(folder, "zarr", size)
    cutter = Cutter(Pyramid((image,), np.eye(3)), xy, side=SIDE, size=SIDE)
    ((rows, ours),) = cutter.batches([np.arange(5)])
    assert list(rows) == list(range(5))
    for other in (images.dask_per_patch, images.spatialdata_tiles):
        assert np.array_equal(ours.transpose(0, 3, 1, 2), np.stack(other(image, xy)))
    crops = np.stack(images.squidpy_crops(image, xy))  # an odd number of pixels wide
    assert np.array_equal(ours, crops[:, :SIDE, :SIDE])


def reading(folder: Path, size: int, rounds: int, few: int) -> dict[str, Row]:
    """The reader against the decoder and against other readers."""
    xy = images.spots(size)
    off = xy + np.random.default_rng(0).random(xy.shape)
    check_same(folder, size)
    cases: dict[str, tuple[int, Callable[[], Any]]] = {}
    for kind in ("tiff", "zarr"):
        image = images.open_lazily(folder, kind, size)
        cases[f"{kind} decode"] = N, images.decode(folder, kind, size)
        cases[f"{kind} cut"] = N, lambda image=image: cut(image, xy)
        cases[f"{kind} resampled"] = N, lambda image=image: cut(image, off, 1.3 * SIDE)
    for name, other in (
        ("dask, one compute per patch", images.dask_per_patch),
        ("squidpy generate_spot_crops", images.squidpy_crops),
        ("spatialdata ImageTilesDataset", images.spatialdata_tiles),
    ):
        cases[name] = few, lambda other=other, image=image: other(image, xy[:few])
    if importlib.util.find_spec("wsidata"):
        path = images.path_of(folder, "tiff", size)
        cases["LazySlide tiles"] = N, lambda: images.lazyslide_tiles(path, xy)
    else:
        print("LazySlide is not installed: left out.", flush=True)
    rates = take_turns(cases, rounds)
    goals = {"tiff": "0.7, aim 0.9", "zarr": "0.6, aim 0.8"}
    rows = {f"{kind}: share of the limit": ratio(rates, f"{kind} cut", f"{kind} decode", goals[kind]) for kind in goals}
    for kind in goals:
        rows[f"{kind}: share, 291 px between pixels, resampled to 224"] = ratio(
            rates, f"{kind} resampled", f"{kind} decode", ""
        )
    for name in list(cases)[6:]:
        kind, goal = ("tiff", "2, aim 3") if name.startswith("LazySlide") else ("zarr", "8, aim 15")
        rows[f"{kind}: against {name}"] = ratio(rates, f"{kind} cut", name, goal)
    return rows


def mean_colour(patches: np.ndarray) -> np.ndarray:
    """An encoder that costs nothing."""
    return patches[:, ::16, ::16].mean((1, 2), dtype=np.float32)


def embed(data: Any, encoder: str, **arguments: Any) -> None:
    """`extract_patches` into a slot that is thrown away."""
    spacrd.pp.extract_patches(data, encoder=encoder, mpp=0.25, key_added="X_made", **arguments)


def memory(folder: Path, kind: str, size: int) -> Row:
    """Peak of `extract_patches`; runs in a process of its own."""
    from benchmarks.scale_cases import Peak

    warnings.simplefilter("ignore")
    spacrd.encoders.register("mean-colour", mean_colour, dim=3, size=SIDE)
    # Imports and what libraries keep for good are not the patches' memory.
    embed(images.section(np.zeros((3, 600, 600), np.uint8), images.spots(600, 9)), "mean-colour")
    image = images.open_lazily(folder, kind, size)
    np.asarray(image[:, :SIDE, :SIDE])
    data = images.section(image, images.spots(size))
    with Peak() as peak:
        embed(data, "mean-colour")
    return {"extra_mib": (peak.total - peak.start) / 2**20, "goal": "300, aim 100"}


def alone(work: Callable[..., Row], *arguments: Any) -> Row:
    """Run in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def handcrafted(folder: Path, size: int, rounds: int, n: int) -> dict[str, Row]:
    """The encoder alone, and with the reader; then on a cluster of two processes, whose CPU time is added up."""
    from distributed import Client, LocalCluster

    image = images.open_lazily(folder, "zarr", size)
    data = images.section(image, images.spots(size)[:n])
    encoder = spacrd.encoders.load("handcrafted")
    cutter = Cutter(Pyramid((image,), np.eye(3)), images.spots(size)[:256], side=SIDE, size=encoder.spec.size)
    ((_, ready),) = cutter.batches([np.arange(256)])
    cases = {"alone": (256, lambda: encoder.encode(ready)), "whole": (n, lambda: embed(data, "handcrafted"))}
    rates = take_turns(cases, rounds)
    rows = {
        name: {"patches_per_cpu_s": float(np.median(rates[key])), "goal": goal}
        for name, key, goal in (
            ("handcrafted: encoder alone, one core", "alone", ""),
            ("handcrafted: extract_patches, one core", "whole", ""),
        )
    }
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        embed(data, "handcrafted", client=client)
        processes = [psutil.Process(pid) for pid in client.run(os.getpid).values()] + [psutil.Process()]

        def spent() -> float:
            return sum(sum(process.cpu_times()[:2]) for process in processes)

        before, start = spent(), time.perf_counter()
        embed(data, "handcrafted", client=client)
        used, wall = spent() - before, time.perf_counter() - start
    rows["handcrafted: extract_patches, two processes"] = {
        "patches_per_cpu_s": n / used,
        "two_cores_per_s": 2 * n / used,
        "wall_per_s": n / wall,
        "goal": "300 on two cores, aim 1000",
    }
    return rows


def timm_model(folder: Path, size: int, rounds: int, n: int, name: str = "resnet50") -> dict[str, Row]:
    """`extract_patches` with a loaded timm model against the bare model on normalised tensors."""
    encoder = spacrd.encoders.load(name, weights=False, device="cpu")
    spacrd.encoders.register("loaded", encoder.encode, dim=encoder.spec.dim, size=encoder.spec.size)
    data = images.section(images.open_lazily(folder, "zarr", size), images.spots(size)[:n])
    model = encoder.encode.function.args[0]  # type: ignore[attr-defined]
    ready = torch.randn(64, 3, encoder.spec.size, encoder.spec.size)

    def bare() -> None:
        with torch.inference_mode():
            for _ in range(n // 64):
                model(ready)

    rates = take_turns({"whole": (n, lambda: embed(data, "loaded")), "bare": (n, bare)}, rounds)
    return {f"extract_patches with {name}: share of the bare model": ratio(rates, "whole", "bare", "0.9, aim 0.97")}


def table(results: dict[str, Row]) -> str:
    """Markdown."""
    columns = list(dict.fromkeys(name for row in results.values() for name in row))
    lines = [f"| work | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for work, row in results.items():
        cells = [f"{row[name]:.3g}" if isinstance(row.get(name), float) else str(row.get(name, "")) for name in columns]
        lines.append(f"| {work} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small images and one round, in a minute")
    parser.add_argument("--folder", type=Path, help="keep the images here; they take 6 GB")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    sizes = (16_000, 18_000) if arguments.quick else (20_000, 40_000)
    rounds, few = (1, 100) if arguments.quick else (5, 500)
    results: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        for size in sizes:
            images.make_image(folder, size)
        results |= reading(folder, sizes[0], rounds, few)
        print(table(results), flush=True)
        for size in sizes:
            for kind in ("tiff", "zarr"):
                results[f"{kind}: memory, {size:,} px"] = alone(memory, folder, kind, size)
        results |= handcrafted(folder, sizes[0], min(rounds, 3), 1000 if arguments.quick else N)
        results |= timm_model(folder, sizes[0], min(rounds, 3), 64 if arguments.quick else 256)
    print(table(results))
    facts = {name: version(name) for name in ("torch", "zarr", "dask", "tifffile", "squidpy", "spatialdata")}
    if importlib.util.find_spec("lazyslide"):
        facts["lazyslide"] = version("lazyslide")
    if not arguments.quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "patches.json").write_text(json.dumps({"versions": facts, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
