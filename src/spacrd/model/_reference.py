"""Compare a section with the training sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from ._profile import SectionProfile

UNUSUAL_DISTANCE = 1.0
"""Relative distance above which a warning is given: the section is farther from every training section than these are
from each other. Of sections like n training sections, one in n + 1 is by chance."""
MIN_COVERAGE = 0.5
"""Share of the decision's variance below which a verdict means little."""
UNUSUAL_DEPTH = 3.0
"""Ratio of depths, to every training section, above which a warning is given."""


@dataclass(frozen=True)
class Shift:
    """Describe how far a section is from the training sections.

    Attributes
    ----------
    gene_coverage
        Share of the model's genes that the section has; NaN for a model without expression.
    median_counts, depth_ratio
        Median counts of a spot, and their ratio to the nearest training section; 1 within their range.
    expression_distance, image_distance
        Distance of mean composition, and of mean patch embedding, to the nearest training section, divided by the
        largest such distance among the training sections. NaN without the modality or with one training section.
    decision_coverage
        Share of the variance of the discriminant of expression that the section's genes keep; NaN without one.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.model.Shift(median_counts=50.0, depth_ratio=4.0).complaints()
    ['its spots have 50 counts, 4.0 times beyond every training section']
    """

    gene_coverage: float = float("nan")
    median_counts: float = float("nan")
    depth_ratio: float = float("nan")
    expression_distance: float = float("nan")
    image_distance: float = float("nan")
    decision_coverage: float = float("nan")

    @property
    def strange(self) -> bool:
        """Tell whether a verdict would mean little: something is unusual, or half of the decision is lost."""
        return bool(self.complaints()) or self.decision_coverage < MIN_COVERAGE

    def to_dict(self) -> dict[str, float]:
        """Convert to plain numbers, for ``.uns``."""
        return asdict(self)

    def complaints(self) -> list[str]:
        """Describe what is unusual; empty if nothing is."""
        texts = []
        for name, what in (("expression_distance", "mean expression"), ("image_distance", "mean patch embedding")):
            ratio = getattr(self, name)
            if ratio > UNUSUAL_DISTANCE:
                texts.append(f"its {what} is {_farther(ratio)}")
        if self.depth_ratio > UNUSUAL_DEPTH:
            texts.append(
                f"its spots have {self.median_counts:.0f} counts, {self.depth_ratio:.1f} times beyond every training "
                "section"
            )
        return texts


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
    """

    expression_means: np.ndarray
    image_means: np.ndarray
    image_spread: np.ndarray
    log_depth: np.ndarray

    @classmethod
    def empty(cls, n_sections: int, n_genes: int, n_image: int) -> Reference:
        """Make arrays of the right shapes that take no memory; a width is 0 where the model lacks the modality."""
        zero, one = np.float32(0), np.float32(1)
        return cls(
            np.broadcast_to(zero, (n_sections, n_genes)),
            np.broadcast_to(zero, (n_sections, n_image)),
            np.broadcast_to(one, n_image),
            np.broadcast_to(zero, n_sections if n_genes else 0),
        )

    @classmethod
    def of(
        cls, profiles: Sequence[SectionProfile], images: Sequence[np.ndarray | None], n_genes: int, n_image: int
    ) -> Reference:
        """Describe the training sections; those that lack a modality repeat the first section that has it."""
        reference = cls.empty(len(profiles), n_genes, n_image)
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

    def compare(self, profile: SectionProfile) -> dict[str, float]:
        """Compute distances and depth of a section, as in :class:`Shift`."""
        facts: dict[str, float] = {}
        if profile.expression_mean is not None and profile.present is not None and profile.present.any():
            rows = self.expression_means.astype(np.float64)[:, profile.present]
            facts["expression_distance"] = _relative(rows, profile.expression_mean[profile.present])
            if np.isfinite(profile.log_depth):
                depths = self.log_depth.astype(np.float64)
                outside = max(depths.min() - profile.log_depth, profile.log_depth - depths.max(), 0.0)
                facts["median_counts"] = float(10**profile.log_depth)
                facts["depth_ratio"] = float(10**outside)
        if profile.image_mean is not None:
            spread = self.image_spread.astype(np.float64)
            rows = self.image_means.astype(np.float64) / spread
            facts["image_distance"] = _relative(rows, profile.image_mean / spread)
        return facts


def _farther(ratio: float) -> str:
    """Describe a relative distance above 1; "1.0 times as far" would not read as unusual."""
    if ratio < 1.05:
        return "slightly farther from any training section than they are from each other"
    return f"{ratio:.1f} times as far from any training section as they are from each other"


def _relative(rows: np.ndarray, point: np.ndarray) -> float:
    """Divide the distance of a point to the nearest row by the largest distance of a row to its nearest other row."""
    if len(rows) < 2:
        return float("nan")
    between = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(between, np.inf)
    usual = float(between.min(axis=1).max())
    return float(np.linalg.norm(rows - point, axis=1).min() / usual) if usual > 0 else float("nan")
