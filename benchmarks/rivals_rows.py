"""One rival, one fold, one seed: run, kept in a file, and turned into rows of metrics."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.rivals_sections import BenchSection
from benchmarks.rivals_tasks import GROUPS, Fold, sections_of
from scipy.stats import ks_2samp, spearmanr
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

import spacrd
from spacrd.rivals import MissingInputError, RivalScore, as_likelihood, digest, fit_and_score
from spacrd.tl._mixture import mixture_cut
from spacrd.tl._predict import ScoreOptions, score_section

BREAST = "EPCAM KRT8 KRT18 KRT19 CDH1 ERBB2 MUC1 GRB7 CCND1 MKI67".split()
"""Markers of breast tumours, chosen by nobody's labels."""
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "signature": ("signature", {"genes": BREAST}),
    "mahalanobis-neighbourhood": ("mahalanobis", {"neighbourhood": 7}),
    "spacell-plus-expression": ("spacell-plus", {"modality": "expression"}),
    "stage": ("stage", {"epochs": 300}),
    "stage-one-class": ("stage-one-class", {"epochs": 300}),
    "istar": ("istar", {"n_starts": 1}),
    "spacrd-published": ("spacrd", {"recipe": "published"}),
}
"""Rivals that need options, rows beside the defaults, and shorter training than the program's where it takes hours."""


class Called:
    """spacrd with the regions that ``spacrd.tl.score`` calls."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def fit(self, sections: list[Any], *, seed: int) -> Called:
        """Fit the default recipe, or that of the settings."""
        self.model = spacrd.rivals.get("spacrd", **self.settings).fit(sections, seed=seed).model
        return self

    def score(self, section: Any) -> RivalScore:
        """Likelihoods with the threshold of the section, and the spots that are called uncertain."""
        prediction, call = score_section(section, self.model, ScoreOptions())
        uncertain = call.region == "uncertain"
        return RivalScore(prediction.likelihood, call.threshold.threshold, True, call.verdict, uncertain)


ABSENT = (MissingInputError, FileNotFoundError, ImportError)


class TooLongError(Exception):
    """A run took more CPU time than it may."""


@contextlib.contextmanager
def cpu_limit(seconds: float | None) -> Iterator[None]:
    """Raise :class:`TooLongError` after so many CPU seconds of this process."""

    def stop(*_: Any) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds or 0.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def rivals() -> dict[str, tuple[str, dict[str, Any]]]:
    """Rows of the table: every rival there is, and the variants."""
    rows = {name: (name, {}) for name in spacrd.rivals.available().index} | VARIANTS
    weights = os.environ.get("SPACRD_SCMALIGNANTFINDER")
    if weights:
        rows["scmalignantfinder"] = ("scmalignantfinder", {"weights": weights})
    return rows


def file_of(folder: Path, group: str, rival: str, fold: str, seed: int) -> Path:
    return folder / "runs" / group / f"{rival}_{fold}_seed{seed}.json".replace(" ", "-")


def run(rival: str, group: str, fold: Fold, seed: int, folder: Path, limit: float | None = None) -> str:
    """Fit and score, and keep what came out; a rival that raises is kept with its reason.

    One that takes more CPU seconds than ``limit`` is kept as absent from all folds of the group.

    Returns
    -------
    What to print.
    """
    sections = sections_of(group, folder)
    training = [sections[name].arrays for name in fold.training]
    held_out = [sections[name].arrays for name in fold.held_out]
    found: dict[str, Any] = {"rival": rival, "group": group, "fold": fold.name, "seed": seed}
    found["digest"] = "-".join(digest(arrays)[:8] for arrays in [*training, *held_out])
    name, options = rivals()[rival]
    load_libraries()
    spacrd.settings.progress = False
    reset_peak()
    start = time.process_time()
    try:
        with warnings.catch_warnings(), cpu_limit(limit):
            warnings.simplefilter("ignore")
            made = Called(**options) if name == "spacrd" else spacrd.rivals.get(name, **options)
            scores = fit_and_score(made, training, held_out=held_out, seed=seed)
        found |= {
            "status": "ok",
            "sections": {arrays.name: plain(s) for arrays, s in zip(held_out, scores, strict=True)},
        }
    except TooLongError:
        found |= {"status": "absent", "reason": f"not run: stopped after {limit / 60:.3g} CPU minutes of one fold"}
    except ABSENT as error:
        found |= {"status": "absent", "reason": str(error)}
    except TypeError as error:
        absent = "missing a required argument" in str(error)  # such as weights
        found |= {"status": "absent" if absent else "failed", "reason": str(error)}
    except Exception as error:
        found |= {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
    found |= {"cpu_s": round(time.process_time() - start, 2), "peak_mib": peak_mib()}
    found["spots"] = sum(len(arrays.xy) for arrays in [*training, *held_out])
    keep(found, folder)
    if found.get("reason", "").startswith("not run"):
        for other in GROUPS[group].folds():
            keep(found | {"fold": other.name}, folder)
    shown = found.get("reason", "")
    if not shown:
        aucs = [auc_of(sections[name], score) for name, score in zip(fold.held_out, scores, strict=True)]
        shown = ", ".join(f"{name} {auc:.3f}" for name, auc in zip(fold.held_out, aucs, strict=True))
    return f"{group} {rival} {fold.name} seed {seed}: {shown} ({found['cpu_s']} CPU s)"


def keep(found: dict[str, Any], folder: Path) -> None:
    """Write a run to its file."""
    file = file_of(folder, found["group"], found["rival"], found["fold"], found["seed"])
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(found))
    part.replace(file)


def load_libraries() -> None:
    """Before the clock starts: libraries take seconds to load, once."""
    for name in ("scanpy", "sklearn.linear_model", "sklearn.svm", "torch"):
        importlib.import_module(name)
    importlib.import_module("torch").set_num_threads(1)


def reset_peak() -> None:
    """Let Linux count the peak of memory anew; elsewhere it is that of the process."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> float:
    """Largest memory of this process, data and libraries included."""
    try:
        status = Path("/proc/self/status").read_text()
        return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
    except (OSError, IndexError):
        return float("nan")


def plain(found: RivalScore) -> dict[str, Any]:
    """A score as JSON; seven digits, as float32 has."""
    return {
        "score": [None if np.isnan(value) else float(f"{value:.7g}") for value in found.score],
        "threshold": None if found.threshold is None else float(found.threshold),
        "probability": bool(found.probability),
        "note": found.note,
        "uncertain": None if found.uncertain is None else np.flatnonzero(found.uncertain).tolist(),
    }


def read_score(stored: dict[str, Any]) -> RivalScore:
    """What :func:`plain` wrote."""
    score = np.array([np.nan if value is None else value for value in stored["score"]])
    uncertain = None
    if stored["uncertain"] is not None:
        uncertain = np.isin(np.arange(len(score)), stored["uncertain"])
    return RivalScore(score, stored["threshold"], stored["probability"], stored["note"], uncertain)


def auc_of(section: BenchSection, found: RivalScore) -> float:
    return metrics(section, found).get("auc", float("nan"))


def metrics(section: BenchSection, found: RivalScore) -> dict[str, float]:
    """Every column of the table for one scored section; undetermined spots are not cancer unless said otherwise."""
    arrays, score, likelihood = section.arrays, found.score, as_likelihood(found)
    kept = ~np.isnan(arrays.target) & np.isfinite(score)
    cancer, some = arrays.target[kept] == 1, score[kept]
    row: dict[str, float] = {"n": int(kept.sum()), "n_cancer": int(cancer.sum())}
    if found.threshold is not None:
        called = some >= found.threshold
        row |= {"called": float(called.mean()), "f1": _f1(cancer, called), "threshold": found.threshold}
        undecided = np.zeros(len(score), dtype=bool) if found.uncertain is None else found.uncertain
        row["uncertain"] = float(undecided[kept].mean())
    cut = likelihood[kept] >= mixture_cut(likelihood).threshold
    row |= {"called_mixture": float(cut.mean()), "f1_mixture": _f1(cancer, cut)}
    if found.probability:
        row |= {
            "brier": float(np.mean((some - cancer) ** 2)),
            "ece": spacrd.metrics.expected_calibration_error(cancer, some),
        }
    if arrays.counts is not None:
        depth = np.asarray(arrays.counts.sum(axis=1)).ravel()[kept]
        row["rho_depth"] = float(spearmanr(some, depth).statistic)
    if len(np.unique(cancer)) < 2:
        return row
    decided = ~section.undetermined[kept]
    row |= {
        "auc": float(roc_auc_score(cancer, some)),
        "ap": float(average_precision_score(cancer, some)),
        "ks": float(ks_2samp(some[cancer], some[~cancer]).statistic),
        "f1_true_share": _f1(cancer, some >= np.quantile(some, 1 - cancer.mean())),
        "auc_decided": float(roc_auc_score(cancer[decided], some[decided])),
        "ap_decided": float(average_precision_score(cancer[decided], some[decided])),
    }
    return row


def _f1(cancer: np.ndarray, called: np.ndarray) -> float:
    return float(f1_score(cancer, called, zero_division=0.0)) if cancer.any() else float("nan")


def units(groups: list[str], names: list[str], seeds: list[int]) -> list[tuple[str, str, Fold, int]]:
    """Rival, group, fold and seed of everything to be run; rivals without randomness have one seed."""
    cards = {row: spacrd.rivals.card(name) for row, (name, _) in rivals().items()}
    return [
        (name, group, fold, seed)
        for group in groups
        for name in names
        for seed in (seeds if cards[name].seeded else seeds[:1])
        for fold in GROUPS[group].folds()
    ]
