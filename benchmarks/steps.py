"""Optimiser steps and scoring against the authors' way, in turns in one process, and the least they can cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from benchmarks import reference
from benchmarks.scale_cases import counts
from torch.utils.flop_counter import FlopCounterMode

from spacrd.features._arrays import NetworkInputs
from spacrd.features._graph import neighbour_graph
from spacrd.features._neighbours import neighbourhoods, spatial_order
from spacrd.features._scaling import scale
from spacrd.model import RECIPES
from spacrd.model._infer import score_each
from spacrd.nn import NetworkConfig, SpaCRDNetwork
from spacrd.train._data import Batch, make_loader
from spacrd.train._stages import AlignmentStage, FusionStage

N_GENES, DIM, BATCH = 3000, 1024, 512
Work = Callable[[], Any]


def arrays(n: int, dim: int = DIM) -> NetworkInputs:
    """A made-up section as the network reads it."""
    rng = np.random.default_rng(0)
    xy = np.column_stack(np.divmod(np.arange(n), int(np.sqrt(n)))).astype(float)
    raw = {"image": rng.random((n, dim), np.float32), "expression": counts(rng, n, N_GENES)}
    features = {name: scale(x, "minmax", np.ones(n, dtype=bool)) for name, x in raw.items()}
    target = (rng.random(n) < 0.5).astype(np.float32)
    graph = neighbour_graph(xy, 6, np.inf)
    return NetworkInputs(features, *neighbourhoods(xy, 6), target, spatial_order(xy), graph).load()


def cpu(work: Work) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def take_turns(repeats: int, **works: Work) -> dict[str, float]:
    """Median CPU seconds of each, and how many times the first one's the others are quicker."""
    for work in works.values():
        work()
    spent = np.median([[cpu(work) for work in works.values()] for _ in range(repeats)], axis=0)
    found = {f"{name}_s": float(value) for name, value in zip(works, spent, strict=True)}
    return found | {f"{name}_ratio": float(spent[0] / s) for name, s in list(zip(works, spent, strict=True))[1:]}


def kernels(repeats: int) -> dict[str, float]:
    """GFLOP/s of a matrix product of the network's sizes, by the kernels there are."""
    x, weight, bias = torch.randn(BATCH, N_GENES), torch.randn(1024, N_GENES), torch.randn(1024)
    half = [t.bfloat16() for t in (x, weight, bias)]
    linear = torch.nn.functional.linear
    works = {
        "stock": lambda: linear(x, weight, bias),
        "onednn": lambda: torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], ""),
        "bf16": lambda: linear(*half),
    }
    spent = take_turns(10 * repeats, **works)
    return {f"{name}_gflops": 2e-9 * x.numel() * 1024 / spent[f"{name}_s"] for name in works}


def floor(work: Work, gflops: float) -> float:
    """Seconds that the matrix products of a piece of work take at the speed of one large product."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() * 1e-9 / gflops


def training_step(name: str, repeats: int, gflops: float, dim: int = DIM) -> dict[str, float]:
    """One optimiser step of a stage, its batch included."""
    part, rng = arrays(3494, dim), np.random.default_rng(1)
    dense = {name: features.rows(np.arange(3494)) for name, features in part.features.items()}
    if name == "fusion":
        dense = {name: reference.stack_neighbourhoods(x, part.neighbours) for name, x in dense.items()}
    network = SpaCRDNetwork(NetworkConfig(N_GENES, dim)).train()
    # Torch's default for the authors' way, the fused kernel for ours.
    plain_adam = torch.optim.Adam(network.parameters(), lr=1e-5)
    fused_adam = torch.optim.AdamW(network.parameters(), lr=1e-5, weight_decay=0.0, fused=True)
    kind = FusionStage if name == "fusion" else AlignmentStage
    stage = kind(network, RECIPES["published"], 100)
    loader = make_loader(part, np.arange(3494), batch_size=BATCH, seed=0, neighbours=name == "fusion")

    def endless() -> Iterator[Batch]:
        while True:
            yield from (batch for batch in loader if batch.size == BATCH)

    batches = endless()

    def step(optimizer: torch.optim.Optimizer, loss: Callable[[], torch.Tensor]) -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    def plain() -> torch.Tensor:
        rows = rng.permutation(3494)[:BATCH]
        image, gene, target = (torch.from_numpy(x[rows]) for x in (dense["image"], dense["expression"], part.target))
        if name == "alignment":
            return reference.alignment_loss(network, image, gene)
        return reference.fusion_loss(network, image, gene, target, classify=False)

    def fast() -> torch.Tensor:
        return stage.training_step(next(batches), 0)

    def mixed() -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return fast()

    works = {"reference": lambda: step(plain_adam, plain), "spacrd": lambda: step(fused_adam, fast)}
    found = take_turns(repeats, **works, bf16=lambda: step(fused_adam, mixed))
    return {"n": BATCH, **found, "floor_s": floor(works["spacrd"], gflops)}


def scoring(n: int, repeats: int, gflops: float) -> dict[str, float]:
    """Scores of ``n`` spots; the authors' way in parts of 3,800, as one array of all would not fit in memory."""
    part = arrays(n)
    network = SpaCRDNetwork(NetworkConfig(N_GENES, DIM)).eval()
    logits: dict[str, np.ndarray] = {}

    def plain() -> None:
        parts = []
        for centres in np.array_split(np.arange(n), -(-n // 3800)):
            near, index = np.unique(part.neighbours[centres], return_inverse=True)
            dense = [part.features[name].rows(near) for name in ("image", "expression")]
            parts.append(reference.score(network, *dense, index.reshape(len(centres), -1)))
        logits["plain"] = np.concatenate(parts)

    def fast(precision: str) -> None:
        scores = score_each([network], part, batch_size=4096, device="cpu", precision=precision)
        logits[precision] = scores[0].votes[:, 0]

    works = {"reference": plain, "spacrd": lambda: fast("32-true"), "bf16": lambda: fast("bf16-mixed")}
    found = take_turns(repeats, **works)
    gap = {name: float(np.abs(logits["plain"] - logits[name]).max()) for name in ("32-true", "bf16-mixed")}
    return {
        "n": n,
        **found,
        "floor_s": floor(works["spacrd"], gflops),
        "largest_difference": gap["32-true"],
        "bf16_largest_difference": gap["bf16-mixed"],
    }
