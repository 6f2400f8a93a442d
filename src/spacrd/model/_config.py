"""Settings of a fitted model."""

from __future__ import annotations

import reprlib
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from annotated_types import Interval, MaxLen

from .._schema import Fact, Name, Names, Positive, Text, parse
from ..features import ExpressionContract, ImageContract
from ..nn import NetworkConfig
from ._calibration import Calibration

FORMAT_VERSION = 1
"""Version of the model folder; raise it with every change, see ``tests/data/models/README.md``."""


@dataclass(frozen=True)
class ModelConfig:
    """Hold all settings of a fitted model: what it was fitted on, and what a section must have to be scored.

    Attributes
    ----------
    network
        Architecture of the networks.
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
    jackknife
        Groups of training sections that were held out in turn, for the uncertainty of likelihoods.
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
    >>> model = spacrd.tl.fit(sections, "pathologist", positive="invasive cancer", modality="expression", max_epochs=2)
    >>> model.config.label_key, model.config.n_neighbors
    ('pathologist', 6)
    """

    network: NetworkConfig
    expression: ExpressionContract | None
    image: ImageContract | None
    n_neighbors: Annotated[int, Interval(ge=1, le=1000)]
    max_distance_um: Positive | None
    label_key: Name
    positive: Names
    recipe: Text
    members: Annotated[int, Interval(ge=1, le=100)]
    seed: Annotated[int, Interval(ge=0, lt=2**63)]
    propagation: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    calibration: Calibration = field(default_factory=Calibration)
    jackknife: Annotated[int, Interval(ge=0, le=100)] = 0
    n_sections: Annotated[int, Interval(ge=1, le=100_000)] = 1
    training: Annotated[dict[Name, Fact], MaxLen(100)] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        network = (self.network.n_genes, self.network.n_image)
        contracts = (len(self.expression.genes) if self.expression else 0, self.image.dim if self.image else 0)
        if network != contracts:
            raise ValueError(
                f"It contradicts itself: network for {network[0]} genes and {network[1]} image features, contracts for "
                f"{contracts[0]} and {contracts[1]}."
            )
        if self.calibration.n_sections and len(self.calibration.scales) != self.network.n_votes:
            raise ValueError(
                f"It contradicts itself: {self.network.n_votes} votes of a network, and a calibration of "
                f"{len(self.calibration.scales)}."
            )
        if self.jackknife and not self.calibration.n_sections:
            raise ValueError("It contradicts itself: a jackknife without a calibration.")

    @property
    def modalities(self) -> tuple[str, ...]:
        """Return the modalities that the model reads, of ``"image"`` and ``"expression"``."""
        return tuple(name for name in ("image", "expression") if getattr(self, name) is not None)

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain dictionaries, lists and numbers, for JSON."""
        return asdict(self)

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
