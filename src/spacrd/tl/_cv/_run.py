"""Run the fits of a cross-validation, in this process or in workers."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ..._checks import SpacrdWarning, warn
from ..._hardware import Hardware
from ..._settings import settings as package_settings
from ...metrics import section_facts
from ...model import Level
from ...rivals import Rival, RivalScore, as_likelihood, fit_and_score
from ...train import FitSettings, fit_sections
from .._call import call_regions, find_threshold
from .._predict import ScoreOptions, score_section
from .._scoring import section_report
from ._competitors import Competitor
from ._folds import Fold, FoldSection
from ._store import Store


@dataclass(frozen=True)
class Task:
    """Describe one fit: a model, a seed and a held-out group.

    Attributes
    ----------
    model, seed
        Model to fit, and seed.
    fold, group
        Number and name of the held-out group.
    training
        Sections to fit on.
    held_out
        Sections to score, without labels, by their position.
    """

    model: Competitor
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
    models: Sequence[Competitor],
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
        for seed in seeds if model.seeded else seeds[:1]:
            for number, fold in enumerate(folds):
                stored = store.load(model.name, seed, number) if store and model.stored else None
                if stored is not None:
                    results.append((model.name, seed, stored))
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
            results.append((task.model.name, task.seed, result))
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
    One row per held-out spot (``section`` by position, ``likelihood``, ``region``, ``threshold``, ``probability``,
    ``reason``), and the texts of warnings, for the caller to repeat.
    """
    with _worker(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            rival = task.model.rival
            tables = _spacrd(task, settings) if rival is None else _rival(task, rival, settings)
        except Exception as error:
            error.add_note(f"This was {task.model.name!r}, seed {task.seed}, with {task.group!r} held out.")
            raise
    result = pd.concat(tables, ignore_index=True)
    if store is not None and task.model.stored and not result["reason"].any():
        store.save(task.model.name, task.seed, task.fold, result)
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
    options = ScoreOptions(threshold=settings.threshold, device=settings.hardware.device, on_shift="warn")
    tables = []
    for position, section in task.held_out.items():
        prediction, call = score_section(section.arrays, model, options)
        facts = section_facts(section_report(prediction, call))
        tables.append(_rows(position, prediction.likelihood, call.region, call.threshold.threshold, facts=facts))
    return tables


def _rival(task: Task, rival: Rival, settings: FoldSettings) -> list[pd.DataFrame]:
    """Fit a rival; one that raises has no likelihoods, and its rows say why."""
    training = [section.arrays for section in task.training]
    held_out = [section.arrays for section in task.held_out.values()]
    try:
        scores = fit_and_score(rival, training, held_out=held_out, seed=task.seed)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        warn(f"{task.model.name!r} has no likelihoods where {task.group!r} is held out: {reason}")
        return [
            _rows(
                position, missing := np.full(len(section.spots), np.nan), missing.astype(object), np.nan, reason=reason
            )
            for position, section in task.held_out.items()
        ]
    return [_cut(position, found, settings) for position, found in zip(task.held_out, scores, strict=True)]


def _cut(position: int, found: RivalScore, settings: FoldSettings) -> pd.DataFrame:
    """Call regions of a rival's scores as those of all models are called."""
    likelihood = as_likelihood(found).astype(np.float32)
    threshold = find_threshold(likelihood, settings.threshold, Level()).threshold
    region = call_regions(likelihood, threshold)
    return _rows(position, likelihood, region, threshold, probability=found.probability)


def _rows(
    position: int,
    likelihood: np.ndarray,
    region: np.ndarray,
    threshold: float,
    *,
    probability: bool = True,
    reason: str = "",
    facts: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "section": position,
            "likelihood": likelihood.astype(np.float64),  # exact in text
            "region": region,
            "threshold": threshold,
            "probability": probability,
            "reason": reason,
            **(section_facts({}) if facts is None else facts),
        }
    )
