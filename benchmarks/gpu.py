"""What a GPU gives: a large encoder through `extract_patches` against the bare model, and fit and score of many spots.

``python -m benchmarks.gpu`` prints a table and writes ``benchmarks/results/gpu.json``, in some minutes on a GPU. The
encoder is timm's ViT-L with random weights (UNI's architecture), in bfloat16 where there is CUDA, and reads patches
from a zarr. Times are of the wall clock, until the device has finished. Without a GPU it measures the CPU and says so;
``--model``, ``--patches`` and ``--spots`` make that short.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("SPACRD_PROGRESS", "0")

import torch
from benchmarks import patches_images as images
from benchmarks.scale import RESULTS
from benchmarks.scale import table as markdown
from benchmarks.scale_cases import table

import spacrd

IMAGE_PX = 8192
Row = dict[str, Any]


def seconds(work: Callable[[], Any], device: str) -> float:
    """Wall-clock seconds until the device has finished."""

    def finish() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    finish()
    start = time.perf_counter()
    work()
    finish()
    return time.perf_counter() - start


def encoding(model: str, n: int, batch_size: int, device: str, n_workers: int, image_px: int = IMAGE_PX) -> Row:
    """Patches a second through `extract_patches` from a zarr, and through the model on a ready batch."""
    precision = "bf16-mixed" if device.startswith("cuda") else "32-true"
    encoder = spacrd.encoders.load(model, weights=False, device=device, precision=precision)
    bare = encoder.encode.function.args[0]  # type: ignore[attr-defined]
    # Loaded before the clock starts.
    spacrd.encoders.register("loaded", encoder.encode, dim=encoder.spec.dim, size=encoder.spec.size)
    ready = torch.randn(batch_size, 3, encoder.spec.size, encoder.spec.size, device=device)

    def run_bare() -> None:
        with torch.inference_mode(), torch.autocast(ready.device.type, torch.bfloat16, precision != "32-true"):
            for _ in range(-(-n // batch_size)):
                bare(ready)

    with tempfile.TemporaryDirectory() as folder:
        images.make_image(Path(folder), image_px)
        data = images.section(images.open_lazily(Path(folder), "zarr", image_px), images.spots(image_px, n))
        options = {"encoder": "loaded", "mpp": 0.5, "key_added": "X_made", "batch_size": batch_size}

        def run_whole() -> None:
            spacrd.pp.extract_patches(data, n_workers=n_workers, **options)

        with torch.inference_mode():
            bare(ready)
        whole_s, bare_s = seconds(run_whole, device), seconds(run_bare, device)
    row = {"model": model, "precision": precision, "patches": n, "batch_size": batch_size}
    bare_rate = batch_size * -(-n // batch_size) / bare_s
    return {**row, "patches_per_s": n / whole_s, "bare_per_s": bare_rate, "share": n / whole_s / bare_rate}


def sections(n: int, genes: int, device: str) -> dict[str, Row]:
    """Seconds of a fit of one epoch a stage with the networks of the paper, of the default fit, and of scores."""
    training = [table(n // 2, genes, seed=seed, dim=1024) for seed in (1, 2)]
    rows: dict[str, Row] = {}
    for recipe, more in {"published": {"max_epochs": 1}, "default": {}}.items():
        found = {}

        def fit(recipe: str = recipe, more: dict[str, Any] = more, found: dict[str, Any] = found) -> None:
            options = {"image_rep": "X_made", "recipe": recipe, "device": device, **more}
            found["model"] = spacrd.tl.fit(training, "label", positive="cancer", **options)

        rows[f"fit, {recipe}"] = {"spots": n, "seconds": seconds(fit, device)}
        data = table(n, genes, seed=3, dim=1024)
        rows[f"score, {recipe}"] = {
            "spots": n,
            "seconds": seconds(
                lambda data=data, found=found: spacrd.tl.score(data, found["model"], device=device), device
            ),
        }
    return rows


def missing(device: str) -> list[str]:
    """What could not be measured, and why."""
    if device.startswith("cuda"):
        return []
    return [f"No figure of a GPU: torch {torch.__version__} finds none, and all of this ran on {device!r}."]


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="vit_large_patch16_224", help="architecture of timm")
    parser.add_argument("--patches", type=int, default=8192)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--n-workers", type=int, default=4, help="threads that cut patches")
    parser.add_argument("--spots", type=int, default=200_000)
    parser.add_argument("--genes", type=int, default=3000)
    parser.add_argument("--image-px", type=int, default=IMAGE_PX, help="side of the image")
    parser.add_argument("--device", help="torch device; a GPU if there is one")
    parser.add_argument("--out", type=Path, default=RESULTS / "gpu.json")
    given = parser.parse_args(words)
    warnings.simplefilter("ignore")
    device = spacrd.settings.resolve_device(given.device)
    name = torch.cuda.get_device_name() if device.startswith("cuda") else "CPU"
    encoded = encoding(given.model, given.patches, given.batch_size, device, given.n_workers, given.image_px)
    results = {"extract_patches": encoded, **sections(given.spots, given.genes, device)}
    found = {"device": name, "torch": torch.__version__, "results": results, "missing": missing(device)}
    given.out.write_text(json.dumps(found, indent=1) + "\n")
    print(markdown(results), *found["missing"], sep="\n")
    return found


if __name__ == "__main__":
    main()
