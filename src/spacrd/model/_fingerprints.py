"""Recognise spots that a model was fitted on, whatever section they are part of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..features import ExpressionContract, SectionArrays, blocks, match_genes

SPOT_HASHES = "spot_hashes"
"""Entry of the training facts that lists hashes of spots, in hexadecimal, separated by spaces."""
MAX_HASHES = 4096
"""Most hashes of a model: the smallest of all, so that a section knows which of its own would be among them."""
MIN_BITS = 20.0
"""Least sum of log2(1 + count) over the genes of a spot with a hash: fuller ones are not alike by chance."""
MIN_SHARED, MIN_SHARE = 3, 0.05
"""Fewest spots, and least share of those that can be compared, that a section shares with training sections."""


def spot_hashes(section: SectionArrays, expression: ExpressionContract | None, *, use_image: bool) -> np.ndarray:
    """Hash the spots of a section, sorted uint64 below 2^48; neither their order nor that of genes matters.

    The counts of the model's genes are hashed, and the embedding if the model reads it. Spots with hardly any counts,
    and those that occur more than once, are left out. A hash has far fewer bits than the counts, which cannot be read
    from it.
    """
    found = [np.empty(0, dtype=np.uint64)]
    if expression is not None and section.counts is not None and section.genes is not None:
        columns = match_genes(expression.genes, section.genes)
        weights = np.zeros(len(section.genes), dtype=np.uint64)
        names = [name for name, column in zip(expression.genes, columns, strict=True) if column >= 0]
        weights[columns[columns >= 0]] = _weights(names)
        found += [_hash_counts(section.counts[rows], weights) for rows in blocks(section.counts.shape[0])]
    if use_image and section.image is not None:
        weights = _weights(f"image {number}" for number in range(section.image.shape[1]))
        found += [_hash_embedding(section.image[rows], weights) for rows in blocks(section.image.shape[0])]
    hashes, times = np.unique(np.concatenate(found), return_counts=True)
    return hashes[times == 1]


def sketch(hashes: Sequence[np.ndarray]) -> str:
    """List the smallest hashes of the training sections; see :data:`SPOT_HASHES`."""
    return " ".join(f"{value:012x}" for value in np.unique(np.concatenate(hashes))[:MAX_HASHES].tolist())


def shares_spots(hashes: np.ndarray, facts: Mapping[str, Any]) -> bool:
    """Tell whether many spots are among those that the training facts list; False for models that list none."""
    try:
        listed = np.array([int(value, 16) for value in str(facts.get(SPOT_HASHES, "")).split()], dtype=np.uint64)
    except (ValueError, OverflowError):  # a file from somebody else
        return False
    if not len(listed):
        return False
    comparable = hashes[hashes <= listed.max()] if len(listed) >= MAX_HASHES else hashes
    return int(np.isin(comparable, listed).sum()) >= max(MIN_SHARED, MIN_SHARE * len(comparable))


def n_shared(one: np.ndarray, other: np.ndarray) -> int:
    """Count the hashes that two sections share, one or two for each spot; 0 if they are few."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared if shared >= max(MIN_SHARED, MIN_SHARE * min(len(one), len(other))) else 0


def _weights(names: Iterable[str]) -> np.ndarray:
    """Compute a fixed odd number for each name, uint64."""
    digests = (hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names)
    return np.array([int.from_bytes(digest, "little") | 1 for digest in digests], dtype=np.uint64)


def _hash_counts(block: Any, weights: np.ndarray) -> np.ndarray:
    from scipy.sparse import csr_matrix

    counts = csr_matrix(block)
    counted = (weights != 0)[counts.indices]
    bits = csr_matrix((np.log2(1.0 + counts.data) * counted, counts.indices, counts.indptr), shape=counts.shape)
    # Corrected counts are fractions.
    whole = np.rint(counts.data * 256.0).astype(np.int64).view(np.uint64)
    products = np.append(whole * weights[counts.indices], np.uint64(0))
    totals = np.add.reduceat(products, counts.indptr[:-1])  # modulo 2^64; rows without counts go below
    return _mixed(totals[np.asarray(bits.sum(axis=1)).ravel() >= MIN_BITS])


def _hash_embedding(block: np.ndarray, weights: np.ndarray) -> np.ndarray:
    values = np.ascontiguousarray(block, dtype=np.float32)
    values = values[np.isfinite(values).all(axis=1)] + np.float32(0)  # one zero, not two
    return _mixed((values.view(np.uint32).astype(np.uint64) * weights).sum(axis=1, dtype=np.uint64))


def _mixed(totals: np.ndarray) -> np.ndarray:
    """Mix the bits of linear sums and return 48 of them (SplitMix64: Steele, Lea, Flood, OOPSLA 2014)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        totals = (totals ^ (totals >> np.uint64(shift))) * np.uint64(factor)
    return (totals ^ (totals >> np.uint64(31))) >> np.uint64(16)
