"""How much of a section is cancer: evidence that compares sections, which scaling within a section cannot give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class PrevalenceClassifier(nn.Module):
    """Linear classifiers of a neighbourhood's composition, on a scale that all sections share.

    Votes rank the spots of a section and say nothing of how many are cancer. The mean probability that this classifier
    gives says it: where genes, or image, look on the whole like cancer or not.

    Parameters
    ----------
    n_genes, n_image
        Widths of the inputs; 0 where the model lacks a modality.
    """

    expression_mean: Tensor
    expression_weight: Tensor
    expression_bias: Tensor
    image_mean: Tensor
    image_weight: Tensor
    image_bias: Tensor

    def __init__(self, n_genes: int, n_image: int) -> None:
        super().__init__()
        for name, n in (("expression", n_genes), ("image", n_image)):
            self.register_buffer(f"{name}_mean", torch.zeros(n))
            self.register_buffer(f"{name}_weight", torch.zeros(n))
            self.register_buffer(f"{name}_bias", torch.zeros(()))

    def set(self, name: str, mean: np.ndarray, weight: np.ndarray, bias: float) -> None:
        """Set the classifier of ``"expression"`` or ``"image"``."""
        getattr(self, f"{name}_mean").copy_(torch.from_numpy(np.asarray(mean)))
        getattr(self, f"{name}_weight").copy_(torch.from_numpy(np.asarray(weight)))
        getattr(self, f"{name}_bias").fill_(float(bias))

    def expression_logits(self, values: csr_matrix, present: np.ndarray) -> np.ndarray:
        """Logits of rows of :class:`Composition`; genes that the section lacks count as average."""
        weight = np.where(present, self.expression_weight.double().numpy(), 0.0)
        return values @ weight - self.expression_mean.double().numpy() @ weight + self.expression_bias.item()

    def image_logits(self, values: np.ndarray) -> np.ndarray:
        """Logits of embeddings."""
        return (values - self.image_mean.double().numpy()) @ self.image_weight.double().numpy() + self.image_bias.item()
