"""Discriminants, networks and arrays of a model, and their names as tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..nn import SpaCRDNetwork
from ._config import ModelConfig
from ._discriminant import RANK, Discriminant
from ._prevalence import PrevalenceClassifier
from ._reference import Reference
from ._voters import Voters

T = TypeVar("T")


@dataclass(frozen=True)
class ModelParts:
    """Hold discriminants, networks and arrays of a model.

    Attributes
    ----------
    voters
        Networks and discriminants.
    reference
        Means of the training sections, to compare a section with.
    prevalence
        Classifier that estimates the share of cancer; None if the model is not calibrated.
    """

    voters: Voters
    reference: Reference
    prevalence: PrevalenceClassifier | None = None

    @classmethod
    def empty(cls, config: ModelConfig) -> ModelParts:
        """Make the parts that a config asks for, with freshly initialised weights and arrays without storage."""
        widths = config.widths
        prevalence = PrevalenceClassifier.zero(widths["expression"], widths["image"])
        statistics = {**widths, "expression": config.n_candidates}
        discriminants = tuple(
            Discriminant.empty(statistics[name], min(RANK, widths[name])) for name in config.discriminants
        )
        networks = [SpaCRDNetwork(config.network) for _ in range(config.members)] if config.network else []
        return cls(
            voters=Voters(tuple(networks), discriminants),
            reference=Reference.empty(config.n_sections, widths["expression"], widths["image"], config.n_known_genes),
            prevalence=prevalence if config.calibration.n_sections else None,
        )

    def tensors(self) -> dict[str, Tensor]:
        """Collect all weights and arrays by name, on the CPU and without gradients."""
        return {
            name: torch.from_numpy(leaf.copy()) if isinstance(leaf, np.ndarray) else leaf.detach().cpu().contiguous()
            for name, leaf in _leaves(self, "")
        }

    def shapes(self) -> dict[str, Tensor]:
        """Describe what :meth:`tensors` returns by tensors without storage."""
        return {
            name: torch.empty(
                tuple(leaf.shape),
                dtype=torch.float32 if isinstance(leaf, np.ndarray) else leaf.dtype,
                device="meta",
            )
            for name, leaf in _leaves(self, "")
        }

    def load(self, tensors: Mapping[str, Tensor]) -> ModelParts:
        """Fill in the weights and arrays that :meth:`tensors` names."""
        return _filled(self, "", tensors)


def _children(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, tuple):
        return ((str(number), item) for number, item in enumerate(node))
    return ((item.name, getattr(node, item.name)) for item in fields(node))


def _leaves(node: Any, name: str) -> Iterator[tuple[str, Tensor | np.ndarray]]:
    """Yield the tensors of modules, and arrays, with their path."""
    if isinstance(node, torch.nn.Module):
        yield from ((f"{name}.{inner}", tensor) for inner, tensor in node.state_dict().items())
    elif isinstance(node, np.ndarray):
        yield name, node
    elif node is not None:
        for inner, item in _children(node):
            yield from _leaves(item, f"{name}.{inner}" if name else inner)


def _filled(node: T, name: str, tensors: Mapping[str, Tensor]) -> T:
    if isinstance(node, torch.nn.Module):
        state = {inner: tensors[f"{name}.{inner}"] for inner in node.state_dict()}
        node.load_state_dict(state, strict=True, assign=True)
        return node.eval()
    if isinstance(node, np.ndarray):
        return tensors[name].numpy()
    if node is not None:
        items = {inner: _filled(item, f"{name}.{inner}" if name else inner, tensors) for inner, item in _children(node)}
        return tuple(items.values()) if isinstance(node, tuple) else replace(node, **items)  # type: ignore[return-value,type-var]
    return node
