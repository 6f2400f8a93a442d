"""What the one-class graph networks read of a section. Import it inside a fit: it loads torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..features import SectionArrays
from ._attention_graph import PaddedGraph
from ._inputs import GeneSpace, embedding, embedding_width, normal_spots


@dataclass(frozen=True)
class GraphInputs:
    """Spots of one section, or of several below each other, with their graph.

    Attributes
    ----------
    values
        ``"expression"`` (n, g) and ``"image"`` (n, dim), float32, without NaN.
    valid
        Spots that have all inputs, (n,) bool; the image of the others is that of the mean normal spot.
    graph
        Nearest neighbours within each section.
    """

    values: dict[str, np.ndarray]
    valid: np.ndarray
    graph: PaddedGraph

    @property
    def widths(self) -> dict[str, int]:
        """Columns of each modality."""
        return {name: rows.shape[1] for name, rows in self.values.items()}


@dataclass(frozen=True)
class NormalReference:
    """Genes and image scaling that are found on the normal spots of the training sections.

    Attributes
    ----------
    genes
        Genes to read.
    image_centre, image_spread
        Mean and standard deviation of the embedding over normal spots, (dim,); None without an image.
    n_neighbors
        Nearest neighbours of each spot in the graph.
    """

    genes: GeneSpace
    image_centre: np.ndarray | None
    image_spread: np.ndarray | None
    n_neighbors: int

    @classmethod
    def of(
        cls, sections: Sequence[SectionArrays], *, image: bool, n_genes: int, n_neighbors: int
    ) -> tuple[NormalReference, GraphInputs]:
        """Read the spots labelled normal, and nothing of the others.

        Returns
        -------
        The reference, and its own spots as inputs.
        """
        normal = normal_spots(sections)
        centre = spread = None
        if image:
            embedding_width(normal)
            rows = np.vstack([embedding(section) for section in normal])
            rows = rows[np.isfinite(rows).all(axis=1)]
            centre, spread = rows.mean(axis=0), rows.std(axis=0)
        reference = cls(GeneSpace.of(normal, n_genes), centre, spread, n_neighbors)
        parts = [reference.read(section) for section in normal]
        values = {name: np.vstack([part.values[name] for part in parts]) for name in parts[0].values}
        valid = np.concatenate([part.valid for part in parts])
        return reference, GraphInputs(values, valid, PaddedGraph.stack([part.graph for part in parts]))

    def read(self, section: SectionArrays) -> GraphInputs:
        """Read all spots of one section."""
        values = {"expression": self.genes.dense(section)}
        valid = np.ones(len(section.xy), dtype=bool)
        if self.image_centre is not None and self.image_spread is not None:
            raw = embedding(section)
            valid = np.isfinite(raw).all(axis=1)
            scaled = (raw - self.image_centre) / np.where(self.image_spread > 1e-6, self.image_spread, 1.0)
            values["image"] = np.where(valid[:, None], scaled, 0.0).astype(np.float32)
        return GraphInputs(values, valid, PaddedGraph.nearest(section.xy, self.n_neighbors))
