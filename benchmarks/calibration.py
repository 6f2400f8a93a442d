"""Which curve makes likelihoods mean what they say: the model's own, or a temperature or isotonic curve on top?

    python -m benchmarks.calibration [--seeds 0]

Expression alone, A1 B1 C1 E1 G2, pathologist's labels. For each held-out section, the other four are cross-validated
among themselves; a temperature (one slope) and an isotonic curve are fitted from those out-of-fold likelihoods to their
labels, each section weighing the same, and put on top of the likelihoods of the held-out section, which a model of
all four made. Nothing sees the labels of the held-out section but the metrics.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pandas as pd
from benchmarks.sections import HERE, PROTOCOLS, read
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

import spacrd


def clipped_logit(likelihood: np.ndarray) -> np.ndarray:
    return logit(np.clip(likelihood.astype(np.float64), 1e-6, 1 - 1e-6))


def curves(likelihood: np.ndarray, target: np.ndarray, weight: np.ndarray) -> dict:
    """Maps from likelihoods to likelihoods, fitted on out-of-fold ones."""
    slope = LogisticRegression(C=np.inf, fit_intercept=False).fit(
        clipped_logit(likelihood)[:, None], target, sample_weight=weight
    )
    isotonic = IsotonicRegression(y_min=0.001, y_max=0.999, out_of_bounds="clip")
    isotonic.fit(likelihood, target, sample_weight=weight)
    return {
        "the model's own": lambda p: p,
        "temperature on top": lambda p: expit(slope.coef_[0, 0] * clipped_logit(p)),
        "isotonic on top": isotonic.predict,
    }


def run(seed: int) -> pd.DataFrame:
    sections = {name: read(name) for name in PROTOCOLS["expression"]}
    rows = []
    for held_out, test in sections.items():
        train = [sdata for name, sdata in sections.items() if name != held_out]
        options = {"positive": "cancer", "modality": "expression"}
        inner = spacrd.tl.cross_validate(train, "cancer", baselines=False, seeds=[seed], **options).likelihoods
        inner = inner[inner["label"].notna()]
        size = inner.groupby("section", observed=True)["label"].transform("size")
        maps = curves(
            inner["likelihood"].to_numpy(), (inner["label"] == "cancer").to_numpy(), 1 / size.to_numpy(dtype=float)
        )
        model = spacrd.tl.fit(train, "cancer", seed=seed, **options)
        obs = spacrd.tl.score(test, model, copy=True)["table"].obs
        kept = obs["cancer"].notna().to_numpy()
        y, p = (obs["cancer"] == "cancer").to_numpy()[kept], obs["spacrd_likelihood"].to_numpy()[kept]
        for name, curve in maps.items():
            found = spacrd.metrics.scores(y, np.asarray(curve(p), dtype=np.float64))
            rows.append(
                {"curve": name, "seed": seed, "section": held_out} | {k: found[k] for k in ("ece", "brier", "auc")}
            )
            print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    seeds = parser.parse_args().seeds
    spacrd.settings.progress = False
    warnings.simplefilter("ignore")
    frame = pd.concat([run(seed) for seed in seeds])
    frame.round(4).to_csv(HERE / "results" / "calibration.csv", index=False)
    print(frame.pivot_table(index="curve", columns="section", values="ece", aggfunc="mean", margins=True).round(3))
    print(frame.groupby("curve")[["ece", "brier", "auc"]].mean().round(3))


if __name__ == "__main__":
    main()
