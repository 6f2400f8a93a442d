"""Two processes that train one network come to what one process comes to."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit

import spacrd
from spacrd._hardware import Hardware
from spacrd.nn import NetworkConfig, SpaCRDNetwork
from tests.making.training import SIZES, votes

from .two_processes import PLANS, run

ROOT = Path(__file__).parents[2]
LIMIT = 120
"""Seconds after which processes that wait for each other are ended."""


def free_port() -> int:
    with socket.socket() as any_one:
        any_one.bind(("127.0.0.1", 0))
        return int(any_one.getsockname()[1])


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What one process found, and each of two that a launcher started."""
    import pytest_socket

    folder = tmp_path_factory.mktemp("two")
    pytest_socket.enable_socket()  # for a free port
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "NODE_RANK": "0"}
    path = os.pathsep.join([str(Path(spacrd.__file__).parents[1]), str(ROOT)])
    processes = [
        subprocess.Popen(
            [sys.executable, Path(__file__).with_name("two_processes.py"), folder],
            env={**os.environ, **shared, "LOCAL_RANK": str(rank), "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
        )
        for rank in (0, 1)
    ]
    try:
        one = run(Hardware())
        for process in processes:
            _, told = process.communicate(timeout=LIMIT)
            assert process.returncode == 0, told.decode()[-2000:]
    finally:
        for process in processes:
            process.kill()
    return one, [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


def network(name: str, state: dict[str, torch.Tensor]) -> SpaCRDNetwork:
    made = SpaCRDNetwork(NetworkConfig(20, 6, **{**SIZES, **PLANS[name]["network"]})).eval()
    made.load_state_dict(state)
    return made


@pytest.mark.parametrize("name", PLANS)
def test_both_processes_end_with_the_same_network(results, name):
    _, (first, second) = results
    for key, value in first[name]["state"].items():
        torch.testing.assert_close(second[name]["state"][key], value, rtol=0, atol=0, msg=key)
    assert first[name]["history"] == second[name]["history"]


@pytest.mark.parametrize("name", PLANS)
def test_every_spot_is_seen_once_in_as_many_steps(results, name):
    one, two = results
    assert sum(part[name]["spots"] for part in two) == one[name]["spots"]
    assert {part[name]["steps"] for part in two} == {one[name]["steps"]}


def test_votes_are_nearly_those_of_one_process(results):
    """BatchNorm takes the statistics of each process's part of a batch, and the autoencoder draws other samples."""
    one, (first, _) = results
    wanted, found = (votes(network("whole", part["whole"]["state"]))[:, 0] for part in (one, first))
    assert np.corrcoef(wanted, found)[0, 1] > 0.98
    assert np.abs(expit(found) - expit(wanted)).mean() < 0.05
    for name in ("contrastive", "classification"):
        losses = [[epoch[name] for epoch in part["whole"]["history"] if name in epoch] for part in (one, first)]
        np.testing.assert_allclose(*losses, rtol=0.05, atol=0.1, err_msg=name)
