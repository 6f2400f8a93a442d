"""Sections as the networks read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ._blocks import block_sizes, blocks
from ._contract import ExpressionContract, ImageContract
from ._expression import LogNormalised, match_genes
from ._neighbours import neighbourhoods, spatial_order
from ._scaling import Features, Matrix, on_disk, scale
from ._section import SectionArrays


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

    def read_blocks(self, *matrices: Matrix) -> Iterator[ReadBlock]:
        """Split the spots into blocks that are read together if a matrix lies on disk; else into one block.

        Parameters
        ----------
        *matrices
            Matrices whose rows will be read.
        """
        widths = [matrix.shape[1] for matrix in matrices if on_disk(matrix)]
        size = max(1, block_sizes.read_bytes // (4 * max(widths))) if widths else len(self.order)
        for rows in blocks(len(self.order), min(size, len(self.order))):
            centres = self.order[rows]
            index, mask = self.neighbours[centres], self.mask[centres]
            if not widths:
                yield ReadBlock(centres, index, mask, None)
                continue
            distinct, local = np.unique(index, return_inverse=True)
            yield ReadBlock(centres, local.reshape(index.shape), mask, distinct)


@dataclass(frozen=True)
class ReadBlock:
    """Neighbourhoods that lie close together and are read at once.

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

    def read(self, features: Features) -> Features:
        """Read the features of the rows."""
        return features if self.rows is None else features.take(self.rows)


@dataclass(frozen=True)
class FiniteRows:
    """Read an embedding as float32 with zeros in the rows that are missing."""

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
    """Find the rows without NaN, (n,) bool."""
    return np.concatenate([np.isfinite(image[rows]).all(axis=1) for rows in blocks(image.shape[0])])


def gene_coverage(genes: np.ndarray | None, contract: ExpressionContract) -> float:
    """Compute the share of the model's genes that a section has."""
    return 0.0 if genes is None else float((match_genes(contract.genes, genes) >= 0).mean())


def _expression_features(section: SectionArrays, contract: ExpressionContract) -> Features:
    from scipy.sparse import csr_matrix

    n = len(section.xy)
    if section.counts is None or section.genes is None:
        empty = csr_matrix((n, len(contract.genes)), dtype=np.float32)
        return scale(empty, contract.scaling, np.zeros(n, dtype=bool))
    depth = match_genes(contract.depth_genes, section.genes)
    columns = match_genes(contract.genes, section.genes)
    logged = LogNormalised(section.counts, depth[depth >= 0], columns, contract.target_sum)
    return scale(logged, contract.scaling, np.ones(n, dtype=bool))


def _image_features(section: SectionArrays, contract: ImageContract) -> Features:
    if section.image is None:
        n = len(section.xy)
        zeros = np.broadcast_to(np.float32(0), (n, contract.dim))
        return scale(zeros, contract.scaling, np.zeros(n, dtype=bool))
    valid = finite_rows(section.image)
    return scale(FiniteRows(section.image, valid), contract.scaling, valid)


def _contents(xy: np.ndarray, features: dict[str, Features]) -> np.ndarray:
    """Project the features of spots that share their place with another to one number, 0 for all others, (n,).

    The fixed random direction tells spots apart and does not depend on their row order.
    """
    order = np.lexsort((xy[:, 1], xy[:, 0]))
    same = (np.diff(xy[order], axis=0) == 0).all(axis=1)
    shared = np.sort(order[np.append(same, False) | np.append(False, same)])
    contents, random = np.zeros(len(xy)), np.random.default_rng(0)
    for modality in features.values():
        direction = random.normal(size=modality.width)
        for rows in blocks(len(shared)):
            contents[shared[rows]] += modality.rows(shared[rows]) @ direction
    return contents


def prepare(
    section: SectionArrays,
    *,
    expression: ExpressionContract | None,
    image: ImageContract | None,
    n_neighbors: int,
    max_distance_um: float | None,
) -> NetworkInputs:
    """Normalise, scale and connect one section, the same way for fitting and scoring."""
    features = {}
    if image is not None:
        features["image"] = _image_features(section, image)
    if expression is not None:
        features["expression"] = _expression_features(section, expression)
    reach = None
    if max_distance_um is not None:
        if not np.isfinite(section.um_per_unit):
            raise ValueError(
                f"Section {section.name!r}: a largest distance of {max_distance_um} um was asked for, but the "
                "section's scale is unknown. Run `spacrd.pp.extract_patches(..., mpp=...)` first, or leave "
                "`max_distance` out."
            )
        reach = max_distance_um / section.um_per_unit
    contents = _contents(section.xy, features)
    neighbours, mask = neighbourhoods(section.xy, n_neighbors, max_distance=reach, contents=contents)
    order = spatial_order(section.xy)
    return NetworkInputs(features, neighbours, mask, section.target.astype(np.float32), order)
