"""Run the fits of a cross-validation, in this process or in workers."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ..._checks import SpacrdWarning, warn
from ..._hardware import Hardware
from ..._settings import settings as package_settings
from ...model import Level
from ...train import FitSettings, fit_sections
from .._call import call_regions, find_threshold
from .._predict import ScoreOptions, score_section
from ._baselines import BASELINES, baseline_likelihoods
from ._folds import Fold, FoldSection
from ._store import Store

SPACRD = "spacrd"
"""Name of the model among the baselines."""


@dataclass(frozen=True)
class Task:
    """Describe one fit: a model, a seed and a held-out group.

    Attributes
    ----------
    model, seed
        Name of the model or baseline, and seed.
    fold, group
        Number and name of the held-out group.
    training
        Sections to fit on.
    held_out
        Sections to score, without labels, by their position.
    """

    model: str
    seed: int
    fold: int
    group: str
    training: tuple[FoldSection, ...]
    held_out: dict[int, FoldSection]


@dataclass(frozen=True)
class FoldSettings:
    """Hold the settings that all fits share.

    Attributes
    ----------
    fit
        Settings of every fit, apart from the seed.
    hardware
        Device and precision.
    callbacks
        Lightning callbacks of every fit.
    threshold
        As in :func:`spacrd.tl.score`.
    """

    fit: FitSettings = field(default_factory=FitSettings.resolve)
    hardware: Hardware = field(default_factory=Hardware)
    callbacks: tuple[Any, ...] = ()
    threshold: str | float = "expected_f1"


def run_all(
    models: Sequence[str],
    seeds: Sequence[int],
    folds: Sequence[Fold],
    sections: Sequence[FoldSection],
    settings: FoldSettings,
    *,
    store: Store | None = None,
    n_jobs: int | None = None,
) -> dict[tuple[str, int, int], pd.DataFrame]:
    """Run all fits; return the scores of held-out spots by model, seed and position of the section."""
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
    fits = pool(delayed(run_task)(task, settings, store) for task in tasks)
    messages: dict[str, None] = {}
    finished = package_settings.track(fits, total=len(tasks), description="cross-validate", unit="fit")
    try:
        for task, (result, texts) in zip(tasks, finished, strict=True):
            results.append((task.model, task.seed, result))
            messages |= dict.fromkeys(texts)
    except BrokenExecutor as error:
        hint = f"Finished fits are kept in {str(store.folder)!r}" if store else "With `resume`, finished fits are kept"
        raise RuntimeError(
            f"A process of this cross-validation has died: killed, or out of memory. {hint}; call again, with a "
            "smaller `n_jobs` if memory was short."
        ) from error
    for text in messages:
        warn(text)
    return {
        (model, seed, int(position)): of_section
        for model, seed, result in results
        for position, of_section in result.groupby("section")
    }


def run_task(task: Task, settings: FoldSettings, store: Store | None) -> tuple[pd.DataFrame, list[str]]:
    """Fit one model, score the held-out sections and store the result.

    Returns
    -------
    One row per held-out spot (``section`` by position, ``likelihood``, ``region``, ``threshold``), and the texts of
    warnings, for the caller to repeat.
    """
    with _worker(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            tables = _spacrd(task, settings) if task.model == SPACRD else _baseline(task, settings)
        except Exception as error:
            error.add_note(f"This was {task.model!r}, seed {task.seed}, with {task.group!r} held out.")
            raise
    result = pd.concat(tables, ignore_index=True)
    if store is not None:
        store.save(task.model, task.seed, task.fold, result)
    return result, [str(item.message) for item in caught if issubclass(item.category, SpacrdWarning)]


@contextmanager
def _worker() -> Iterator[None]:
    """Use one thread, so that results do not depend on the number of workers, and hide progress bars."""
    import numba
    import torch
    from threadpoolctl import threadpool_limits

    # Numba first: when scanpy starts its threads, it changes the number of torch's.
    before = numba.get_num_threads(), torch.get_num_threads(), package_settings.progress
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    package_settings.progress = False
    try:
        with threadpool_limits(1):
            yield
    finally:
        numba.set_num_threads(before[0])
        torch.set_num_threads(before[1])
        package_settings.progress = before[2]


def _spacrd(task: Task, settings: FoldSettings) -> list[pd.DataFrame]:
    model = fit_sections(
        [section.arrays for section in task.training],
        replace(settings.fit, seed=task.seed),
        hardware=settings.hardware,
        callbacks=copy.deepcopy(settings.callbacks),  # callbacks have a state
    )
    options = ScoreOptions(threshold=settings.threshold, device=settings.hardware.device)
    tables = []
    for position, section in task.held_out.items():
        prediction, call = score_section(section.arrays, model, options)
        tables.append(_rows(position, prediction.likelihood, call.region, call.threshold.threshold))
    return tables


def _baseline(task: Task, settings: FoldSettings) -> list[pd.DataFrame]:
    likelihoods = baseline_likelihoods(
        BASELINES[task.model],
        [section.arrays for section in task.training],
        [section.arrays for section in task.held_out.values()],
        genes=settings.fit.genes,
        n_neighbors=settings.fit.n_neighbors,
        max_distance=settings.fit.max_distance_um,
        seed=task.seed,
    )
    if likelihoods is None:
        warn(
            f"{task.model!r} has no likelihoods where {task.group!r} is held out: the labelled spots of the other "
            "sections that have its inputs are not of both classes."
        )
        likelihoods = [np.full(len(section.spots), np.nan, dtype=np.float32) for section in task.held_out.values()]
    tables = []
    for position, likelihood in zip(task.held_out, likelihoods, strict=True):
        threshold = find_threshold(likelihood, settings.threshold, Level()).threshold
        tables.append(_rows(position, likelihood, call_regions(likelihood, threshold), threshold))
    return tables


def _rows(position: int, likelihood: np.ndarray, region: np.ndarray, threshold: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "section": position,
            "likelihood": likelihood.astype(np.float64),  # exact in text
            "region": region,
            "threshold": threshold,
        }
    )
