"""Training of the rivals' networks, and their graphs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spacrd.rivals._graph import GraphConvolution, nearest_neighbours, normalised_adjacency, proximity
from spacrd.rivals._train import EVALUATION_ROWS, Training, evaluate, seeded, shuffled_batches, tensor


def test_a_seed_decides_and_leaves_no_trace() -> None:
    before = torch.random.get_rng_state()
    with seeded(3):
        first = torch.rand(4)
    with seeded(3):
        again = torch.rand(4)
    with seeded(4):
        other = torch.rand(4)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(("n", "sizes"), [(9, [4, 5]), (8, [4, 4]), (10, [4, 4, 2]), (1, [1])])
def test_every_row_is_in_one_batch_and_none_is_alone(n: int, sizes: list[int]) -> None:
    batches = shuffled_batches(n, 4)
    assert [len(batch) for batch in batches] == sizes
    assert sorted(torch.cat(batches).tolist()) == list(range(n))


@pytest.mark.parametrize("keep_best", [False, True])
def test_the_epoch_of_least_loss_is_kept_on_request(keep_best: bool) -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    # Steps of 1 walk from 0 over the least loss at 2 to 4.
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)

    def loss(rows: torch.Tensor) -> torch.Tensor:
        weight = network.weight.squeeze()
        return -weight + (weight - 2).detach().abs() + weight.detach()

    history = Training(5, 8, keep_best=keep_best).minimise(network, loss, 3, [optimizer])
    assert history == [2, 1, 0, 1, 2]
    # The weights are those after the step of that epoch.
    assert network.weight.item() == (3 if keep_best else 5)
    assert not network.training


def test_a_long_table_is_evaluated_in_its_order() -> None:
    rows = np.arange(2 * EVALUATION_ROWS + 3, dtype=np.float64)[:, None]
    assert np.array_equal(evaluate(lambda x, y: (x - 2 * y)[:, 0], rows, rows), -rows[:, 0])


def test_neighbours_are_the_nearest_with_the_spot_itself() -> None:
    edges = nearest_neighbours(np.array([[0.0, 0], [1, 0], [3, 0], [7, 0]]), 2)
    assert sorted(zip(edges.source, edges.target, strict=True)) == [
        *((0, 0), (0, 1), (1, 0), (1, 1)),
        *((2, 1), (2, 2), (3, 2), (3, 3)),
    ]
    assert proximity(edges)[edges.source == edges.target] == pytest.approx(1)
    assert proximity(edges).min() == 0
    assert len(nearest_neighbours(np.zeros((1, 2)), 30).source) == 1
    assert len(nearest_neighbours(np.random.default_rng(0).random((3, 2)), 30).source) == 9


def test_the_adjacency_is_normalised_by_the_degrees_of_both_ends() -> None:
    edges = nearest_neighbours(np.random.default_rng(0).random((40, 2)), 5)
    weight = proximity(edges)
    dense = np.zeros((40, 40))
    dense[edges.source, edges.target] = weight
    root = np.diag(dense.sum(axis=1) ** -0.5)
    assert normalised_adjacency(edges, weight).to_dense().numpy() == pytest.approx(root @ dense @ root, abs=1e-6)


def test_a_graph_convolution_learns_through_the_adjacency() -> None:
    edges = nearest_neighbours(np.random.default_rng(0).random((30, 2)), 4)
    adjacency = normalised_adjacency(edges, proximity(edges))
    rows = tensor(np.random.default_rng(1).random((30, 3))).requires_grad_()
    layer = GraphConvolution(3, 2)
    expected = adjacency.to_dense() @ (rows @ layer.linear.weight.T) + layer.bias
    assert torch.allclose(layer(rows, adjacency), expected, atol=1e-6)
    layer(rows, adjacency)[0].sum().backward()
    touched = np.flatnonzero(rows.grad.abs().sum(dim=1).numpy())
    far = edges.target[(edges.source == 0) & (edges.distance < edges.distance.max())]
    assert set(touched) == set(far)
