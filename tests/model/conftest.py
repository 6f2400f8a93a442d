from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from spacrd.features._contract import ExpressionContract, ImageContract
from spacrd.features._section import SectionArrays
from spacrd.model import Calibration, ModelConfig, ModelParts, SpaCRD
from spacrd.nn import NetworkConfig

GENES = tuple(f"g{i}" for i in range(5))


@pytest.fixture(scope="session")
def model():
    torch.manual_seed(0)
    network = NetworkConfig(5, 4, hidden=(16, 8), width=8, heads=2, vae_hidden=(8, 8), latent=4, missing_token=True)
    config = ModelConfig(
        network=network,
        expression=ExpressionContract(GENES, GENES),
        image=ImageContract(key="X_mine", encoder="mine", patch_um=55.0, dim=4),
        n_neighbors=6,
        max_distance_um=None,
        label_key="pathologist",
        positive=("cancer",),
        recipe="default",
        members=2,
        seed=0,
        propagation=0.8,
        calibration=Calibration(slope=2.0, scales=(1.0,), n_sections=3),
        jackknife=3,
        n_sections=3,
        training={"n_spots": 3},
    )
    parts = ModelParts.empty(config)
    networks = [*parts.networks, *(replicate.network for replicate in parts.replicates)]
    learned = {tensor.data_ptr() for network in networks for tensor in network.parameters()}
    # No buffer or array is left at its start, which loading could hide.
    tensors = parts.tensors()
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.data_ptr() not in learned:
            tensors[name] = torch.rand(tensor.shape) + 0.1
    return SpaCRD(config, parts.load(tensors), [{"stage": "fusion", "epoch": 0, "total": 1.0}])


@pytest.fixture(scope="session")
def section():
    from scipy.sparse import csr_matrix

    rng = np.random.default_rng(0)
    return SectionArrays(
        "a",
        rng.uniform(0, 900, (30, 2)),
        1.0,
        csr_matrix(rng.poisson(2, (30, 5)).astype(np.float32)),
        np.array(GENES),
        rng.normal(size=(30, 4)).astype(np.float32),
        np.full(30, np.nan),
    )


@pytest.fixture(scope="session")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "m"
    model.save(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A saved model, to be changed."""
    return shutil.copytree(saved, tmp_path / "m")
