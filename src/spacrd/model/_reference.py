"""What training sections looked like, to tell when a new one does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ._profile import SectionProfile

FAR = 1.0
"""Relative distance beyond which a section is warned about: farther from every training section than these are from
each other. Of sections like the training ones, one in so many plus one lies there by chance."""
DEPTH = 3.0
"""Times shallower or deeper than every training section, beyond which a section is warned about."""


@dataclass(frozen=True)
class Shift:
    """How far a section lies from what a model was fitted on.

    Attributes
    ----------
    gene_coverage
        Share of the model's genes that the section has; NaN for a model without expression.
    median_counts, depth_ratio
        Counts of a spot, and how many times shallower or deeper than every training section they are; 1 if within.
    expression_distance, image_distance
        Distance of mean composition, and of mean patch embedding, to the nearest training section, divided by the
        largest such distance among the training sections themselves. NaN where it cannot be told.
    expected_share
        Share of cancer among the spots, by the classifier that compares sections; the mean of the
        likelihoods. NaN for a model that is not calibrated.

    Examples
    --------
    After the :ref:`setup of the examples <examples>`:

    What :meth:`spacrd.SpaCRD.predict` finds is in the report of a scored section too:

    >>> report = section["table"].uns["spacrd"]["spacrd"]["sections"]["toy_2"]
    >>> report["gene_coverage"]
    1.0
    """

    gene_coverage: float = float("nan")
    median_counts: float = float("nan")
    depth_ratio: float = float("nan")
    expression_distance: float = float("nan")
    image_distance: float = float("nan")
    expected_share: float = float("nan")

    def to_dict(self) -> dict[str, float]:
        """Plain numbers, for ``.uns``."""
        return asdict(self)

    def complaints(self) -> list[str]:
        """What is unusual, in words with numbers; empty if nothing is."""
        said = []
        for name, what in (("expression_distance", "mean expression"), ("image_distance", "mean patch embedding")):
            ratio = getattr(self, name)
            if ratio > FAR:
                said.append(f"its {what} is {_farther(ratio)}")
        if self.depth_ratio > DEPTH:
            said.append(
                f"its spots have {self.median_counts:.0f} counts, {self.depth_ratio:.1f} times beyond every training "
                "section"
            )
        return said


class Reference(nn.Module):
    """Mean composition, mean embedding and depth of every training section.

    Parameters
    ----------
    n_sections, n_genes, n_image
        Sizes; 0 genes or dimensions where the model lacks a modality.
    """

    expression_means: Tensor
    image_means: Tensor
    image_spread: Tensor
    log_depth: Tensor

    def __init__(self, n_sections: int, n_genes: int, n_image: int) -> None:
        super().__init__()
        self.register_buffer("expression_means", torch.zeros(n_sections, n_genes))
        self.register_buffer("image_means", torch.zeros(n_sections, n_image))
        self.register_buffer("image_spread", torch.ones(n_image))
        self.register_buffer("log_depth", torch.zeros(n_sections if n_genes else 0))

    def set(self, backgrounds: Sequence[SectionProfile], images: Sequence[np.ndarray | None]) -> None:
        """Take the training sections; one that lacks a modality is stood in for by the first that has it."""
        genes = [b.expression_mean for b in backgrounds if b.expression_mean is not None]
        if genes and self.expression_means.numel():
            rows = [genes[0] if b.expression_mean is None else b.expression_mean for b in backgrounds]
            self.expression_means.copy_(torch.from_numpy(np.stack(rows)))
            depths = [b.log_depth for b in backgrounds if np.isfinite(b.log_depth)]
            log_depths = [b.log_depth if np.isfinite(b.log_depth) else (depths or [0.0])[0] for b in backgrounds]
            self.log_depth.copy_(torch.tensor(log_depths))
        mean_embeddings = [b.image_mean for b in backgrounds if b.image_mean is not None]
        if mean_embeddings and self.image_means.numel():
            rows = [mean_embeddings[0] if b.image_mean is None else b.image_mean for b in backgrounds]
            self.image_means.copy_(torch.from_numpy(np.stack(rows)))
            spreads = [np.nanstd(image.astype(np.float64), axis=0) for image in images if image is not None]
            spread = np.mean(spreads, axis=0)
            self.image_spread.copy_(torch.from_numpy(np.where(spread > 1e-12, spread, 1.0)))

    @property
    def usual(self) -> np.ndarray | None:
        """Mean log composition of the training sections, (n_genes,); None without any."""
        return self.expression_means.double().mean(0).numpy() if self.expression_means.numel() else None

    def compare(self, background: SectionProfile) -> dict[str, float]:
        """Distances and depth of a section, as in :class:`Shift`."""
        found: dict[str, float] = {}
        if background.expression_mean is not None and background.present is not None and background.present.any():
            rows = self.expression_means.double().numpy()[:, background.present]
            found["expression_distance"] = _relative(rows, background.expression_mean[background.present])
            if np.isfinite(background.log_depth):
                depths = self.log_depth.double().numpy()
                outside = max(depths.min() - background.log_depth, background.log_depth - depths.max(), 0.0)
                found["median_counts"] = float(10**background.log_depth)
                found["depth_ratio"] = float(10**outside)
        if background.image_mean is not None:
            spread = self.image_spread.double().numpy()
            rows = self.image_means.double().numpy() / spread
            found["image_distance"] = _relative(rows, background.image_mean / spread)
        return found


def _farther(ratio: float) -> str:
    """A relative distance beyond 1 in words; "1.0 times as far" would read as nothing unusual."""
    if ratio < 1.05:
        return "slightly farther from any training section than they are from each other"
    return f"{ratio:.1f} times as far from any training section as they are from each other"


def _relative(rows: np.ndarray, point: np.ndarray) -> float:
    """Distance of a point to the nearest row, over the largest distance of a row to its nearest other row."""
    if len(rows) < 2:
        return float("nan")
    between = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(between, np.inf)
    usual = float(between.min(axis=1).max())
    return float(np.linalg.norm(rows - point, axis=1).min() / usual) if usual > 0 else float("nan")
