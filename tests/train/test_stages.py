from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.sparse import csr_matrix

from spacrd._hardware import Hardware
from spacrd.features import Features, NetworkInputs
from spacrd.model import RECIPES
from spacrd.nn import NetworkConfig, SpaCRDNetwork, Tokens
from spacrd.train import train_network
from spacrd.train._stages import FusionStage

N, GENES, DIM = 60, 12, 5
SMALL = {"hidden": (16, 8), "width": 8, "heads": 2, "vae_hidden": (8, 8), "latent": 4, "head_hidden": 4}


def arrays() -> NetworkInputs:
    rng = np.random.default_rng(0)
    target = (np.arange(N) % 2).astype(np.float32)
    there = np.ones(N, bool)
    gene, image = rng.random((N, GENES)) + target[:, None], rng.random((N, DIM))

    def part(values: np.ndarray) -> Features:
        return Features(csr_matrix(values.astype(np.float32)), np.zeros((1, values.shape[1]), np.float32), rows, there)

    rows = np.zeros(N, int)
    near = np.column_stack([np.arange(N), (np.arange(N) + 2) % N])
    return NetworkInputs(
        {"expression": part(gene), "image": part(image)}, near, np.ones_like(near, bool), target, np.arange(N)
    )


def test_without_an_autoencoder_its_epochs_train_the_classifier():
    plan = replace(RECIPES["published"], alignment_epochs=0, vae_epochs=2, fusion_epochs=0, lr=1e-2, batch_size=20)
    losses = {}
    for without, switches in {"": {}, "it": {"variational": False}, "fusion": {"fused": False}}.items():
        config = NetworkConfig(n_genes=GENES, n_image=DIM, linear_votes=True, **SMALL, **switches)
        _, history = train_network(config, arrays(), plan, seed=0, hardware=Hardware("cpu"))
        losses[without] = ["classification" in epoch for epoch in history]
    assert losses == {"": [False, False], "it": [True, True], "fusion": [True, True]}


def test_a_hidden_modality_is_hidden_for_the_whole_batch_and_only_then():
    network = SpaCRDNetwork(NetworkConfig(n_genes=GENES, n_image=DIM, missing_token=True, **SMALL))
    tokens = Tokens(
        {"expression": torch.ones(4, GENES), "image": torch.ones(4, DIM)},
        {"expression": torch.ones(4, dtype=torch.bool), "image": torch.ones(4, dtype=torch.bool)},
        torch.arange(4)[:, None],
    )
    for probability, wanted in ((0.0, {2}), (1.0, {1})):
        stage = FusionStage(network, replace(RECIPES["published"], modality_dropout=probability), 1)
        left = [stage.augment(tokens).valid for _ in range(10)]
        assert {sum(bool(there.all()) for there in valid.values()) for valid in left} == wanted
        assert all(there.all() or not there.any() for valid in left for there in valid.values())
    assert tokens.valid["expression"].all() and tokens.valid["image"].all()


def test_batches_of_one_spot_train_too():
    plan = replace(RECIPES["published"], alignment_epochs=1, vae_epochs=0, fusion_epochs=1, batch_size=1)
    config = NetworkConfig(n_genes=GENES, n_image=DIM, **SMALL)
    _, history = train_network(config, arrays(), plan, seed=0, hardware=Hardware("cpu"))
    assert [epoch["stage"] for epoch in history] == ["alignment", "fusion"]
    assert history[0]["contrastive"] > 0  # one spot alone would have nothing to be told from
