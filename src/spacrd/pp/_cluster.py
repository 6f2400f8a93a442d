"""Blocks of patches on the workers of a dask cluster."""

from __future__ import annotations

import uuid
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from .. import encoders
from .._sections import Placement
from .._settings import settings
from ..image import Cutter, Pyramid, held_on_cluster
from ._embed import Embedded, PatchBlocks, embed_block, settle, split
from ._record import identity
from ._store import FinishedBlock

_loaded: dict[str, encoders.Encoder] = {}
"""The encoder of the present call in a worker: loaded once, not once per block."""


def check_client(client: Any) -> None:
    """Raise TypeError or ValueError for what is no client that can be waited for."""
    from distributed import Client

    if not isinstance(client, Client):
        raise TypeError(f"client must be a dask.distributed.Client, got {type(client).__name__}.")
    if client.asynchronous:
        raise ValueError("client is asynchronous; pass a dask.distributed.Client made without asynchronous=True.")


def check_reach(placements: list[Placement]) -> None:
    """Raise ValueError for images that are results on the cluster: workers would wait for each other for ever."""
    for placement in placements:
        if any(map(held_on_cluster, placement.pyramid.levels)):
            raise ValueError(
                f"Image {placement.image_name!r} was persisted on a cluster, where the workers that embed "
                "cannot read it. Pass it as it is read from disk, or leave `client` out."
            )


def embed_on_cluster(
    client: Any,
    plans: list[PatchBlocks],
    encoder: encoders.Encoder,
    n_workers: int,
    *,
    weights: str | Path | bool | None,
    device: str | None,
) -> Generator[tuple[PatchBlocks, np.ndarray, np.ndarray, np.ndarray]]:
    """Embed the blocks of all sections on the workers of ``client``; results come as they are finished.

    Yields
    ------
    Plan, rows of its section, their embeddings, (rows, dim), and the marks of their patches, (rows,) uint8.
    """
    from distributed import as_completed

    call = uuid.uuid4().hex
    load = (encoder.spec, weights, device, encoder.precision, identity(encoder))
    futures: dict[Any, tuple[PatchBlocks, int]] = {}
    try:
        for plan in plans:
            # A task, not scattered data: dask makes it again where a worker that had it dies.
            pyramid = client.submit(_same, plan.job.placement.pyramid, pure=False)
            for block in range(plan.n_blocks):
                future = client.submit(
                    _embed_remotely,
                    pyramid,
                    plan.job.placement.xy[plan.rows(block)],
                    {"side": plan.job.side, "size": plan.size, "level": plan.job.level},
                    (call, *load),
                    batch_size=plan.batch_size,
                    n_workers=n_workers,
                    finished=plan.store.finished(block) if plan.store else None,
                    hashing=plan.store is not None,
                    pure=False,
                )
                futures[future] = plan, block
        completed = as_completed(list(futures), with_results=True)
        for future, embedded in settings.track(
            completed, total=len(futures), description="Embedding patches", unit="block"
        ):
            plan, block = futures.pop(future)
            yield plan, plan.rows(block), settle(plan, block, embedded), embedded.lost
            future.release()
    finally:
        client.cancel(list(futures))


def _same(pyramid: Pyramid) -> Pyramid:
    return pyramid


def _embed_remotely(
    pyramid: Pyramid,
    xy: np.ndarray,
    patch: dict[str, Any],
    load: tuple[Any, ...],
    *,
    batch_size: int,
    n_workers: int,
    finished: FinishedBlock | None,
    hashing: bool,
) -> Embedded:
    cutter = Cutter(pyramid, xy, **patch)
    batches = cutter.batches(split(np.arange(len(xy)), batch_size), n_workers)
    return embed_block((patches for _, patches in batches), _encoder(*load), finished, hashing=hashing)


def _encoder(
    call: str,
    spec: encoders.EncoderSpec,
    weights: str | Path | bool | None,
    device: str | None,
    precision: str,
    expected: dict[str, str],
) -> encoders.Encoder:
    if call not in _loaded:
        _loaded.clear()
        loaded = encoders.load(spec, weights=weights, device=device, precision=precision)
        if (actual := identity(loaded)) != expected:
            raise ValueError(f"A worker loaded another encoder than this process: {actual} instead of {expected}.")
        _loaded[call] = loaded
    return _loaded[call]
