"""Small models: fitted ones, and one of random weights."""

from __future__ import annotations

from typing import Any

import torch

import spacrd
from spacrd.features import ExpressionContract, ImageContract
from spacrd.model import Calibration, ModelConfig, ModelParts, Presence, SpaCRD
from spacrd.nn import NetworkConfig

from .arrays import GENES, N_IMAGE
from .recipes import small_recipe
from .sections import LABEL, POSITIVE, make_section


def fit(sections: Any, **arguments: Any) -> SpaCRD:
    """Fit on the labels of :func:`make_section`, with a small network."""
    arguments = {"positive": POSITIVE, "recipe": small_recipe(), **arguments}
    return spacrd.tl.fit(sections, LABEL, **arguments)


def fit_two(**arguments: Any) -> SpaCRD:
    """Fit on two small sections, ``make_section(1)`` and ``make_section(2)``."""
    return fit([make_section(1), make_section(2)], **arguments)


def random_model() -> SpaCRD:
    """Two networks of random weights, which take the section of ``random_arrays``."""
    torch.manual_seed(0)
    network = NetworkConfig(
        len(GENES), N_IMAGE, hidden=(16, 8), width=8, heads=2, vae_hidden=(8, 8), latent=4, missing_token=True
    )
    config = ModelConfig(
        network=network,
        expression=ExpressionContract(GENES, GENES),
        image=ImageContract(key="X_mine", encoder="mine", patch_um=55.0, dim=N_IMAGE),
        n_neighbors=6,
        max_distance_um=None,
        label_key="pathologist",
        positive=("cancer",),
        recipe="default",
        members=2,
        seed=0,
        propagation=0.8,
        calibration=Calibration(slope=2.0, scales=(1.0,), n_sections=3),
        presence=Presence(2.0, 1.0),
        n_sections=3,
        training={"n_spots": 3},
    )
    parts = ModelParts.empty(config)
    networks = parts.voters.networks
    learned = {tensor.data_ptr() for network in networks for tensor in network.parameters()}
    # No buffer or array is left at its start, which loading could hide.
    tensors = parts.tensors()
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.data_ptr() not in learned:
            tensors[name] = torch.rand(tensor.shape) + 0.1
    return SpaCRD(config, parts.load(tensors), [{"stage": "fusion", "epoch": 0, "total": 1.0}])
