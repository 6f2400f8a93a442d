"""The whole score of a section in float64, written plainly: what float32 is compared with."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from anndata import AnnData
from scipy.special import expit

import spacrd
from spacrd._sections import Selection, split_sections
from spacrd.features import prepare
from spacrd.model import Level
from spacrd.model._calibration import bounded
from spacrd.model._infer import Scores, propagated
from spacrd.nn import SpaCRDNetwork, Tokens
from spacrd.tl._read import read_for_model


def likelihoods(model: spacrd.SpaCRD, table: AnnData) -> np.ndarray:
    """Likelihoods, with the level as reported. Every spot has an embedding if the model reads one."""
    config = model.config
    inputs = {}
    if config.image is not None:
        inputs["image"] = scaled(np.asarray(table.obsm[config.image.key], dtype=np.float64), config.image.scaling)
    if config.expression is not None:
        counts = table.to_df().astype(np.float64)
        depth = counts[[gene for gene in config.expression.depth_genes if gene in counts]].sum(axis=1)
        rate = counts.reindex(columns=list(config.expression.genes), fill_value=0.0).div(
            depth.replace(0, np.inf), axis=0
        )
        inputs["expression"] = scaled(
            np.log1p(rate * config.expression.target_sum).to_numpy(), config.expression.scaling
        )
    (section,) = split_sections(table, Selection())
    arrays = prepare(
        read_for_model(section, model, None, load=True),
        expression=config.expression,
        image=config.image,
        n_neighbors=config.n_neighbors,
        max_distance_um=config.max_distance_um,
    )
    index, mask = arrays.neighbours, arrays.mask
    found = [votes(network, inputs, index, mask) for network in model.networks]
    columns = [np.mean([each.votes for each in found], axis=0)] if found else []
    for name, statistics in zip(config.discriminants, model.parts.voters.discriminants, strict=True):
        width = inputs[name].shape[1]
        there = np.ones(width, dtype=bool)
        if name == "expression":
            there = np.isin(config.expression.genes, table.var_names)
        # No other genes take the place of missing ones: the sections of the benchmarks have more than half of them.
        present = np.append(there, np.zeros(len(statistics.mean) - width, dtype=bool))
        columns.append((inputs[name] @ statistics.weights(present)[:width])[:, None])
    every = np.hstack(columns)
    plain = Scores(every, np.ones(every.shape, dtype=bool), np.empty((len(every), 0)))
    scores = propagated(plain, arrays, config.propagation)
    contrast = config.calibration.apply(scores.votes, scores.counted)
    (report,) = spacrd.tl.score(table, model, copy=True).uns["spacrd"]["spacrd"]["sections"].values()
    if not config.calibration.n_sections:
        return expit(contrast)
    return expit(bounded(Level(report["level"]).scenarios(contrast))).mean(axis=1)


def scaled(values: np.ndarray, scaling: str) -> np.ndarray:
    """Columns brought to [0, 1] by their ends, or by their 2nd and 98th percentile; constant ones become 0."""
    low, high = np.quantile(values, {"quantile": [0.02, 0.98], "minmax": [0.0, 1.0]}[scaling], axis=0)
    spread = high - low
    constant = spread <= 1e-6 * np.maximum(np.abs(low), 1.0)
    return np.where(constant, 0.0, np.clip((values - low) / np.where(constant, 1.0, spread), 0.0, 1.0))


def votes(network: SpaCRDNetwork, inputs: dict[str, np.ndarray], index: np.ndarray, mask: np.ndarray) -> Scores:
    """What a network says in float64, all spots at once."""
    tokens = Tokens(
        {name: torch.from_numpy(values) for name, values in inputs.items()},
        {name: torch.ones(len(values), dtype=torch.bool) for name, values in inputs.items()},
        torch.from_numpy(index),
        torch.from_numpy(mask),
    )
    with torch.inference_mode():
        output = deepcopy(network).double().eval()(tokens)
    return Scores(output.votes.numpy(), output.counted.numpy(), output.mean.numpy())
