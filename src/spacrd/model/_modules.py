"""Everything of a model that has weights, as its config asks for it."""

from __future__ import annotations

from dataclasses import replace

from torch.nn import Module

from ..nn import NetworkConfig, SpaCRDNetwork
from ._config import ModelConfig
from ._prevalence import PrevalenceClassifier
from ._reference import Reference


def further_network(config: NetworkConfig) -> NetworkConfig:
    """Any network but the first, which makes the latent code: what has no vote is left out."""
    return replace(config, fused=False) if config.silent else config


def build_modules(config: ModelConfig) -> dict[str, Module]:
    """Modules without their weights.

    Returns
    -------
    ``"0"``, ``"1"``, ...: the networks; ``"reference"``: what the training sections looked like; ``"level"``, if the
    model is calibrated; ``"jackknife.0"`` and ``"jackknife.0.level"``, ...: the same fitted without one group of
    sections.
    """
    c = config.network
    further = further_network(c)
    modules: dict[str, Module] = {str(n): SpaCRDNetwork(further if n else c) for n in range(config.members)}
    modules["reference"] = Reference(config.n_sections, c.n_genes, c.n_image)
    if config.calibration.n_sections:
        modules["level"] = PrevalenceClassifier(c.n_genes, c.n_image)
    for number in range(config.jackknife):
        modules[f"jackknife.{number}"] = SpaCRDNetwork(further)
        modules[f"jackknife.{number}.level"] = PrevalenceClassifier(c.n_genes, c.n_image)
    return modules
