"""Differences between a section and the training sections, and what they mean."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

MIN_COVERAGE = 0.5
"""Share of the decision's variance below which calls mean little."""
MAX_UNKNOWN = 0.05
"""Share of a section's counts in genes of no training section, above which it is annotated or measured differently."""
EXPRESSION_LIMIT = 0.53
"""Hellinger distance of expression up to which a section is like the training sections. Sections of other patients of
one study lie up to .48 from each other, another organ or platform from .60 on."""
IMAGE_LIMIT = 1.5
"""The same of patch embeddings, in standard deviations within sections. Other patients are up to 1.1 apart."""
TOLERANCE = 1.05
"""Factor by which a section may lie farther than the training sections lie from each other."""
PANEL = 0.5
"""Share of the counts of the training sections below which the genes of a section are another panel."""
NEVER = 1e9


@dataclass(frozen=True)
class Shift:
    """Describe how far a section is from the training sections.

    Attributes
    ----------
    gene_coverage
        Share of the model's genes that the section has; NaN for a model without expression.
    decision_coverage
        Share of the variance of the discriminant of expression that the section's genes keep; NaN without one.
    panel_coverage
        Share of the counts of the nearest training section that lie in genes of the section; NaN without expression.
    unknown_counts, unknown_genes
        Share of the section's counts in genes that no training section has, and the highest of these genes.
    median_counts, depth_ratio
        Median counts of a spot, and their ratio to the nearest training section; 1 within their range.
    expression_distance, expression_limit
        Hellinger distance between the total counts per gene, as shares, of the section and of the nearest training
        section, 0 to 1; and the distance from which a section is unusual.
    image_distance, image_limit
        Median over the features of the difference between the mean patch embeddings, in standard deviations within
        sections, of the section and the nearest training section; and the distance from which a section is unusual.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.model.Shift(image_distance=2.0, image_limit=1.5).reasons()
    ['its patches look different (distance 2.0, usual up to 1.5): another stain, scanner, tissue or scale']
    """

    gene_coverage: float = float("nan")
    decision_coverage: float = float("nan")
    panel_coverage: float = float("nan")
    unknown_counts: float = float("nan")
    unknown_genes: str = ""
    median_counts: float = float("nan")
    depth_ratio: float = float("nan")
    expression_distance: float = float("nan")
    expression_limit: float = NEVER
    image_distance: float = float("nan")
    image_limit: float = NEVER

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values, for ``.uns``."""
        return asdict(self)

    def reasons(self) -> list[str]:
        """Say in which ways the section is unlike the training sections; empty if it is like them."""
        texts = []
        if self.unknown_counts > MAX_UNKNOWN:
            texts.append(
                f"{100 * self.unknown_counts:.0f} % of its counts are in genes that no training section has "
                f"({self.unknown_genes}): another organ, organism or annotation, or genes were filtered for training"
            )
        if self.expression_distance > self.expression_limit:
            texts.append(self._expression())
        if self.decision_coverage < MIN_COVERAGE:
            texts.append(f"its genes keep {100 * self.decision_coverage:.0f} % of what the score from expression reads")
        if self.image_distance > self.image_limit:
            texts.append(
                f"its patches look different (distance {self.image_distance:.1f}, usual up to "
                f"{self.image_limit:.1f}): another stain, scanner, tissue or scale"
            )
        return texts

    def _expression(self) -> str:
        distance = f"distance {self.expression_distance:.2f}, usual up to {self.expression_limit:.2f}"
        if self.panel_coverage < PANEL:
            return (
                f"it has another panel of genes, with {100 * self.panel_coverage:.0f} % of the counts of the training "
                f"sections ({distance}): another platform, or genes were filtered"
            )
        return f"its expression is different ({distance}): another organ, organism or platform"
