"""One fit of a cross-validation, in this process or in a worker."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..._checks import SpacrdWarning, warn
from ..._keys import CANCER, Keys
from ..._settings import settings
from .._call import call_regions
from .._fit import fit
from .._mixture import find_threshold
from .._score import score
from ._baselines import BASELINES, baseline_likelihoods
from ._folds import Fold, FoldSection
from ._store import Store

SPACRD = "spacrd"
"""Name of the model among the baselines."""


@dataclass(frozen=True)
class Task:
    """One model, one seed, one group held out.

    Attributes
    ----------
    model, seed
        What to fit.
    fold, group
        Number and name of the held-out group.
    training
        Sections to fit on.
    held_out
        Positions and sections to score; they carry no labels.
    """

    model: str
    seed: int
    fold: int
    group: str
    training: tuple[FoldSection, ...]
    held_out: dict[int, FoldSection]


@dataclass(frozen=True)
class FoldSettings:
    """What all tasks share.

    Attributes
    ----------
    label_key
        Column the labels came from.
    threshold
        As in :func:`spacrd.tl.score`.
    fit
        Arguments of :func:`spacrd.tl.fit`, all but the data, the labels and the seed.
    device
        The package setting of the calling process.
    """

    label_key: str
    threshold: Any
    fit: Mapping[str, Any]
    device: str


def run_all(
    models: Sequence[str],
    seeds: Sequence[int],
    folds: Sequence[Fold],
    sections: Sequence[FoldSection],
    plan: FoldSettings,
    store: Store | None,
    n_jobs: int | None,
) -> dict[tuple[str, int, int], pd.DataFrame]:
    """Held-out spots by model, seed and position of the section."""
    from joblib import Parallel, delayed

    tasks, results = [], []
    for model in models:
        for seed in seeds if model == SPACRD or BASELINES[model].seeded else seeds[:1]:
            for number, fold in enumerate(folds):
                stored = store.load(model, seed, number) if store else None
                if stored is not None:
                    results.append((model, seed, stored))
                    continue
                training = tuple(sections[i] for i in fold.training)
                held_out = {i: sections[i].without_labels() for i in fold.held_out}
                tasks.append(Task(model, seed, number, fold.group, training, held_out))
    pool = Parallel(n_jobs=1 if n_jobs is None else n_jobs, return_as="generator")
    fits = pool(delayed(run_task)(task, plan, store) for task in tasks)
    said: dict[str, None] = {}
    done = settings.track(fits, total=len(tasks), description="cross-validate", unit="fit")
    try:
        for task, (result, texts) in zip(tasks, done, strict=True):
            results.append((task.model, task.seed, result))
            said |= dict.fromkeys(texts)
    except BrokenExecutor as error:
        kept = f"Finished fits are kept in {str(store.folder)!r}" if store else "With `resume`, finished fits are kept"
        raise RuntimeError(
            f"A process of this cross-validation has died: killed, or out of memory. {kept}; call again, with a "
            "smaller `n_jobs` if memory was short."
        ) from error
    for text in said:
        warn(text)
    return {
        (model, seed, int(position)): part
        for model, seed, result in results
        for position, part in result.groupby("section")
    }


def run_task(task: Task, plan: FoldSettings, store: Store | None) -> tuple[pd.DataFrame, list[str]]:
    """Fit, score and store.

    Returns
    -------
    One row per held-out spot (``section`` by position, ``likelihood``, ``region``, ``threshold``), and the texts of
    the warnings on the way, for the caller to say once.
    """
    with _worker(plan.device), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            parts = _spacrd(task, plan) if task.model == SPACRD else _baseline(task, plan)
        except Exception as error:
            error.add_note(f"This was {task.model!r}, seed {task.seed}, with {task.group!r} held out.")
            raise
    result = pd.concat(parts, ignore_index=True)
    if store is not None:
        store.save(task.model, task.seed, task.fold, result)
    return result, [str(item.message) for item in caught if issubclass(item.category, SpacrdWarning)]


@contextmanager
def _worker(device: str) -> Iterator[None]:
    """One thread, so that results do not depend on the number of workers; no inner progress bars."""
    import numba
    import torch
    from threadpoolctl import threadpool_limits

    # Numba first: scanpy uses it, and when it starts its threads it changes the number of torch's.
    before = numba.get_num_threads(), torch.get_num_threads(), settings.device, settings.progress
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    settings.device, settings.progress = device, False
    try:
        with threadpool_limits(1):
            yield
    finally:
        numba.set_num_threads(before[0])
        torch.set_num_threads(before[1])
        settings.device, settings.progress = before[2:]


def _spacrd(task: Task, plan: FoldSettings) -> list[pd.DataFrame]:
    arguments = dict(plan.fit)
    # Callbacks keep state, which must not pass from one fit to the next.
    arguments["callbacks"] = copy.deepcopy(arguments.get("callbacks", ()))
    training = [section.to_anndata(plan.label_key) for section in task.training]
    model = fit(training, plan.label_key, positive=CANCER, seed=task.seed, **arguments)
    parts = []
    for position, section in task.held_out.items():
        table = section.to_anndata()
        score(table, model, threshold=plan.threshold, device=arguments.get("device"))
        report = table.uns[Keys.UNS][Keys.DEFAULT]["sections"][Keys.section(section.name)]
        parts.append(
            _rows(
                position,
                table.obs[Keys.likelihood()].to_numpy(),
                table.obs[Keys.region()].astype(object).to_numpy(),
                float(report["threshold"]),
            )
        )
    return parts


def _baseline(task: Task, plan: FoldSettings) -> list[pd.DataFrame]:
    found = baseline_likelihoods(
        BASELINES[task.model],
        [section.raw for section in task.training],
        [section.raw for section in task.held_out.values()],
        genes=plan.fit["genes"],
        n_neighbors=plan.fit["n_neighbors"],
        max_distance=plan.fit["max_distance"],
        seed=task.seed,
    )
    if found is None:
        warn(
            f"{task.model!r} has no likelihoods where {task.group!r} is held out: the labelled spots of the other "
            "sections that have its inputs are not of both classes."
        )
        found = [np.full(len(section.spots), np.nan, dtype=np.float32) for section in task.held_out.values()]
    parts = []
    for position, likelihood in zip(task.held_out, found, strict=True):
        cut = find_threshold(likelihood, plan.threshold)
        region = call_regions(likelihood, cut.threshold)
        parts.append(_rows(position, likelihood, region, cut.threshold))
    return parts


def _rows(position: int, likelihood: np.ndarray, region: np.ndarray, threshold: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "section": position,
            "likelihood": likelihood.astype(np.float64),  # exact in text
            "region": region,
            "threshold": threshold,
        }
    )
