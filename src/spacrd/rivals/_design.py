"""The table that linear models are fitted on, brought to as few columns as there are spots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._checks import check_choice, check_positive_int
from ..features import SCALINGS, SectionArrays, scale
from ._inputs import GeneSpace, embedding, embedding_width, labelled, neighbour_mean
from ._interface import MissingInputError

MOST_SPOTS = 8000
"""With more training spots their products with each other cost more than they save."""


@dataclass(frozen=True)
class Reading:
    """What a linear model reads of a section.

    Attributes
    ----------
    modality
        ``"expression"``, ``"image"`` or ``"both"``.
    neighbourhood
        Spots whose mean stands for a spot, itself included: 1 for its own values, 7 for the nearest six as well.
    scaling
        How each column is scaled by the section's own values.
    n_top_genes
        Most variable genes to read; None for all that the training sections share.
    """

    modality: str = "expression"
    neighbourhood: int = 1
    scaling: str = "zscore"
    n_top_genes: int | None = None

    def __post_init__(self) -> None:
        check_choice(self.modality, ("expression", "image", "both"), "modality")
        check_choice(self.scaling, SCALINGS, "scaling")
        check_positive_int(self.neighbourhood, "neighbourhood")

    def usable(self, sections: Sequence[SectionArrays]) -> list[SectionArrays]:
        """Sections that have the modality."""
        kept = [
            section
            for section in sections
            if (section.counts is not None or self.modality == "image")
            and (section.image is not None or self.modality == "expression")
        ]
        if not kept:
            what = {"image": "a patch embedding", "both": "both expression and a patch embedding"}
            raise MissingInputError(f"No training section has {what.get(self.modality, self.modality)}.")
        return kept


class Design:
    """Columns found on the training sections, and their values in any section."""

    def __init__(self, reading: Reading, sections: Sequence[SectionArrays]) -> None:
        self.reading = reading
        self.space = GeneSpace.of(sections, reading.n_top_genes) if reading.modality != "image" else None
        self.width = embedding_width(sections) if reading.modality != "expression" else 0

    def read(self, section: SectionArrays) -> np.ndarray:
        """Scaled values of each spot, (n, columns) float32; NaN rows where one of the inputs is missing."""
        blocks = []
        if self.space is not None:
            blocks.append(self.space.dense(section))
        if self.width:
            blocks.append(embedding(section))
            if blocks[-1].shape[1] != self.width:
                raise ValueError(
                    f"The embedding of {section.name!r} has {blocks[-1].shape[1]} columns, those of the training "
                    f"sections have {self.width}: use one encoder for all sections."
                )
        return np.hstack([self._scaled(section, block) for block in blocks])

    def _scaled(self, section: SectionArrays, values: np.ndarray) -> np.ndarray:
        mean = neighbour_mean(section, values, self.reading.neighbourhood)
        valid = np.asarray(np.isfinite(mean).all(axis=1))
        scaled = scale(np.where(valid[:, None], mean, np.float32(0)), self.reading.scaling, valid).rows(
            np.arange(len(mean))
        )
        scaled[~valid] = np.nan
        return scaled


class Rotated:
    """Training spots on axes that span them: a linear model with a ridge penalty finds the same there, sooner.

    With fewer spots than columns the weights of such a model are a mixture of the spots' own rows, so that only the
    products of spots with each other matter (the representer theorem).

    Parameters
    ----------
    tables
        (n, columns) of each section; NaN rows take no part.
    """

    def __init__(self, tables: Sequence[np.ndarray]) -> None:
        every = np.vstack(tables)
        there = np.asarray(np.isfinite(every).all(axis=1))
        rows = every[there]
        self.mean = rows.mean(axis=0, dtype=np.float64)
        centred = rows - self.mean.astype(np.float32)
        self._basis: np.ndarray | None = None  # (columns, axes)
        if len(rows) < every.shape[1] and len(rows) <= MOST_SPOTS:
            values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
            kept = values > 1e-7 * values.max()
            self._basis = centred.T @ (vectors[:, kept] / np.sqrt(values[kept]))
            centred = centred @ self._basis
        placed = np.full((len(every), centred.shape[1]), np.nan)
        placed[there] = centred
        self.sections = np.split(placed, np.cumsum([len(table) for table in tables])[:-1])

    def weights(self, coefficients: np.ndarray, intercept: float) -> tuple[np.ndarray, float]:
        """Weights of the columns, and intercept, of a model fitted on :attr:`sections`."""
        weights = coefficients if self._basis is None else self._basis @ coefficients
        return weights, float(intercept - self.mean @ weights)


def stacked(
    tables: Sequence[np.ndarray], sections: Sequence[SectionArrays]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labelled spots that have all inputs: their rows, whether they are cancer, and the number of their section."""
    kept = [labelled(s) & np.isfinite(table).all(axis=1) for table, s in zip(tables, sections, strict=True)]
    rows = np.vstack([table[some] for table, some in zip(tables, kept, strict=True)])
    cancer = np.concatenate([section.target[some] == 1 for section, some in zip(sections, kept, strict=True)])
    if len(np.unique(cancer)) < 2:
        raise MissingInputError(
            "The labelled training spots that have the inputs of this rival are not of both classes."
        )
    return rows, cancer, np.repeat(np.arange(len(sections)), [int(some.sum()) for some in kept])
