"""Finished blocks in a zarr group on disk, so that an interrupted extraction continues."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import quote_names
from .._files import checked_path

MARK = "spacrd_extract_patches"
DIGEST = 32
"""Bytes of a digest."""
FORMAT = 2
"""Of the folder; another one is refused."""


@dataclass(frozen=True)
class FinishedBlock:
    """What is kept of a block.

    Attributes
    ----------
    digest
        Digest of its pixels.
    first
        Its first embeddings, (rows, dim); None if they need not be compared with new ones.
    """

    digest: bytes
    first: np.ndarray | None


class SectionStore:
    """Blocks of one section.

    A chunk is a block, and zarr replaces the file of a chunk as a whole. The digests of a block, of its pixels and of
    its embeddings, are written after the embeddings. Blocks whose embeddings are not those are embedded again.
    """

    def __init__(self, group: Any) -> None:
        self._embedding, self._digest = group["embedding"], group["digest"]
        self.block = int(self._embedding.chunks[0])

    def finished(self, block: int) -> FinishedBlock | None:
        """Return what is kept of a block; None if it is not finished."""
        try:
            digest, values = np.asarray(self._digest[block]), self.read(block)
        except Exception:  # bytes that cannot be decoded, of which every codec complains in its own way
            return None
        if not digest.any() or digest[DIGEST:].tobytes() != _digest(values):
            return None
        return FinishedBlock(digest[:DIGEST].tobytes(), values if block == 0 else None)

    def read(self, block: int) -> np.ndarray:
        """Read the embeddings of a finished block, (rows, dim)."""
        return np.asarray(self._embedding[block * self.block : (block + 1) * self.block], np.float32)

    def write(self, block: int, values: np.ndarray, digest: bytes) -> None:
        """Keep a finished block."""
        start = block * self.block
        self._embedding[start : start + len(values)] = values
        self._digest[block] = np.frombuffer(digest + _digest(values), np.uint8)


def _digest(values: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(values, np.float32).data, digest_size=DIGEST).digest()


def open_store(folder: str | os.PathLike[str]) -> Any:
    """Make the zarr group, or open one that was made by an earlier call."""
    import zarr

    group = find_store(folder)
    return zarr.open_group(checked_path(folder, "resume"), mode="a", attributes={MARK: 1}) if group is None else group


def find_store(folder: str | os.PathLike[str]) -> Any:
    """Open the zarr group of an earlier call; None if there is no folder, or an empty one.

    Raises
    ------
    ValueError
        If this is a file, or a folder that holds something else.
    """
    import zarr

    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"resume must be the path of a folder, got {type(folder).__name__}.")
    path = checked_path(folder, "resume")
    # A process killed while it made the folder leaves a partial file behind.
    if path.exists() and (not path.is_dir() or any(file.suffix != ".partial" for file in path.iterdir())):
        try:
            group: Any = zarr.open_group(path, mode="r+")
        except Exception:
            group = None  # whatever it is, it is not ours
        if group is None or MARK not in group.attrs:
            raise ValueError(
                f"{str(path)!r} holds something else than the blocks of an interrupted extract_patches. "
                "Give resume a new or empty folder."
            )
        return group
    return None


def open_section(group: Any, name: str, facts: Mapping[str, Any], *, n: int, dim: int, block: int) -> SectionStore:
    """Open the blocks of a section that were made from the same ``facts``, or start.

    Parameters
    ----------
    group
        The store.
    name
        Name of the section in it.
    facts
        What the embeddings depend on: numbers and strings.
    n
        Number of patches.
    dim
        Length of an embedding.
    block
        Patches of a block of a new store.
    """
    key = hashlib.sha256(name.encode()).hexdigest()[:16]
    facts = {**facts, "format": FORMAT}
    try:
        stored = dict(group[key].attrs) if key in group else {}
        store = SectionStore(group[key]) if stored else None
    except Exception as error:
        raise ValueError(
            f"What resume holds of section {name!r} is damaged ({error}). Use another folder, or delete this one."
        ) from error
    if store is None:  # new, or killed while it was made: the facts are written last
        section = group.create_group(key, overwrite=True)
        shape = {"embedding": (n, dim), "digest": (-(-n // block), 2 * DIGEST)}
        chunks = {"embedding": (block, dim), "digest": (1, 2 * DIGEST)}
        section.create_array("embedding", shape=shape["embedding"], chunks=chunks["embedding"], dtype="float32")
        section.create_array("digest", shape=shape["digest"], chunks=chunks["digest"], dtype="uint8")
        section.update_attributes(dict(facts))
        return SectionStore(section)
    differing = [fact for fact in {**stored, **facts} if stored.get(fact) != facts.get(fact)]
    if differing:
        raise ValueError(
            f"resume holds blocks of section {name!r} that were made otherwise: {quote_names(differing)} differ. "
            "Use another folder, or delete this one."
        )
    return store
