"""Turn a section into what discriminants and networks read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import block_diag, csr_matrix

from ._blocks import block_sizes, blocks
from ._contents import project_contents
from ._contract import LOW_COVERAGE, ExpressionContract, ImageContract
from ._expression import LogNormalised, match_genes
from ._graph import neighbour_graph
from ._neighbours import ROUNDING, neighbourhoods, spatial_order
from ._reach import within_reach
from ._scaling import Features, Matrix, on_disk, scale
from ._section import SectionArrays


@dataclass(frozen=True)
class NetworkInputs:
    """Hold the spots of one section, or of several stacked sections, as discriminants and networks read them.

    Attributes
    ----------
    features
        ``"expression"`` and ``"image"`` inputs; a modality the model leaves out is absent.
    neighbours, mask
        Neighbourhoods as row positions, (n, t), the spot itself first; and which of them are real, (n, t) bool.
    target
        1 cancer, 0 not, NaN unlabelled; (n,) float32.
    order
        All rows, sorted so that nearby spots follow each other, (n,).
    graph
        Symmetric weights of pairs of neighbours over which scores are propagated, (n, n).
    """

    features: dict[str, Features]
    neighbours: np.ndarray
    mask: np.ndarray
    target: np.ndarray
    order: np.ndarray
    graph: csr_matrix

    @classmethod
    def stack(cls, sections: Sequence[NetworkInputs]) -> NetworkInputs:
        """Stack sections; neighbourhoods stay within their section."""
        starts = np.cumsum([0, *(len(section.target) for section in sections)])
        return cls(
            {name: Features.stack([section.features[name] for section in sections]) for name in sections[0].features},
            np.vstack([section.neighbours + start for section, start in zip(sections, starts, strict=False)]),
            np.vstack([section.mask for section in sections]),
            np.concatenate([section.target for section in sections]),
            np.concatenate([section.order + start for section, start in zip(sections, starts, strict=False)]),
            block_diag([section.graph for section in sections], format="csr"),
        )

    def only(self, names: Sequence[str]) -> NetworkInputs:
        """Leave out the other modalities."""
        return replace(self, features={name: self.features[name] for name in names})

    def load(self) -> NetworkInputs:
        """Load all features into memory."""
        rows = np.arange(len(self.target))
        return replace(self, features={name: features.take(rows) for name, features in self.features.items()})

    def read_blocks(self, *matrices: Matrix) -> Iterator[ReadBlock]:
        """Split the spots into blocks to read from ``matrices``; one block if none of them lies on disk."""
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
    """Hold neighbourhoods of nearby spots, which are read at once.

    Attributes
    ----------
    centres
        Rows of the section that are centres, (b,).
    index, mask
        Their neighbourhoods as positions among the rows that are read, and which of them are real, (b, t).
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
        valid = self.valid[rows]
        return block if valid.all() else np.where(valid[:, None], block, np.float32(0))


def finite_rows(image: Matrix) -> np.ndarray:
    """Find the rows without NaN, (n,) bool."""
    return np.concatenate([np.isfinite(image[rows]).all(axis=1) for rows in blocks(image.shape[0])])


def gene_coverage(genes: np.ndarray | None, contract: ExpressionContract) -> float:
    """Compute the share of the model's genes that a section has."""
    return 0.0 if genes is None else float((match_genes(contract.genes, genes) >= 0).mean())


def expression_features(
    section: SectionArrays, contract: ExpressionContract, *, substitutes_only: bool = False
) -> Features:
    """Normalise and scale the expression of a section: the model's genes, or substitutes if it lacks most of them.

    The columns are those of ``contract.candidates``; with ``substitutes_only``, of all substitutes, whatever it lacks.
    """
    from scipy.sparse import csr_matrix

    n, names = len(section.xy), contract.substitutes if substitutes_only else contract.candidates
    if section.counts is None or section.genes is None:
        empty = csr_matrix((n, len(names)), dtype=np.float32)
        absent = np.zeros(len(names), dtype=bool)
        return replace(scale(empty, contract.scaling, np.zeros(n, dtype=bool)), present=absent)
    depth_columns = match_genes(contract.depth_genes, section.genes)
    columns = match_genes(names, section.genes)
    if not substitutes_only:
        n_genes = len(contract.genes)
        n_there = int((columns[:n_genes] >= 0).sum())
        columns[np.cumsum(columns >= 0) > (n_genes if n_there < LOW_COVERAGE * n_genes else n_there)] = -1
        depth_columns = np.append(depth_columns, columns[n_genes:])
    logged = LogNormalised(section.counts, depth_columns[depth_columns >= 0], columns, contract.target_sum)
    logged = logged if logged.on_disk else logged[:]
    return replace(scale(logged, contract.scaling, np.ones(n, dtype=bool)), present=columns >= 0)


def _image_features(section: SectionArrays, contract: ImageContract) -> Features:
    if section.image is None:
        n = len(section.xy)
        zeros = np.broadcast_to(np.float32(0), (n, contract.dim))
        return scale(zeros, contract.scaling, np.zeros(n, dtype=bool))
    valid = finite_rows(section.image)
    return scale(FiniteRows(section.image, valid), contract.scaling, valid)


def prepare(
    section: SectionArrays,
    *,
    expression: ExpressionContract | None,
    image: ImageContract | None,
    n_neighbors: int,
    max_distance_um: float | None,
) -> NetworkInputs:
    """Normalise and scale the features of a section and find its neighbourhoods, alike for fitting and scoring."""
    features = {}
    if image is not None:
        features["image"] = _image_features(section, image)
    if expression is not None:
        features["expression"] = expression_features(section, expression)
    arranged = prepare_neighbours(
        section, expression=expression, image=image, n_neighbors=n_neighbors, max_distance_um=max_distance_um
    )
    return replace(arranged, features=features)


def prepare_neighbours(
    section: SectionArrays,
    *,
    expression: ExpressionContract | None,
    image: ImageContract | None,
    n_neighbors: int,
    max_distance_um: float | None,
) -> NetworkInputs:
    """Find the neighbourhoods of a section, as :func:`prepare` does, without features."""
    max_distance = None
    if max_distance_um is not None:
        if not np.isfinite(section.um_per_unit):
            raise ValueError(
                f"Section {section.name!r}: a largest distance of {max_distance_um} um was asked for, but the "
                "section's scale is unknown. Run `spacrd.pp.extract_patches(..., mpp=...)` first, or leave "
                "`max_distance` out."
            )
        max_distance = max_distance_um / section.um_per_unit
    contents = project_contents(section, expression, use_image=image is not None)
    neighbours, mask = neighbourhoods(section.xy, n_neighbors, max_distance=max_distance, contents=contents)
    if max_distance is None:
        neighbours, mask, farthest = within_reach(section.xy, neighbours, mask, section.um_per_unit)
    else:
        farthest = max_distance * (1 + ROUNDING)
    graph = neighbour_graph(section.xy, n_neighbors, farthest)
    return NetworkInputs({}, neighbours, mask, section.target.astype(np.float32), spatial_order(section.xy), graph)
