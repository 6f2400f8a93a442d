"""One section as arrays, before and after preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._config import ExpressionContract, ImageContract
from ._neighbours import neighbourhoods
from ._preprocess import Features, log_normalise, match_genes, scale

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class RawSection:
    """What a container holds of one section.

    Attributes
    ----------
    name
        For messages.
    xy
        Spot centres, (n, 2) float64.
    um_per_unit
        Micrometres per unit of ``xy``; NaN if unknown.
    counts, genes
        Checked counts (n, g) and their names; None if the section has no expression.
    image
        Patch embedding (n, dim), NaN rows off the picture; None if there is no picture.
    target
        1 cancer, 0 not, NaN unlabelled.
    """

    name: str
    xy: np.ndarray
    um_per_unit: float
    counts: csr_matrix | None
    genes: np.ndarray | None
    image: np.ndarray | None
    target: np.ndarray


@dataclass(frozen=True)
class SpotArrays:
    """Spots of one section, or of several below each other, as the network reads them.

    Attributes
    ----------
    features
        ``"gene"`` and ``"image"`` inputs; a modality the model leaves out is absent.
    neighbours, mask
        Neighbourhoods as row positions, (n, t), and which tokens are real.
    target
        1 cancer, 0 not, NaN unlabelled; (n,) float32.
    """

    features: dict[str, Features]
    neighbours: np.ndarray
    mask: np.ndarray
    target: np.ndarray

    @classmethod
    def stack(cls, parts: Sequence[SpotArrays]) -> SpotArrays:
        """Several sections below each other; neighbourhoods never cross from one to another."""
        starts = np.cumsum([0, *(len(part.target) for part in parts)])
        return cls(
            {name: Features.stack([part.features[name] for part in parts]) for name in parts[0].features},
            np.vstack([part.neighbours + start for part, start in zip(parts, starts, strict=False)]),
            np.vstack([part.mask for part in parts]),
            np.concatenate([part.target for part in parts]),
        )


def gene_coverage(genes: np.ndarray | None, contract: ExpressionContract) -> float:
    """Share of the model's genes that a section has."""
    return 0.0 if genes is None else float((match_genes(contract.genes, genes) >= 0).mean())


def _gene_features(raw: RawSection, contract: ExpressionContract) -> Features:
    from scipy.sparse import csr_matrix

    n = len(raw.xy)
    if raw.counts is None or raw.genes is None:
        empty = csr_matrix((n, len(contract.genes)), dtype=np.float32)
        return scale(empty, contract.scaling, np.zeros(n, dtype=bool))
    depth = match_genes(contract.depth_genes, raw.genes)
    columns = match_genes(contract.genes, raw.genes)
    logged = log_normalise(raw.counts, depth[depth >= 0], columns, contract.target_sum)
    return scale(logged, contract.scaling, np.ones(n, dtype=bool))


def _image_features(raw: RawSection, contract: ImageContract) -> Features:
    if raw.image is None:
        n = len(raw.xy)
        return scale(np.zeros((n, contract.dim), dtype=np.float32), contract.scaling, np.zeros(n, dtype=bool))
    valid = np.isfinite(raw.image).all(axis=1)
    return scale(np.where(valid[:, None], raw.image, 0.0).astype(np.float32), contract.scaling, valid)


def prepare(
    raw: RawSection,
    *,
    expression: ExpressionContract | None,
    image: ImageContract | None,
    n_neighbors: int,
    max_distance_um: float | None,
) -> SpotArrays:
    """Normalise, scale and connect one section, the same way for fitting and scoring."""
    features = {}
    if image is not None:
        features["image"] = _image_features(raw, image)
    if expression is not None:
        features["gene"] = _gene_features(raw, expression)
    reach = None
    if max_distance_um is not None:
        if not np.isfinite(raw.um_per_unit):
            raise ValueError(
                f"Section {raw.name!r}: a largest distance of {max_distance_um} um was asked for, but the section's "
                "scale is unknown. Run `spacrd.pp.extract_patches(..., mpp=...)` first, or leave `max_distance` out."
            )
        reach = max_distance_um / raw.um_per_unit
    neighbours, mask = neighbourhoods(raw.xy, n_neighbors, max_distance=reach)
    return SpotArrays(features, neighbours, mask, raw.target.astype(np.float32))
