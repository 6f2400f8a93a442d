"""Score sections with networks, block by block."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch

from .._hardware import fits, halved
from .._settings import settings
from ..features import Features, NetworkInputs, ReadBlock
from ..nn import Output, SpaCRDNetwork, Tokens
from ._propagate import propagate


@dataclass(frozen=True)
class Scores:
    """Hold the votes of one section.

    Attributes
    ----------
    votes
        Votes of each spot, (n, h) float64.
    counted
        Which of them count, (n, h) bool.
    latent
        Latent mean of the first network, (n, latent) float32.
    """

    votes: np.ndarray
    counted: np.ndarray
    latent: np.ndarray


def make_tokens(features: Mapping[str, Features], index: np.ndarray, mask: np.ndarray | None) -> Tokens:
    """Gather the distinct spots of neighbourhoods ``index`` (b, t), rows of ``features``."""
    distinct, position = np.unique(index, return_inverse=True)
    return Tokens(
        inputs={name: torch.from_numpy(values.rows(distinct)) for name, values in features.items()},
        valid={name: torch.from_numpy(values.valid[distinct]) for name, values in features.items()},
        index=torch.from_numpy(position.reshape(index.shape)),
        mask=None if mask is None or mask.all() else torch.from_numpy(mask),
    )


def to_device(value: Any, device: torch.device) -> Any:
    """Move a tensor, or a dictionary or dataclass of tensors, to a device."""
    if isinstance(value, torch.Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {name: to_device(item, device) for name, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: to_device(getattr(value, f.name), device) for f in fields(value)})
    return value


class VoteBuffer:
    """Collect votes and latent codes of all spots, block by block."""

    def __init__(self, networks: Sequence[SpaCRDNetwork], n: int) -> None:
        config = networks[0].config
        self.votes = np.empty((len(networks), n, config.n_votes), dtype=np.float64)
        self.counted = np.empty((n, config.n_votes), dtype=bool)
        self.latent = np.empty((n, config.latent_width), dtype=np.float32)

    def put(self, number: int, rows: np.ndarray, output: Output) -> None:
        """Store the output of one network."""
        self.votes[number, rows] = output.votes.double().cpu().numpy()
        if not number:
            self.counted[rows] = output.counted.cpu().numpy()
            self.latent[rows] = output.mean.float().cpu().numpy()


def score_each(
    networks: Sequence[SpaCRDNetwork],
    inputs: NetworkInputs,
    *,
    batch_size: int,
    device: str,
    precision: str = "32-true",
    description: str = "",
) -> list[Scores]:
    """Score every spot of one section with each network, without propagation; deterministic.

    A block is a piece of tissue, so that its neighbourhoods have few spots outside; these are read and encoded again.
    Only the scores grow with the section. All networks score a block before the next one is read. The latent code is
    that of the first. ``batch_size`` is halved, with a warning, if the device runs out of memory. There is a progress
    bar if ``description`` is not empty.
    """
    if not networks:
        return []
    target_device, n = torch.device(device), len(inputs.target)
    votes = VoteBuffer(networks, n)
    read = {name: inputs.features[name] for name in networks[0].modalities}
    available = np.any([features.valid for features in inputs.features.values()], axis=0)
    autocast = torch.autocast(target_device.type, torch.bfloat16, enabled=precision == "bf16-mixed")
    bar = settings.track(range(n), total=n, description=description, unit="spot") if description else iter(())

    def score_rows(block: ReadBlock, features: dict[str, Features], rows: slice) -> None:
        tokens = to_device(make_tokens(features, block.index[rows], block.mask[rows]), target_device)
        for number, network in enumerate(networks):
            votes.put(number, block.centres[rows], network(tokens))

    try:
        for network in networks:
            network.to(target_device).eval()
        with torch.inference_mode(), autocast:
            for block in inputs.read_blocks(*(features.matrix for features in read.values())):
                features = {name: block.read(matrix) for name, matrix in read.items()}
                start = 0
                while start < len(block.centres):
                    rows = slice(start, start + batch_size)
                    if fits(partial(score_rows, block, features, rows), batch_size):
                        start += batch_size
                        deque(islice(bar, batch_size), maxlen=0)
                    else:
                        batch_size = halved(batch_size, device, "scoring goes on")
    finally:
        for network in networks:
            network.cpu()
    return [Scores(of_network, votes.counted & available[:, None], votes.latent) for of_network in votes.votes]


def propagated(scores: Scores, inputs: NetworkInputs, share: float) -> Scores:
    """Propagate each vote over the spots where it counts."""
    votes = [
        propagate(vote, inputs.graph, usable, share)
        for vote, usable in zip(scores.votes.T, scores.counted.T, strict=True)
    ]
    return replace(scores, votes=np.stack(votes, axis=1))
