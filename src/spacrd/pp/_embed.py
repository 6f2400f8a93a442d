"""The patches of a section, block by block: read, compared with what an earlier call kept, embedded."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import encoders
from .._settings import settings
from ._jobs import PatchJob
from ._record import identity
from ._store import FinishedBlock, SectionStore, open_section

DARK = 0.5
"""Share of a patch that is wholly without one colour where pixels are missing. Stained tissue reflects all of them."""
BLACK, WHITE = 1, 2
"""Marks of patches that lack pixels, and of those that show nothing."""
BLOCK = 256
"""Patches of a block, at least: what is kept, or sent to a worker, at once."""


@dataclass(frozen=True)
class PatchBlocks:
    """A section cut into blocks.

    Attributes
    ----------
    job
        What to cut.
    size
        Side of a patch in pixels.
    order
        Rows of the section whose spots lie on the image, in the order that decodes each tile once, (n,).
    block
        Patches of a block.
    batch_size
        Patches embedded at once.
    store
        Where finished blocks are kept; None if nowhere.
    """

    job: PatchJob
    size: int
    order: np.ndarray
    block: int
    batch_size: int
    store: SectionStore | None

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return -(-len(self.order) // self.block)

    def rows(self, block: int) -> np.ndarray:
        """Return the rows of the section in a block, in order."""
        return self.order[block * self.block : (block + 1) * self.block]

    def n_batches(self, block: int) -> int:
        """Count the batches of a block."""
        return -(-len(self.rows(block)) // self.batch_size)


def split(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Split ``rows`` into pieces, each of ``size`` but the last."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


class Embedded(NamedTuple):
    """A block of patches.

    Attributes
    ----------
    values
        Embeddings, (n, dim); None if the block was finished before.
    digest
        Of the pixels; empty if nobody asks.
    lost
        Which patches lack pixels (``BLACK``) or show nothing (``WHITE``), (n,) uint8; else 0.
    """

    values: np.ndarray | None
    digest: bytes
    lost: np.ndarray


def plan_section(job: PatchJob, encoder: encoders.Encoder, batch_size: int, store: Any, name: str) -> PatchBlocks:
    """Cut a section into blocks, as ``store`` cut it if it holds some of it."""
    inside = np.flatnonzero(job.inside)
    order = inside[job.cutter(inside, encoder.spec.size).order]
    block = -(-BLOCK // batch_size) * batch_size
    section_store = None
    if store is not None:
        facts = {**identity(encoder), **job.facts(order), "size": encoder.spec.size}
        section_store = open_section(store, name, facts, n=len(order), dim=encoder.spec.dim, block=block)
        block = section_store.block
    return PatchBlocks(job, encoder.spec.size, order, block, batch_size, section_store)


def embed_sections(
    plans: list[PatchBlocks], encoder: encoders.Encoder, n_workers: int
) -> Generator[tuple[PatchBlocks, np.ndarray, np.ndarray, np.ndarray]]:
    """Embed the blocks of all sections in this process; ``n_workers`` threads read the next patches meanwhile.

    Yields
    ------
    Plan, rows of its section, their embeddings, (rows, dim), and the marks of their patches, (rows,) uint8.
    """
    total = sum(plan.n_batches(block) for plan in plans for block in range(plan.n_blocks))
    with contextlib.closing(_all_batches(plans, n_workers)) as stream:
        batches = settings.track(stream, total=total, description="Embedding patches", unit="batch")
        for plan in plans:
            for block in range(plan.n_blocks):
                finished = plan.store.finished(block) if plan.store else None
                of_block = itertools.islice(batches, plan.n_batches(block))
                embedded = embed_block(of_block, encoder, finished, hashing=plan.store is not None)
                yield plan, plan.rows(block), settle(plan, block, embedded), embedded.lost
        next(batches, None)  # the bar counts a batch when the next one is asked for


def _all_batches(plans: list[PatchBlocks], n_workers: int) -> Generator[np.ndarray]:
    for plan in plans:
        cutter = plan.job.cutter(plan.order, plan.size)
        blocks = split(np.arange(len(plan.order)), plan.block)
        batches = [batch for block in blocks for batch in split(block, plan.batch_size)]
        with contextlib.closing(cutter.batches(batches, n_workers)) as cut:
            for _, patches in cut:
                yield patches


def settle(plan: PatchBlocks, block: int, embedded: Embedded) -> np.ndarray:
    """Return the embeddings of a block: new ones are kept in the store, those of an earlier call are read from it."""
    if embedded.values is None:
        assert plan.store is not None
        return plan.store.read(block)
    if plan.store is not None:
        plan.store.write(block, embedded.values, embedded.digest)
    return embedded.values


def embed_block(
    batches: Iterable[np.ndarray], encoder: encoders.Encoder, finished: FinishedBlock | None, *, hashing: bool
) -> Embedded:
    """Embed the patches of a block, or compare them with those that were embedded before."""
    values: list[np.ndarray] = []
    lost: list[np.ndarray] = []
    first: np.ndarray | None = None
    digest = hashlib.blake2b(digest_size=32)
    for patches in batches:
        lost.append(_lost(patches[:, ::4, ::4]))
        if hashing:
            digest.update(patches.data)
        if finished is None:
            values.append(_finite(encoder, patches))
        elif first is None:
            first = patches
    if finished is None:
        return Embedded(np.concatenate(values), digest.digest() if hashing else b"", np.concatenate(lost))
    if digest.digest() != finished.digest:
        raise ValueError(
            "The image or the place of the spots is not what it was when the finished blocks in `resume` were made. "
            "Use another folder, or delete this one."
        )
    if finished.first is not None and first is not None:
        _compare(_finite(encoder, first), finished.first, encoder)
    return Embedded(None, finished.digest, np.concatenate(lost))


def _lost(patches: np.ndarray) -> np.ndarray:
    """Find the patches that are black, lack a colour, or are white all over, (n,) uint8."""
    black = ((patches == 0).mean(axis=(1, 2)) >= DARK).any(axis=1)
    white = (patches == 255).all(axis=(1, 2, 3))
    return np.where(black, BLACK, np.where(white, WHITE, 0)).astype(np.uint8)


def _finite(encoder: encoders.Encoder, patches: np.ndarray) -> np.ndarray:
    values = np.asarray(encoder.encode(patches), np.float32)
    if not np.isfinite(values).all():
        raise ValueError(f"Encoder {encoder.spec.name!r} returned values that are not finite.")
    return values


def _compare(new: np.ndarray, old: np.ndarray, encoder: encoders.Encoder) -> None:
    """Raise ValueError if an encoder of the same name gives other values; devices and batch sizes may round."""
    count = min(len(new), len(old))
    off = np.abs(new[:count] - old[:count]).max()
    tolerance = 1e-3 if encoder.precision == "32-true" else 5e-2
    if not off <= tolerance * np.abs(old[:count]).max():
        raise ValueError(
            f"Encoder {encoder.spec.name!r} gives other values than it gave for the finished blocks in `resume`: "
            "it has changed. Use another folder, or delete this one."
        )
