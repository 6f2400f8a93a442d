"""Compare a section with the training sections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ._profile import SectionProfile
from ._shift import EXPRESSION_LIMIT, IMAGE_LIMIT, TOLERANCE


@dataclass(frozen=True)
class Reference:
    """Hold mean composition, mean embedding and depth of every training section.

    Attributes
    ----------
    expression_means
        Mean log composition of neighbourhoods, (n_sections, n_genes) float32; no columns without expression.
    image_means, image_spread
        Mean embedding, (n_sections, dim) float32, and standard deviation within sections, (dim,) float32; no columns
        without images.
    log_depth
        Median log10 counts of a spot, (n_sections,) float32; empty without expression.
    gene_shares
        Share of each gene in the counts, (n_sections, n_known_genes) float32; no columns without expression.
    """

    expression_means: np.ndarray
    image_means: np.ndarray
    image_spread: np.ndarray
    log_depth: np.ndarray
    gene_shares: np.ndarray

    @classmethod
    def empty(cls, n_sections: int, n_genes: int, n_image: int, n_known: int) -> Reference:
        """Make arrays of the right shapes that take no memory; a width is 0 where the model lacks the modality."""
        zero, one = np.float32(0), np.float32(1)
        return cls(
            np.broadcast_to(zero, (n_sections, n_genes)),
            np.broadcast_to(zero, (n_sections, n_image)),
            np.broadcast_to(one, n_image),
            np.broadcast_to(zero, n_sections if n_genes else 0),
            np.broadcast_to(zero, (n_sections, n_known)),
        )

    @classmethod
    def of(
        cls,
        profiles: Sequence[SectionProfile],
        images: Sequence[np.ndarray | None],
        n_genes: int,
        n_image: int,
        n_known: int,
    ) -> Reference:
        """Describe the training sections; those that lack a modality repeat the first section that has it."""
        reference = cls.empty(len(profiles), n_genes, n_image, n_known)
        expression_means = [p.expression_mean for p in profiles if p.expression_mean is not None]
        if expression_means and n_genes:
            rows = [expression_means[0] if p.expression_mean is None else p.expression_mean for p in profiles]
            depths = [p.log_depth for p in profiles if np.isfinite(p.log_depth)] or [0.0]
            log_depth = [p.log_depth if np.isfinite(p.log_depth) else depths[0] for p in profiles]
            reference = replace(
                reference,
                expression_means=np.stack(rows).astype(np.float32),
                log_depth=np.asarray(log_depth, np.float32),
            )
        shares = [p.gene_shares for p in profiles if p.gene_shares is not None]
        if shares and n_known:
            rows = [shares[0] if p.gene_shares is None else p.gene_shares for p in profiles]
            reference = replace(reference, gene_shares=np.stack(rows).astype(np.float32))
        image_means = [p.image_mean for p in profiles if p.image_mean is not None]
        if image_means and n_image:
            rows = [image_means[0] if p.image_mean is None else p.image_mean for p in profiles]
            spread = np.mean([np.nanstd(x.astype(np.float64), axis=0) for x in images if x is not None], axis=0)
            reference = replace(
                reference,
                image_means=np.stack(rows).astype(np.float32),
                image_spread=np.where(spread > 1e-12, spread, 1.0).astype(np.float32),
            )
        return reference

    @property
    def usual(self) -> np.ndarray | None:
        """Return the mean log composition of the training sections, (n_genes,) float64; None without expression."""
        return self.expression_means.astype(np.float64).mean(axis=0) if self.expression_means.size else None

    def compare(self, profile: SectionProfile) -> dict[str, Any]:
        """Compute distances and depth of a section, as in :class:`spacrd.model.Shift`."""
        facts: dict[str, Any] = {}
        if profile.gene_shares is not None and self.gene_shares.size:
            rows = self.gene_shares.astype(np.float64)
            distances = _hellinger(rows, profile.gene_shares)
            nearest = int(np.argmin(distances))
            facts["expression_distance"] = float(distances[nearest])
            facts["expression_limit"] = _limit(rows, _hellinger, EXPRESSION_LIMIT)
            facts["panel_coverage"] = float(rows[nearest][profile.has_gene].sum())
            facts["unknown_counts"], facts["unknown_genes"] = profile.unknown_counts, profile.unknown_genes
        if np.isfinite(profile.log_depth) and self.log_depth.size:
            depths, depth = self.log_depth.astype(np.float64), float(np.float32(profile.log_depth))  # as it is stored
            outside = max(depths.min() - depth, depth - depths.max(), 0.0)
            facts["median_counts"] = float(10**profile.log_depth)
            facts["depth_ratio"] = float(10**outside)
        if profile.image_mean is not None:
            spread = self.image_spread.astype(np.float64)
            rows = self.image_means.astype(np.float64) / spread
            facts["image_distance"] = float(_median_difference(rows, profile.image_mean / spread).min())
            facts["image_limit"] = _limit(rows, _median_difference, IMAGE_LIMIT)
        return facts


def _hellinger(rows: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Compute the Hellinger distance of shares to each row of shares."""
    return np.asarray(np.sqrt(np.clip(1 - np.sqrt(rows * shares).sum(axis=1), 0, None)))


def _median_difference(rows: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Compute the median absolute difference of a point to each row."""
    return np.asarray(np.median(np.abs(rows - point), axis=1))


def _limit(rows: np.ndarray, distance: Callable[[np.ndarray, np.ndarray], np.ndarray], least: float) -> float:
    """Compute the distance from which a section is unusual: ``least``, or more if training sections lie farther apart.

    That of each training section is to the nearest other one.
    """
    if len(rows) < 2:
        return least
    apart = [distance(np.delete(rows, number, axis=0), row).min() for number, row in enumerate(rows)]
    return float(max(least, TOLERANCE * max(apart)))
