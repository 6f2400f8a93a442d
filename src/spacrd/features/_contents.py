"""Tell spots apart by what they hold, wherever they lie."""

from __future__ import annotations

import numpy as np

from ._blocks import blocks
from ._contract import ExpressionContract
from ._expression import match_genes
from ._section import SectionArrays


def project_contents(section: SectionArrays, expression: ExpressionContract | None, *, use_image: bool) -> np.ndarray:
    """Project composition and embedding of each spot, as far as a model reads them, to one number; (n,) float64.

    The directions are random and fixed. A small change of a spot seldom changes its place among others.
    """
    contents, random = np.zeros(len(section.xy)), np.random.default_rng(0)
    if expression is not None and section.counts is not None and section.genes is not None:
        columns = match_genes(expression.genes, section.genes)
        depth = match_genes(expression.depth_genes, section.genes)
        weights = np.zeros((len(section.genes), 2))
        weights[columns[columns >= 0], 0] = random.normal(size=len(columns))[columns >= 0]
        weights[depth[depth >= 0], 1] = 1.0
        for rows in blocks(len(contents)):
            projected, total = (section.counts[rows] @ weights).T
            contents[rows] += np.divide(projected, total, out=np.zeros(len(total)), where=total > 0)
    if use_image and section.image is not None:
        direction = random.normal(size=section.image.shape[1])
        for rows in blocks(len(contents)):
            contents[rows] += np.nan_to_num(section.image[rows] @ direction, posinf=0.0, neginf=0.0)
    return contents
