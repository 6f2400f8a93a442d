"""Settings of a fitted model."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Interval, MaxLen

from .._schema import Fact, Name, Names, Positive, Text, as_plain, parse
from ..features import ExpressionContract, ImageContract
from ..nn import NetworkConfig
from ._calibration import Calibration
from ._discriminant import RANK
from ._presence import Presence

FORMAT_VERSION = 1
"""Version of the model folder; raise it with every change, see ``tests/data/models/README.md``."""


@dataclass(frozen=True)
class ModelConfig:
    """Hold all settings of a fitted model: what it was fitted on, and what a section must have to be scored.

    Attributes
    ----------
    network
        Architecture of the networks; None if every modality has a discriminant.
    discriminants
        Modalities that vote by a linear discriminant; the networks read the others.
    expression, image
        Contracts of the modalities; None if the model does not use one.
    n_neighbors, max_distance_um
        Neighbours beside the spot itself, and the distance of the farthest in micrometres, None for no limit.
    label_key, positive
        Column of labels, and the classes that are cancer.
    recipe, members, seed
        Name of the recipe, number of networks, and seed.
    propagation
        Share of a spot's score that comes from its neighbours' scores; 0 for none.
    calibration
        Turns votes into likelihoods.
    training_share
        Mean share of cancer among the labelled spots of the training sections.
    presence
        Bounds for the verdict; None if there are too few sections to hold out.
    n_sections
        Training sections that a section is compared with.
    training
        Facts for the model card: sections, spots, versions.
    format_version
        Version of the model folder.

    Examples
    --------
    >>> import spacrd
    >>> sections = [spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(2)]
    >>> model = spacrd.tl.fit(sections, "pathologist", positive="invasive cancer", modality="expression")
    >>> model.config.label_key, model.config.n_neighbors
    ('pathologist', 6)
    """

    network: NetworkConfig | None
    expression: ExpressionContract | None
    image: ImageContract | None
    n_neighbors: Annotated[int, Interval(ge=1, le=1000)]
    max_distance_um: Positive | None
    label_key: Name
    positive: Names
    recipe: Text
    members: Annotated[int, Interval(ge=0, le=100)]
    seed: Annotated[int, Interval(ge=0, lt=2**63)]
    discriminants: Annotated[tuple[Literal["image", "expression"], ...], MaxLen(2)] = ()
    propagation: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    calibration: Calibration = field(default_factory=Calibration)
    training_share: Annotated[float, Interval(ge=0, le=1)] = 0.5
    presence: Presence | None = None
    n_sections: Annotated[int, Interval(ge=1, le=100_000)] = 1
    training: Annotated[dict[Name, Fact], MaxLen(100)] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        read = {name: 0 if name in self.discriminants else width for name, width in self.widths.items()}
        network = {"expression": 0, "image": 0}
        if self.network is not None:
            network = {"expression": self.network.n_genes, "image": self.network.n_image}
        if network != read:
            raise ValueError(
                f"It contradicts itself: network for {network['expression']} genes and {network['image']} image "
                f"features, contracts for {read['expression']} and {read['image']}."
            )
        absent = [name for name in self.discriminants if not self.widths[name]]
        if absent or len(set(self.discriminants)) < len(self.discriminants):
            raise ValueError(f"It contradicts itself: discriminants of {self.discriminants}, without such features.")
        if (self.network is None) != (self.members == 0):
            settings = "none" if self.network is None else "those of a network"
            raise ValueError(f"It contradicts itself: {self.members} networks, and as their settings {settings}.")
        if self.calibration.n_sections and len(self.calibration.scales) != self.n_votes:
            raise ValueError(
                f"It contradicts itself: {self.n_votes} votes, and a calibration of {len(self.calibration.scales)}."
            )
        if self.presence is not None and not self.calibration.n_sections:
            raise ValueError("It contradicts itself: bounds for a verdict without a calibration.")

    @property
    def modalities(self) -> tuple[str, ...]:
        """Return the modalities that the model reads, of ``"image"`` and ``"expression"``."""
        return tuple(name for name in ("image", "expression") if getattr(self, name) is not None)

    @property
    def widths(self) -> dict[str, int]:
        """Return the number of features of each modality, 0 for one that the model does not read."""
        return {
            "expression": len(self.expression.genes) if self.expression else 0,
            "image": self.image.dim if self.image else 0,
        }

    @property
    def n_candidates(self) -> int:
        """Return the number of genes of which a discriminant has statistics."""
        return len(self.expression.candidates) if self.expression else 0

    @property
    def n_known_genes(self) -> int:
        """Return the number of genes that a section is compared with."""
        return len(self.expression.known_genes) if self.expression else 0

    @property
    def n_votes(self) -> int:
        """Return the number of votes on a spot."""
        return (self.network.n_votes if self.network else 0) + len(self.discriminants)

    @property
    def latent_width(self) -> int:
        """Return the width of the latent code."""
        network = self.network.latent_width if self.network else 0
        return network + sum(min(RANK, self.widths[name]) for name in self.discriminants)

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain dictionaries, lists and numbers, for JSON."""
        return dict(as_plain(self))

    @classmethod
    def from_dict(cls, values: Any) -> ModelConfig:
        """Check and convert what :meth:`to_dict` returned.

        Raises
        ------
        ValueError
            If an entry is unknown, missing, of the wrong type or out of bounds, if entries contradict each other, or if
            the format is not that of this spacrd.
        """
        _check_version(values)
        return parse(cls, values, "The model's config.json")


def _check_version(values: Any) -> None:
    """Refuse other formats before their fields are checked."""
    from importlib.metadata import version

    number = values.get("format_version") if isinstance(values, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise ValueError("The model's config.json names no format_version: it is not a spacrd model.")
    if number > FORMAT_VERSION:
        facts = values.get("training")
        writer = facts.get("spacrd_version") if isinstance(facts, dict) else None
        by = f", written by spacrd {writer[:20]}" if isinstance(writer, str) else ""
        raise ValueError(
            f"The model has format version {reprlib.repr(number)}{by}; this spacrd {version('spacrd')} reads up to "
            f"{FORMAT_VERSION}. Update spacrd: `pip install -U spacrd`."
        )
    if number < 1:
        raise ValueError(f"The model's config.json has format version {reprlib.repr(number)}: formats count from 1.")
