from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix

from spacrd._hardware import Hardware
from spacrd.features import Features, NetworkInputs
from spacrd.model import RECIPES
from spacrd.nn import NetworkConfig
from spacrd.train._run import train_network

N, GENES, DIM = 60, 12, 5
SMALL = {"hidden": (16, 8), "width": 8, "heads": 2, "vae_hidden": (8, 8), "latent": 4, "head_hidden": 4}


def arrays() -> NetworkInputs:
    rng = np.random.default_rng(0)
    target = (np.arange(N) % 2).astype(np.float32)
    there = np.ones(N, bool)
    gene, image = rng.random((N, GENES)) + target[:, None], rng.random((N, DIM))

    def part(values: np.ndarray) -> Features:
        return Features(
            csr_matrix(values.astype(np.float32)),
            np.zeros((1, values.shape[1]), np.float32),
            rows,
            there,
            np.ones(values.shape[1], bool),
        )

    rows = np.zeros(N, int)
    near = np.column_stack([np.arange(N), (np.arange(N) + 2) % N])
    return NetworkInputs(
        {"expression": part(gene), "image": part(image)},
        near,
        np.ones_like(near, bool),
        target,
        np.arange(N),
        csr_matrix((N, N)),
    )


def test_without_an_autoencoder_its_epochs_train_the_classifier():
    plan = replace(RECIPES["published"], alignment_epochs=0, vae_epochs=2, fusion_epochs=0, lr=1e-2, batch_size=20)
    losses = {}
    for without, switches in {"": {}, "it": {"variational": False}}.items():
        config = NetworkConfig(n_genes=GENES, n_image=DIM, linear_votes=True, **SMALL, **switches)
        _, history = train_network(config, arrays(), plan, seed=0, hardware=Hardware("cpu"))
        losses[without] = ["classification" in epoch for epoch in history]
    assert losses == {"": [False, False], "it": [True, True]}


def test_batches_of_one_spot_train_too():
    plan = replace(RECIPES["published"], alignment_epochs=1, vae_epochs=0, fusion_epochs=1, batch_size=1)
    config = NetworkConfig(n_genes=GENES, n_image=DIM, **SMALL)
    _, history = train_network(config, arrays(), plan, seed=0, hardware=Hardware("cpu"))
    assert [epoch["stage"] for epoch in history] == ["alignment", "fusion"]
    assert history[0]["contrastive"] > 0  # one spot alone would have nothing to be told from
