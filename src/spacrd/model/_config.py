"""The data contract of a model: what it was fitted on, and what a new section must bring."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .._checks import check_choice
from ..nn import NetworkConfig
from ._calibration import Calibration
from ._scaling import SCALINGS

FORMAT_VERSION = 2
MAX_MEMBERS = 100
MAX_SECTIONS = 100_000


@dataclass(frozen=True)
class ExpressionContract:
    """Genes and normalisation.

    Attributes
    ----------
    genes
        Genes the network reads, in order.
    depth_genes
        Genes whose counts make up a spot's depth: those all training sections share.
    target_sum
        Counts a spot is normalised to before log1p.
    scaling
        Scaling of each gene within its section.

    Examples
    --------
    After the :ref:`setup of the examples <examples>`:

    >>> len(model.config.expression.genes)
    60
    """

    genes: tuple[str, ...]
    depth_genes: tuple[str, ...]
    target_sum: float = 1e4
    scaling: str = "minmax"

    def __post_init__(self) -> None:
        check_choice(self.scaling, SCALINGS, "scaling")
        if len(set(self.genes)) != len(self.genes):
            raise ValueError("The model's genes are not unique.")


@dataclass(frozen=True)
class ImageContract:
    """Patch embedding.

    Attributes
    ----------
    key
        ``.obsm`` slot it was read from.
    encoder, revision, weights_sha256
        What made it; empty if unknown.
    dim
        Its width.
    patch_um
        Side of a patch in micrometres; None if unknown.
    scaling
        Scaling of each dimension within its section.

    Examples
    --------
    After the :ref:`setup of the examples <examples>`:

    >>> model.config.image.key, model.config.image.encoder
    ('X_handcrafted', 'handcrafted')
    """

    key: str
    dim: int
    encoder: str = ""
    revision: str = ""
    weights_sha256: str = ""
    patch_um: float | None = None
    scaling: str = "minmax"

    def __post_init__(self) -> None:
        check_choice(self.scaling, SCALINGS, "scaling")


@dataclass(frozen=True)
class ModelConfig:
    """Everything but the weights.

    Attributes
    ----------
    network
        Architecture.
    expression, image
        Contracts of the modalities; None if the model does not use one.
    n_neighbors, max_distance_um
        Neighbourhood; ``max_distance_um`` in micrometres, or None.
    label_key, positive
        What was learned.
    recipe, members, seed
        How it was trained.
    propagation
        Share of a spot's score that comes from its neighbours' scores; 0 for none.
    calibration
        From votes to likelihoods.
    jackknife
        Held-out groups of training sections, each with a model of the others that tells how sure a likelihood is.
    n_sections
        Training sections that a new one is compared with.
    training
        Facts for the model card: sections, spots, versions.
    format_version
        Of the folder on disk.

    Examples
    --------
    After the :ref:`setup of the examples <examples>`:

    >>> model.config.label_key, model.config.n_neighbors
    ('pathologist', 6)
    """

    network: NetworkConfig
    expression: ExpressionContract | None
    image: ImageContract | None
    n_neighbors: int
    max_distance_um: float | None
    label_key: str
    positive: tuple[str, ...]
    recipe: str
    members: int
    seed: int
    propagation: float = 0.0
    calibration: Calibration = field(default_factory=Calibration)
    jackknife: int = 0
    n_sections: int = 0
    training: dict[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if not 1 <= self.members <= MAX_MEMBERS:
            raise ValueError(f"A model has 1 to {MAX_MEMBERS} members, got {self.members}.")
        if self.jackknife > MAX_MEMBERS or self.n_sections > MAX_SECTIONS:
            raise ValueError(
                f"jackknife={self.jackknife} and n_sections={self.n_sections} must be at most {MAX_MEMBERS} and "
                f"{MAX_SECTIONS}."
            )
        if not 0 <= self.propagation < 1:
            raise ValueError(f"propagation is a share from 0 to below 1, got {self.propagation}.")

    @property
    def modalities(self) -> tuple[str, ...]:
        """``("image", "expression")`` or one of them."""
        return tuple(name for name in ("image", "expression") if getattr(self, name) is not None)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Inverse of :meth:`to_dict`; unknown, missing and wrongly typed entries are refused."""
        found = values.get("format_version") if isinstance(values, dict) else None
        if not isinstance(found, int) or isinstance(found, bool):
            raise ValueError("The model's config.json names no format_version: it is not a spacrd model.")
        if found > FORMAT_VERSION:
            raise ValueError(
                f"The model has format version {found}, this spacrd reads up to {FORMAT_VERSION}. "
                "Update spacrd: `pip install -U spacrd`."
            )
        if found < FORMAT_VERSION:
            raise ValueError(
                f"The model has format version {found}, from before the first release; this spacrd reads "
                f"{FORMAT_VERSION}. Fit it again."
            )
        parsed = dict(values)
        parts = {
            "network": NetworkConfig,
            "expression": ExpressionContract,
            "image": ImageContract,
            "calibration": Calibration,
        }
        for name, kind in parts.items():
            if parsed.get(name) is not None:
                parsed[name] = _build(kind, parsed[name], name)
        config = _build(cls, parsed, "config")
        if not isinstance(config.network, NetworkConfig) or not isinstance(config.calibration, Calibration):
            raise ValueError("The model's config.json lacks its network or its calibration.")
        n_genes = len(config.expression.genes) if config.expression else 0
        n_image = config.image.dim if config.image else 0
        if (config.network.n_genes, config.network.n_image) != (n_genes, n_image):
            raise ValueError(
                f"The model's config.json contradicts itself: network for {config.network.n_genes} genes and "
                f"{config.network.n_image} image features, contracts for {n_genes} and {n_image}."
            )
        return config


_CHECKS: dict[str, Any] = {
    "int": lambda v: isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= 1_000_000,
    "float": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "str": lambda v: isinstance(v, str),
    "bool": lambda v: isinstance(v, bool),
    "tuple[str, ...]": lambda v: all(isinstance(item, str) for item in v),
    "tuple[int, int]": lambda v: len(v) == 2 and all(_CHECKS["int"](item) and item > 0 for item in v),
    "tuple[float, ...]": lambda v: all(_CHECKS["float"](item) for item in v),
    "tuple[str, ...] | None": lambda v: v is None or _CHECKS["tuple[str, ...]"](v),
    "dict[str, Any]": lambda v: isinstance(v, dict),
    "float | None": lambda v: v is None or _CHECKS["float"](v),
}


def _build(kind: type, values: Any, where: str) -> Any:
    """Dataclass from a dictionary of JSON, each field checked against its annotation."""
    if not isinstance(values, dict):
        raise ValueError(f"The model's {where} must be a table of settings, got {type(values).__name__}.")
    known = {f.name: f for f in fields(kind)}
    unknown = sorted(set(values) - set(known))
    missing = sorted(set(known) - set(values))
    if unknown or missing:
        raise ValueError(f"The model's {where} does not fit: unknown entries {unknown}, missing entries {missing}.")
    parsed = {}
    for name, value in values.items():
        annotation = str(known[name].type)
        if annotation.startswith("tuple") and not (value is None and annotation.endswith("None")):
            if not isinstance(value, list | tuple):
                raise ValueError(f"The model's {where}.{name} must be a list, got {value!r}.")
            value = tuple(value)
        check = _CHECKS.get(annotation)
        if check is not None and not check(value):
            raise ValueError(f"The model's {where}.{name} must be {annotation}, got {value!r}.")
        parsed[name] = value
    return kind(**parsed)
