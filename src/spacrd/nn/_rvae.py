"""Class-regularised variational autoencoder of the fused code (paper eqs. 13-17)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RVAE(nn.Module):
    """Encode the fused code to a Gaussian and decode it, with one learned prior mean per class.

    Parameters
    ----------
    width
        Width of the fused code.
    hidden
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent
        Width of the latent code.
    logvar_bound
        Bound on the absolute log-variance, or None for the authors' unbounded one.
    """

    def __init__(self, width: int, hidden: tuple[int, int], latent: int, logvar_bound: float | None) -> None:
        super().__init__()
        self.logvar_bound = logvar_bound
        self.encoder = nn.Sequential(nn.Linear(width, hidden[0]), nn.ReLU(), nn.Linear(hidden[0], hidden[1]), nn.ReLU())
        self.mean = nn.Linear(hidden[1], latent)
        self.logvar = nn.Linear(hidden[1], latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden[1]),
            nn.ReLU(),
            nn.Linear(hidden[1], hidden[0]),
            nn.ReLU(),
            nn.Linear(hidden[0], width),
        )
        self.class_means = nn.Parameter(0.01 * torch.randn(2, latent))

    def encode(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, each (b, latent)."""
        hidden = self.encoder(fused)
        logvar = self.logvar(hidden)
        if self.logvar_bound is not None:
            logvar = self.logvar_bound * torch.tanh(logvar / self.logvar_bound)
        return self.mean(hidden), logvar

    def decode(self, mean: Tensor, logvar: Tensor) -> Tensor:
        """Reconstruct the fused code from one sample of the posterior."""
        return self.decoder(mean + torch.exp(0.5 * logvar) * torch.randn_like(mean))
