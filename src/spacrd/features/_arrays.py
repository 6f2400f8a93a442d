"""One section as arrays, before and after preprocessing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ._contract import ExpressionContract, ImageContract
from ._expression import LogNormalised, match_genes
from ._neighbours import neighbourhoods, spatial_order
from ._scaling import Features, Matrix, blocks, on_disk, scale
from ._section import SectionArrays

READ_BYTES = 1 << 29
"""Dense size of the rows of a matrix on disk that are read together."""


@dataclass(frozen=True)
class NetworkInputs:
    """Spots of one section, or of several below each other, as the network reads them.

    Attributes
    ----------
    features
        ``"expression"`` and ``"image"`` inputs; a modality the model leaves out is absent.
    neighbours, mask
        Neighbourhoods as row positions, (n, t), and which tokens are real.
    target
        1 cancer, 0 not, NaN unlabelled; (n,) float32.
    order
        All rows, spots that lie close together following each other, (n,).
    """

    features: dict[str, Features]
    neighbours: np.ndarray
    mask: np.ndarray
    target: np.ndarray
    order: np.ndarray

    @classmethod
    def stack(cls, parts: Sequence[NetworkInputs]) -> NetworkInputs:
        """Several sections below each other; neighbourhoods never cross from one to another."""
        starts = np.cumsum([0, *(len(part.target) for part in parts)])
        return cls(
            {name: Features.stack([part.features[name] for part in parts]) for name in parts[0].features},
            np.vstack([part.neighbours + start for part, start in zip(parts, starts, strict=False)]),
            np.vstack([part.mask for part in parts]),
            np.concatenate([part.target for part in parts]),
            np.concatenate([part.order + start for part, start in zip(parts, starts, strict=False)]),
        )

    def load(self) -> NetworkInputs:
        """The same with all features in memory."""
        every = np.arange(len(self.target))
        return replace(self, features={name: part.take(every) for name, part in self.features.items()})

    def regions(self, *matrices: Matrix) -> Iterator[ReadBlock]:
        """Parts of the tissue whose rows are read together, if any of the matrices lies on disk; else all at once."""
        widths = [matrix.shape[1] for matrix in matrices if on_disk(matrix)]
        size = max(1, READ_BYTES // (4 * max(widths))) if widths else len(self.order)
        if size >= len(self.order):
            size = len(self.order)
        for some in blocks(len(self.order), size):
            centres = self.order[some]
            index, mask = self.neighbours[centres], self.mask[centres]
            if not widths:
                yield ReadBlock(centres, index, mask, None)
                continue
            distinct, local = np.unique(index, return_inverse=True)
            yield ReadBlock(centres, local.reshape(index.shape), mask, distinct)


@dataclass(frozen=True)
class ReadBlock:
    """Some neighbourhoods that lie close together.

    Attributes
    ----------
    centres
        Rows of the section that are centres, (b,).
    index, mask
        Their neighbourhoods as positions among the rows that are read, (b, t), and which tokens are real.
    rows
        Rows of the section that are read; None for all as they are.
    """

    centres: np.ndarray
    index: np.ndarray
    mask: np.ndarray
    rows: np.ndarray | None

    def read(self, part: Features) -> Features:
        """Features of the rows."""
        return part if self.rows is None else part.take(self.rows)


@dataclass(frozen=True)
class FiniteRows:
    """Embedding as float32, zero where it is missing."""

    image: Matrix
    valid: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.image.shape

    @property
    def on_disk(self) -> bool:
        return on_disk(self.image)

    def __getitem__(self, rows: Any) -> np.ndarray:
        block = np.asarray(self.image[rows], dtype=np.float32)
        there = self.valid[rows]
        return block if there.all() else np.where(there[:, None], block, np.float32(0))


def finite_rows(image: Matrix) -> np.ndarray:
    """Rows without NaN, (n,) bool."""
    found = [np.isfinite(image[rows]).all(axis=1) for rows in blocks(image.shape[0])]
    return np.concatenate(found)


def gene_coverage(genes: np.ndarray | None, contract: ExpressionContract) -> float:
    """Share of the model's genes that a section has."""
    return 0.0 if genes is None else float((match_genes(contract.genes, genes) >= 0).mean())


def _gene_features(raw: SectionArrays, contract: ExpressionContract) -> Features:
    from scipy.sparse import csr_matrix

    n = len(raw.xy)
    if raw.counts is None or raw.genes is None:
        empty = csr_matrix((n, len(contract.genes)), dtype=np.float32)
        return scale(empty, contract.scaling, np.zeros(n, dtype=bool))
    depth = match_genes(contract.depth_genes, raw.genes)
    columns = match_genes(contract.genes, raw.genes)
    logged = LogNormalised(raw.counts, depth[depth >= 0], columns, contract.target_sum)
    return scale(logged, contract.scaling, np.ones(n, dtype=bool))


def _image_features(raw: SectionArrays, contract: ImageContract) -> Features:
    if raw.image is None:
        n = len(raw.xy)
        nothing = np.broadcast_to(np.float32(0), (n, contract.dim))
        return scale(nothing, contract.scaling, np.zeros(n, dtype=bool))
    valid = finite_rows(raw.image)
    return scale(FiniteRows(raw.image, valid), contract.scaling, valid)


def _contents(xy: np.ndarray, features: dict[str, Features]) -> np.ndarray:
    """A number made of the features of each spot that shares its place with another, 0 for all others, (n,).

    Projections on a fixed direction: they tell spots apart and do not know in which row a spot stands.
    """
    order = np.lexsort((xy[:, 1], xy[:, 0]))
    same = (np.diff(xy[order], axis=0) == 0).all(axis=1)
    shared = np.sort(order[np.append(same, False) | np.append(False, same)])
    found, random = np.zeros(len(xy)), np.random.default_rng(0)
    for part in features.values():
        direction = random.normal(size=part.width)
        for rows in blocks(len(shared)):
            found[shared[rows]] += part.rows(shared[rows]) @ direction
    return found


def prepare(
    raw: SectionArrays,
    *,
    expression: ExpressionContract | None,
    image: ImageContract | None,
    n_neighbors: int,
    max_distance_um: float | None,
) -> NetworkInputs:
    """Normalise, scale and connect one section, the same way for fitting and scoring."""
    features = {}
    if image is not None:
        features["image"] = _image_features(raw, image)
    if expression is not None:
        features["expression"] = _gene_features(raw, expression)
    reach = None
    if max_distance_um is not None:
        if not np.isfinite(raw.um_per_unit):
            raise ValueError(
                f"Section {raw.name!r}: a largest distance of {max_distance_um} um was asked for, but the section's "
                "scale is unknown. Run `spacrd.pp.extract_patches(..., mpp=...)` first, or leave `max_distance` out."
            )
        reach = max_distance_um / raw.um_per_unit
    contents = _contents(raw.xy, features)
    neighbours, mask = neighbourhoods(raw.xy, n_neighbors, max_distance=reach, contents=contents)
    order = spatial_order(raw.xy)
    return NetworkInputs(features, neighbours, mask, raw.target.astype(np.float32), order)
