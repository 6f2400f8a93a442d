"""A section as arrays, before anything is computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from .._schema import Positive, Text

SAME_PATCH = 0.1
"""Relative difference up to which patch sizes are the same: stored diameters of Visium vary by some percent."""


@dataclass(frozen=True)
class EmbeddingRecord:
    """Describe how a patch embedding was made; empty or None where that is unknown.

    Attributes
    ----------
    key
        Key in ``.obsm`` that it was read from.
    encoder, revision, weights_sha256
        Encoder, commit and checksum of its weights.
    patch_um
        Side of a patch in micrometres.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.features.EmbeddingRecord("X_uni", encoder="uni", patch_um=100.0).encoder
    'uni'
    """

    key: Text = ""
    encoder: Text = ""
    revision: Text = ""
    weights_sha256: Text = ""
    patch_um: Positive | None = None

    def differences(self, other: EmbeddingRecord) -> list[str]:
        """List the fields, apart from the key, in which two embeddings contradict each other."""
        names = [item.name for item in fields(EmbeddingRecord) if item.name != "key"]
        return contradictions(*({name: getattr(record, name) for name in names} for record in (self, other)))


def contradictions(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """List the fields in which two descriptions of embeddings contradict each other.

    An unknown value agrees with every other. Patch sizes may differ by 10 %. The revision does not count where the
    checksums of the weights are the same: repositories get commits that leave the weights alone.
    """
    differ = [name for name in one if not _same(one[name], other.get(name))]
    if one.get("weights_sha256") and one["weights_sha256"] == other.get("weights_sha256"):
        differ = [name for name in differ if name != "revision"]
    return differ


def _same(one: str | float | None, other: str | float | None) -> bool:
    if not one or not other:
        return True
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return bool(abs(one - other) <= SAME_PATCH * max(abs(one), abs(other)))


@dataclass(frozen=True)
class SectionArrays:
    """Hold one section as arrays.

    Attributes
    ----------
    name
        Name of the section, for messages.
    xy
        Spot centres, (n, 2) float64.
    um_per_unit
        Micrometres per unit of ``xy``; NaN if unknown.
    counts, genes
        Raw counts (n, g), in memory or on disk, and the names of the genes; None without expression.
    image
        Patch embedding (n, dim), in memory or on disk, with NaN rows off the image; None without an image.
    target
        1 cancer, 0 not, NaN unlabelled.
    embedding
        How ``image`` was made, as far as it is known.
    platform
        What measured the section, such as ``"Visium"``; empty if unknown.

    Examples
    --------
    A section without an image:

    >>> import numpy as np
    >>> import spacrd
    >>> section = spacrd.features.SectionArrays(
    ...     name="mine",
    ...     xy=np.array([[0.0, 0.0], [100.0, 0.0]]),
    ...     um_per_unit=1.0,
    ...     counts=np.array([[3, 0], [1, 5]]),
    ...     genes=np.array(["ERBB2", "COL1A1"]),
    ...     image=None,
    ...     target=np.array([1.0, np.nan]),
    ... )
    """

    name: str
    xy: np.ndarray
    um_per_unit: float
    counts: Any  # a Matrix, or None
    genes: np.ndarray | None
    image: Any  # a Matrix, or None
    target: np.ndarray
    embedding: EmbeddingRecord = field(default_factory=EmbeddingRecord)
    platform: str = ""

    def __post_init__(self) -> None:
        for name in ("xy", "counts", "image", "target"):
            if np.ma.is_masked(getattr(self, name)):
                raise ValueError(f"Section {self.name!r}: {name} has masked values. Fill them, for example with NaN.")
