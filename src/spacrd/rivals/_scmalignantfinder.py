"""scMalignantFinder with a user's own copy of its weights; nothing of it is in this package."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .._checks import check_positive_int, quote_names
from ..features import SectionArrays, blocks, match_genes
from ._card import RivalCard
from ._inputs import TARGET_SUM, smooth, total_counts
from ._interface import MissingInputError, RivalScore
from ._registry import Entry

INTERCEPT = "(intercept)"
_EXPORT = (
    "Write the weights of your own copy into a CSV with the columns 'gene' and 'weight', one row per gene of its "
    f"feature list and one row {INTERCEPT!r}: docs/howto/rivals.md shows how."
)


class ScMalignantFinder:
    """Logistic regression of 400,000 labelled cells, as its program applies it.

    Parameters
    ----------
    weights
        CSV with the columns ``gene`` and ``weight``; the gene ``(intercept)`` is the intercept.
    smoothing
        Spots that the decision is averaged over; the program scores each by itself.
    """

    def __init__(self, weights: str | os.PathLike[str], *, smoothing: int = 1) -> None:
        self.smoothing = check_positive_int(smoothing, "smoothing")
        self.genes, self.weights, self.intercept = _read(Path(weights).expanduser())

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> ScMalignantFinder:
        """Nothing to learn."""
        return self

    def score(self, section: SectionArrays) -> RivalScore:
        """Probability of a malignant spot; genes that the section lacks count as 0."""
        from scipy.special import expit

        depth = total_counts(section)
        columns = match_genes(self.genes, np.asarray(section.genes))
        there = columns >= 0
        if not there.any():
            raise MissingInputError(f"Section {section.name!r} has no gene of the model, such as {self.genes[0]!r}.")
        raw = [np.asarray(section.counts[rows][:, columns[there]] @ self.weights[there]) for rows in blocks(len(depth))]
        # Counts per 10,000 without a logarithm: so the model was fitted.
        rate = np.divide(TARGET_SUM, depth, out=np.zeros_like(depth), where=depth > 0)
        decision = smooth(section, np.concatenate(raw).ravel() * rate + self.intercept, self.smoothing)
        note = f"{int(there.sum())} of {len(there)} genes"
        return RivalScore(expit(decision), threshold=0.5, probability=True, note=note)


def _read(file: Path) -> tuple[np.ndarray, np.ndarray, float]:
    import pandas as pd

    if not file.is_file():
        raise FileNotFoundError(f"There is no file {str(file)!r}. {_EXPORT}")
    table = pd.read_csv(file)
    if not {"gene", "weight"} <= set(table.columns):
        raise ValueError(f"{str(file)!r} has the columns {quote_names(table.columns)}. {_EXPORT}")
    weights = table.set_index(table["gene"].astype(str))["weight"].astype(np.float64)
    if INTERCEPT not in weights.index or weights.index.has_duplicates or not np.isfinite(weights).all():
        raise ValueError(f"{str(file)!r} lacks the intercept, names a gene twice, or has no number for one. {_EXPORT}")
    genes = weights.drop(INTERCEPT)
    return genes.index.to_numpy().astype(str), genes.to_numpy(), float(weights[INTERCEPT])


RIVALS = {
    "scmalignantfinder": Entry(
        ScMalignantFinder,
        RivalCard(
            "scMalignantFinder (your copy)",
            kind="knowledge",
            modality="expression",
            labels="none",
            paper="Yu et al., Communications Biology 2025",
            repository="Jonyyqn/scMalignantFinder",
            licence="CC BY-NC-ND 4.0",
            adapted="Reads a table of weights, not the program's pickle. Its clustering of regions is left out.",
            lost="Everything without the weights, which this package may not contain.",
            depth_trap="Little: counts are normalised to their sum without a logarithm; shallow spots are noisier.",
        ),
    ),
}
