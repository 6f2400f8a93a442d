"""Graph attention on padded neighbours: what a node sees, and what it does not."""

from __future__ import annotations

import numpy as np
import torch

from spacrd.rivals._attention_graph import GATv2, PaddedGraph
from tests.rivals.cell_types import lattice


def edges(graph: PaddedGraph) -> set[tuple[int, int]]:
    rows, columns = np.nonzero(graph.mask)
    return set(zip(rows.tolist(), graph.index[rows, columns].tolist(), strict=True))


def test_every_edge_goes_both_ways_and_every_spot_sees_itself_first() -> None:
    xy = np.random.default_rng(0).uniform(size=(40, 2))
    graph = PaddedGraph.nearest(xy, 4)
    found = edges(graph)
    assert found == {(b, a) for a, b in found}
    assert (graph.index[:, 0] == np.arange(40)).all() and graph.mask[:, 0].all()
    distance = np.linalg.norm(xy[:, None] - xy[None], axis=-1)
    nearest = np.argsort(distance, axis=1)[:, :5]
    assert found == {pair for a, row in enumerate(nearest) for b in row for pair in ((a, int(b)), (int(b), a))}


def test_stacked_graphs_have_no_edge_between_them() -> None:
    graph = PaddedGraph.stack([PaddedGraph.nearest(lattice(3), 4), PaddedGraph.nearest(lattice(2), 2)])
    assert all((a < 9) == (b < 9) for a, b in edges(graph))
    assert (graph.index[~graph.mask] == np.nonzero(~graph.mask)[0]).all()


def test_a_batch_gets_the_same_output_from_its_subgraph_as_from_the_whole_graph() -> None:
    torch.manual_seed(0)
    graph = PaddedGraph.nearest(lattice(7), 4)
    first, second, rows = GATv2(5, 3, 2), GATv2(6, 4, 1), torch.randn(49, 5)
    whole = graph.layers(np.arange(49), 2)
    full = second(first(rows, *whole.inner(1)), *whole.inner(0))
    seeds = np.array([30, 2, 17])
    part = graph.layers(seeds, 2)
    assert len(part.nodes) < 49 and (part.nodes[:3] == seeds).all()
    some = second(first(rows[part.nodes], *part.inner(1)), *part.inner(0))
    torch.testing.assert_close(some, full[seeds])


def test_padding_changes_no_output() -> None:
    torch.manual_seed(0)
    layer, rows = GATv2(5, 3, 2), torch.randn(4, 5)
    index, mask = torch.tensor([[0, 1, 2]]), torch.tensor([[True, True, False]])
    short = layer(rows, index[:, :2], mask[:, :2])
    torch.testing.assert_close(layer(rows, index, mask), short)
    assert not torch.allclose(layer(rows, index, torch.ones_like(mask)), short)
