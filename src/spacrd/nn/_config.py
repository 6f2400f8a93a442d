"""Sizes and switches of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Interval

# Bounds that a stored config is checked against.
Inputs = Annotated[int, Interval(ge=0, le=1_000_000)]
Width = Annotated[int, Interval(ge=1, le=65_536)]
Rate = Annotated[float, Interval(ge=0, le=1)]


@dataclass(frozen=True)
class NetworkConfig:
    """Set sizes and switches of the network. The defaults are those of the authors' program.

    Attributes
    ----------
    n_genes, n_image
        Widths of the inputs; 0 leaves the modality out, and the attention then reads the other one twice.
    hidden, width, dropout
        Hidden widths, output width and dropout of the two encoders.
    heads, attention_dropout
        Number of heads and dropout of the cross-attention.
    latent, vae_hidden, head_hidden
        Widths of the latent code, and of the hidden layers of the RVAE and the classifier.
    logvar_bound
        Bound on the absolute log-variance; None for unbounded.
    token_norm
        ``"neighbour"``: each feature is divided by its root sum of squares over the tokens (the authors' program);
        ``"feature"``: each token has unit length (paper eq. 3).
    missing_token
        Replace a missing modality of a spot by a learned vector; else its features are zero.
    linear_votes
        Average the logit with that of one linear classifier per modality, on its mean input over the neighbourhood.
    attention, variational
        False replaces the attention by a concatenation, or leaves the RVAE out (ablations of the paper).

    Examples
    --------
    >>> import spacrd.nn
    >>> spacrd.nn.NetworkConfig(n_genes=3000, n_image=1024).modalities
    ('image', 'expression')
    """

    n_genes: Inputs
    n_image: Inputs
    hidden: tuple[Width, Width] = (1024, 512)
    width: Width = 512
    dropout: Rate = 0.2
    heads: Width = 8
    attention_dropout: Rate = 0.1
    latent: Width = 64
    vae_hidden: tuple[Width, Width] = (256, 128)
    head_hidden: Width = 64
    logvar_bound: Annotated[float, Interval(gt=0, le=1000)] | None = None
    token_norm: Literal["neighbour", "feature"] = "neighbour"
    missing_token: bool = False
    linear_votes: bool = False
    attention: bool = True
    variational: bool = True

    def __post_init__(self) -> None:
        if self.n_genes < 0 or self.n_image < 0 or self.n_genes + self.n_image == 0:
            raise ValueError(f"n_genes={self.n_genes} and n_image={self.n_image}: at least one must be positive.")
        if self.width % self.heads:
            raise ValueError(f"width={self.width} is not divisible by heads={self.heads}.")
        if self.token_norm not in ("neighbour", "feature"):
            raise ValueError(f"token_norm={self.token_norm!r} is not known. Choose 'neighbour' or 'feature'.")

    @property
    def modalities(self) -> tuple[str, ...]:
        """Return the modalities that have inputs, of ``"image"`` and ``"expression"``."""
        return tuple(name for name, n in (("image", self.n_image), ("expression", self.n_genes)) if n)

    @property
    def n_votes(self) -> int:
        """Return the number of votes that are averaged to the logit."""
        return 1 + self.linear_votes * len(self.modalities)

    @property
    def latent_width(self) -> int:
        """Return the width of the latent code."""
        return self.latent if self.variational else self.width
