"""The whole network: encoders, bidirectional cross-attention, RVAE and classifier."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._attention import CrossAttention
from ._config import NetworkConfig
from ._mlp import ModalityEncoder
from ._rvae import RVAE

CHUNK = 512
"""Neighbourhoods that pass the attention at a time in eval mode."""


@dataclass(frozen=True)
class Tokens:
    """Hold a batch of neighbourhoods and the features of the distinct spots in it.

    Attributes
    ----------
    inputs
        ``"expression"`` and ``"image"``: features of the distinct spots, (u, width) float.
    valid
        For each modality, which distinct spots have it, (u,) bool.
    index
        Neighbourhoods as positions among the distinct spots, (b, t); the spot itself is token 0.
    mask
        Which tokens are real, (b, t) bool; None if all are.
    """

    inputs: dict[str, Tensor]
    valid: dict[str, Tensor]
    index: Tensor
    mask: Tensor | None = None


@dataclass(frozen=True)
class Output:
    """Hold the output of the network for a batch.

    Attributes
    ----------
    logit
        Logit of cancer, (b,): the mean of the votes that count.
    votes, counted
        Logits of the fused code and, with ``linear_votes``, of the mean input of each modality, (b, h); and which of
        them count, (b, h) bool: a modality that a neighbourhood lacks has no vote.
    mean, logvar
        Mean and log-variance of the latent code, (b, latent).
    fused
        Fused code, (b, width).
    """

    logit: Tensor
    votes: Tensor
    counted: Tensor
    mean: Tensor
    logvar: Tensor
    fused: Tensor


def mean_vote(votes: Tensor, counted: Tensor) -> Tensor:
    """Average the votes (b, h) that count; 0 where none does."""
    return (votes * counted).sum(-1) / counted.sum(-1).clamp_min(1)


class SpaCRDNetwork(nn.Module):
    """Fuse image and expression of a spot and its neighbours into a logit of cancer.

    Parameters
    ----------
    config
        Sizes and switches.

    References
    ----------
    Xue et al., SpaCRD, AAAI 2026; equations in the source are numbered as there.

    Examples
    --------
    >>> import spacrd.nn
    >>> network = spacrd.nn.SpaCRDNetwork(spacrd.nn.NetworkConfig(n_genes=20, n_image=8))
    >>> network.modalities
    ('image', 'expression')
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = c = config
        self.modalities = c.modalities
        widths = {name: {"image": c.n_image, "expression": c.n_genes}[name] for name in self.modalities}
        self._build_fusion(widths)
        if c.linear_votes:
            self.linear = nn.ModuleDict({name: nn.Linear(n, 1, bias=False) for name, n in widths.items()})
            self.linear_bias = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in widths})
            for layer in self.linear.values():
                nn.init.zeros_(layer.weight)

    def _build_fusion(self, widths: dict[str, int]) -> None:
        c = self.config
        self.encoders = nn.ModuleDict(
            {name: ModalityEncoder(n, c.hidden, c.width, c.dropout) for name, n in widths.items()}
        )
        if c.missing_token:
            self.missing = nn.ParameterDict({name: nn.Parameter(0.02 * torch.randn(c.width)) for name in widths})
        if c.attention:
            # Paper eqs. 10 and 11: image queries on expression, and expression queries on the image.
            self.image_guided = CrossAttention(c.width, c.heads, c.attention_dropout)
            self.expression_guided = CrossAttention(c.width, c.heads, c.attention_dropout)
        self.fuse = nn.Linear(2 * c.width, c.width)
        self.fuse_norm = nn.LayerNorm(c.width)
        if c.variational:
            self.rvae = RVAE(c.width, c.vae_hidden, c.latent, c.logvar_bound)
        head_in = 2 * c.latent if c.variational else c.width
        self.classifier = nn.Sequential(nn.Linear(head_in, c.head_hidden), nn.ReLU(), nn.Linear(c.head_hidden, 1))

    def encode(self, name: str, x: Tensor, valid: Tensor, gather: Tensor | None = None) -> Tensor:
        """Embed one modality of distinct spots, or of their copies if ``gather`` is given."""
        embedded = self.encoders[name](x, gather)
        if not self.config.missing_token:
            return embedded
        valid = valid if gather is None else valid[gather]
        return torch.where(valid[:, None], embedded, self.missing[name])

    def normalise(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        """Scale tokens (b, t, width) as ``token_norm`` says."""
        if self.config.token_norm == "feature":
            return F.normalize(tokens, dim=-1)
        squares = tokens.square() if mask is None else tokens.square() * mask[:, :, None]
        # Cheaper than dividing, and with a gradient where all tokens are zero.
        return tokens * squares.sum(1, keepdim=True).clamp_min(1e-24).rsqrt()

    def fuse_tokens(self, tokens: dict[str, Tensor], mask: Tensor | None) -> Tensor:
        """Fuse neighbourhoods (b, t, width) of each modality into a code (b, width) (paper eqs. 7-12)."""
        image, expression = tokens[self.modalities[0]], tokens[self.modalities[-1]]
        if self.config.attention:
            pair = (
                self.image_guided(image[:, 0], expression, mask),
                self.expression_guided(expression[:, 0], image, mask),
            )
        else:
            pair = image[:, 0], expression[:, 0]
        return self.fuse_norm(self.fuse(torch.cat(pair, dim=-1)))

    def seen(self, valid: dict[str, Tensor], index: Tensor, mask: Tensor | None) -> Tensor:
        """Tell which neighbourhoods (b, t) have a modality, (b,)."""
        readable = torch.stack([valid[name] for name in self.modalities]).any(0)[index]
        return (readable if mask is None else readable & mask).any(1)

    def linear_terms(self, name: str, x: Tensor, valid: Tensor) -> Tensor:
        """Compute the linear term of each distinct spot, and whether it counts, (u, 2)."""
        weight = valid.to(x.dtype)
        # Autocast would sum thousands of terms to three digits.
        with torch.autocast(x.device.type, enabled=False):
            return torch.stack([self.linear[name](x).squeeze(-1) * weight, weight], dim=-1)

    def linear_vote(self, name: str, terms: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Compute the vote of a modality from the terms (b, t, 2) of a neighbourhood, and whether it counts, (b,)."""
        if mask is not None:
            terms = terms * mask[:, :, None]
        total, count = terms.sum(1).unbind(-1)
        return total / count.clamp_min(1.0) + self.linear_bias[name], count > 0

    def head(self, fused: Tensor, seen: Tensor, linear: list[tuple[Tensor, Tensor]]) -> Output:
        """Compute latent codes and logits of fused codes (paper eqs. 13, 18), averaged with the linear votes.

        ``seen`` (b,) tells which neighbourhoods have a modality.
        """
        # Autocast would round logits to three digits, and spots would tie.
        with torch.autocast(fused.device.type, enabled=False):
            fused = fused.to(self.fuse.weight.dtype)
            if self.config.variational:
                mean, logvar = self.rvae.encode(fused)
                code = torch.cat([mean, logvar], dim=-1)
            else:
                mean, logvar, code = fused, torch.zeros_like(fused), fused
            deep = self.classifier(code).squeeze(-1)
        votes = torch.stack([deep, *(vote for vote, _ in linear)], dim=-1)
        counted = torch.stack([seen, *(counts for _, counts in linear)], dim=-1)
        return Output(mean_vote(votes, counted), votes, counted, mean, logvar, fused)

    def forward(self, batch: Tokens) -> Output:
        """Score a batch of neighbourhoods.

        In eval mode each distinct spot is encoded once; in training every copy has its own dropout.
        """
        flat = batch.index.flatten() if self.training else None
        embedded, terms = {}, {}
        for name in self.modalities:
            x, valid = batch.inputs[name], batch.valid[name]
            embedded[name] = self.encode(name, x, valid, flat)
            if self.config.linear_votes:
                terms[name] = self.linear_terms(name, x, valid)
        if self.training:
            tokens = {name: values.unflatten(0, batch.index.shape) for name, values in embedded.items()}
            return self._vote(tokens, terms, batch.valid, batch.index, batch.mask)
        outputs = []
        # In chunks whose tokens fit into the cache.
        for start in range(0, len(batch.index), CHUNK):
            index = batch.index[start : start + CHUNK]
            mask = None if batch.mask is None else batch.mask[start : start + CHUNK]
            tokens = {name: values[index] for name, values in embedded.items()}
            outputs.append(self._vote(tokens, terms, batch.valid, index, mask))
        return Output(*(torch.cat([getattr(output, f.name) for output in outputs]) for f in fields(Output)))

    def _vote(
        self,
        tokens: dict[str, Tensor],
        terms: dict[str, Tensor],
        valid: dict[str, Tensor],
        index: Tensor,
        mask: Tensor | None,
    ) -> Output:
        """Score neighbourhoods ``index`` (b, t) with ``tokens`` (b, t, width)."""
        linear = [self.linear_vote(name, values[index], mask) for name, values in terms.items()]
        tokens = {name: self.normalise(values, mask) for name, values in tokens.items()}
        return self.head(self.fuse_tokens(tokens, mask), self.seen(valid, index, mask), linear)
