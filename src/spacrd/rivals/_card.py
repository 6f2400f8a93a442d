"""What is known of a rival before it is run."""

from __future__ import annotations

from dataclasses import dataclass

from .._checks import check_choice

KINDS = ("supervised", "one-class", "knowledge", "control")
MODALITIES = ("expression", "image", "both", "any")
LABELS = ("all", "normal", "none")
LITTLE_DEPTH = "Little: counts are normalised to their sum, but log1p of sparse genes tells shallow spots from deep."
"""Depth trap of what reads log-normalised counts."""


@dataclass(frozen=True)
class RivalCard:
    """Where a rival comes from, what it sees, and how it differs from the original.

    Attributes
    ----------
    name
        The method in words, as a table prints it.
    paper, repository
        Where it is described, and where the original program is; empty if there is none.
    licence
        Licence of the original program; empty if there is none.
    kind
        ``"supervised"`` learns from both classes, ``"one-class"`` from normal spots, ``"knowledge"`` from no labels
        but a list of genes or the section itself; a ``"control"`` shows what is reached without any method.
    modality
        ``"expression"``, ``"image"``, ``"both"`` (needs both) or ``"any"`` (reads those that are there).
    labels
        Which labels of the training sections it sees: ``"all"``, ``"normal"`` (labels select normal spots, nothing
        else) or ``"none"``.
    transductive
        Whether something is fitted on the inputs of the scored section, so that the score of a spot depends on the
        spots beside it.
    seeded
        Whether the scores depend on the seed.
    adapted
        What differs from the original.
    lost
        What is lost without which weights.
    depth_trap
        What it makes of spots with an equal profile and twice the counts.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.rivals.card("depth").kind
    'control'
    """

    name: str
    kind: str = "supervised"
    modality: str = "any"
    labels: str = "all"
    paper: str = ""
    repository: str = ""
    licence: str = ""
    transductive: bool = False
    seeded: bool = False
    adapted: str = ""
    lost: str = ""
    depth_trap: str = ""

    def __post_init__(self) -> None:
        check_choice(self.kind, KINDS, "kind")
        check_choice(self.modality, MODALITIES, "modality")
        check_choice(self.labels, LABELS, "labels")
