"""Result of a cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..._checks import SpacrdWarning, check_choice, quote_names, warn
from ..._classes import named_classes
from ..._keys import UNCERTAIN
from ...metrics import COLUMNS, COUNTS, scores, summary_name, warn_of_absent_ignored
from ...metrics import FACTS as SAID
from ._folds import FoldSection

QUALITY = tuple(column for column in COLUMNS if column not in (*COUNTS, "prevalence", "threshold"))
"""Metrics that are averaged over sections."""
RUN = ["model", "seed", "section"]
FACTS = ["group", "threshold", "probability", "reason", *SAID]
"""What is known of a run besides its likelihoods."""


@dataclass(frozen=True, repr=False, eq=False)
class CrossValidation:
    """Hold the out-of-fold likelihoods of :func:`spacrd.tl.cross_validate` and their metrics.

    Attributes
    ----------
    metrics
        One row per model, seed and section: ``model``, ``seed``, ``section``, ``group`` (what was held out), ``n``,
        ``n_positive``, ``n_left_out``, ``prevalence``, ``auc``, ``ap``, ``f1``, ``precision``, ``recall``,
        ``threshold``, ``ks``, ``brier``, ``ece``, ``called``, ``uncertain``, ``f1_certain``, ``error_certain``,
        ``error_uncertain``; see :func:`spacrd.metrics.scores`. ``probability`` tells whether the likelihoods are
        probabilities; ``brier`` and ``ece`` are NaN if not. ``reason`` says why a baseline has no likelihoods; it is
        empty otherwise. ``expected_share``, ``share_low``, ``share_high``, ``verdict`` and ``shift`` are what spacrd
        says of a section without its labels; see :func:`spacrd.metrics.evaluate`.
    likelihoods
        One row per spot and row of ``metrics``: ``section``, ``spot``, ``label`` (text, NaN where unlabelled),
        ``model``, ``seed``, ``likelihood`` (float32) and ``region`` (called without labels). Scores of a baseline that
        are no probabilities are standardised over the spots of their section and mapped to 0 to 1 by the logistic
        function.
    positive, negative, ignore
        Classes that were given; ``negative`` is None if all others are negative.

    Examples
    --------
    >>> import spacrd
    >>> toys = [spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3)]
    >>> fast = {"modality": "expression", "baselines": False}
    >>> result = spacrd.tl.cross_validate(toys, "pathologist", positive="invasive cancer", **fast)
    >>> result.summary()[["auc", "auc_worst"]].shape
    (1, 2)
    >>> result.evaluate(ignore="adipose tissue").shape == result.metrics.shape
    True
    """

    metrics: pd.DataFrame
    likelihoods: pd.DataFrame
    positive: tuple[str, ...]
    negative: tuple[str, ...] | None
    ignore: tuple[str, ...]

    def evaluate(self, *, ignore: str | Sequence[str] = ()) -> pd.DataFrame:
        """Compute the metrics again with other labels left out.

        Parameters
        ----------
        ignore
            Label values to leave out, such as ``"undetermined"``.

        Returns
        -------
        Table like :attr:`metrics`.
        """
        ignored = ignore_values(ignore, self.positive)
        warn_of_absent_ignored(ignored, [self.likelihoods["label"]], "the labels of the sections")
        runs = self.metrics[[*RUN, *FACTS]]
        return metrics_table(self.likelihoods, runs, self.positive, self.negative, ignored)

    def summary(self) -> pd.DataFrame:
        """Average every metric over the sections; one row per model, best AUC first.

        Returns
        -------
        ``auc``, ``auc_sd``, ``ap``, ``ap_sd`` and so on: mean over seeds and standard deviation between them (NaN for
        one seed); ``auc_worst``, the lowest mean AUC of a section; and ``n_seeds``.
        """
        by_seed = self.metrics.groupby(["model", "seed"], sort=False)[list(QUALITY)].mean()
        mean, sd = (getattr(by_seed.groupby("model", sort=False), how)() for how in ("mean", "std"))
        table = pd.concat([mean, sd.add_suffix("_sd")], axis=1)
        table = table[[name for metric in QUALITY for name in (metric, f"{metric}_sd")]]
        table.insert(2, "auc_worst", self._by_section("auc").min(axis=1))
        table["n_seeds"] = by_seed.groupby("model", sort=False).size()
        return table.sort_values("auc", ascending=False, kind="stable")

    def per_section(self, metric: str = "auc") -> pd.DataFrame:
        """Tabulate one metric of every model on every section, averaged over seeds.

        Parameters
        ----------
        metric
            Column of :attr:`metrics`.

        Returns
        -------
        Models (rows, in the order of :meth:`summary`) by sections, and a last column ``mean``.
        """
        table = self._by_section(check_choice(metric, (*QUALITY, "prevalence", "threshold"), "metric"))
        return table.assign(**{summary_name(table.columns): table.mean(axis=1)}).loc[self.summary().index]

    def _by_section(self, metric: str) -> pd.DataFrame:
        table = self.metrics.pivot_table(
            index="model", columns="section", values=metric, aggfunc="mean", sort=False, dropna=False, observed=True
        )
        return table.rename_axis(columns="section")

    def __repr__(self) -> str:
        runs = self.metrics
        sizes = ", ".join(
            f"{runs[column].nunique()} {column}{'s' if runs[column].nunique() != 1 else ''}"
            for column in ("group", "section", "model", "seed")
        )
        shown = self.summary()[["auc", "auc_sd", "auc_worst", "ap", "f1", "ece"]]
        lines = [f"CrossValidation: {sizes}", shown.to_string(float_format="{:.3f}".format, na_rep="-")]
        failed = runs[runs["reason"] != ""].drop_duplicates(["model", "group"])
        lines += [f"{run.model} has none where {run.group!r} is held out: {run.reason}" for run in failed.itertuples()]
        return "\n".join(lines)


def ignore_values(ignore: str | Sequence[str], positive: Sequence[str]) -> tuple[str, ...]:
    """Return the ignored labels as text; raise if one is positive."""
    ignored = named_classes(ignore, "ignore")
    if clash := [value for value in ignored if value in positive]:
        raise ValueError(f"{quote_names(clash)} cannot be both positive and ignored.")
    return ignored


def metrics_table(
    likelihoods: pd.DataFrame,
    runs: pd.DataFrame,
    positive: Sequence[str],
    negative: Sequence[str] | None,
    ignore: Sequence[str],
) -> pd.DataFrame:
    """Compute the metrics of every run (model, seed, section and :data:`FACTS`)."""
    rows_of_run = likelihoods.groupby(RUN, sort=False, observed=True).indices
    label = likelihoods["label"].astype(object)
    usable = label.notna() & ~label.isin(list(ignore))
    if negative is not None:
        usable &= label.isin([*positive, *negative])
    y = label.isin(list(positive)).to_numpy()
    likelihood = likelihoods["likelihood"].to_numpy(dtype=np.float64)
    usable &= np.isfinite(likelihood)
    uncertain = (likelihoods["region"] == UNCERTAIN).to_numpy()
    rows, one_class = [], []
    for run in runs.itertuples(index=False):
        spots = rows_of_run[(run.model, run.seed, run.section)]
        evaluated = spots[usable.to_numpy()[spots]]
        called = likelihood[evaluated] >= run.threshold  # also of spots called uncertain
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SpacrdWarning)  # one warning for all runs, below
            metrics = scores(y[evaluated], likelihood[evaluated], called, uncertain=uncertain[evaluated])
        if np.isnan(metrics["auc"]) and not run.reason:
            one_class.append(run.section)
        if not run.probability:
            metrics |= {"brier": np.nan, "ece": np.nan}
        rows.append({**run._asdict(), **metrics, "n_left_out": len(spots) - len(evaluated)})
    if one_class:
        warn(
            "AUC, AP and KS need scored spots of both classes: they are NaN, and left out of means, for "
            f"section {quote_names(dict.fromkeys(one_class))}."
        )
    frame = pd.DataFrame(rows, columns=[*RUN, "group", *COLUMNS, *FACTS[2:]])
    return frame.astype(dict.fromkeys(COUNTS, int))


def tables(
    runs: Mapping[tuple[str, int, int], pd.DataFrame], models: Sequence[str], sections: Sequence[FoldSection]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a tidy table of likelihoods and one row per run, in the order of models and sections."""
    spots, facts = [], []
    for model, seed, position in sorted(runs, key=lambda key: (models.index(key[0]), *key[1:])):
        run, section = runs[model, seed, position], sections[position]
        spots.append(
            pd.DataFrame(
                {
                    "section": section.name,
                    "spot": section.spots,
                    "label": section.labels,
                    "model": model,
                    "seed": seed,
                    "likelihood": run["likelihood"].to_numpy(dtype=np.float32),
                    "region": run["region"].to_numpy(dtype=object),
                }
            )
        )
        facts.append(
            {
                "model": model,
                "seed": seed,
                "section": section.name,
                "group": section.group,
                **run[FACTS[1:]].iloc[0],
            }
        )
    likelihoods = pd.concat(spots, ignore_index=True)
    return likelihoods.astype(dict.fromkeys(("section", "label", "model", "region"), "category")), pd.DataFrame(facts)
