"""Results of a cross-validation and of a training, made without one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spacrd.metrics import section_facts
from spacrd.tl import CrossValidation
from spacrd.tl._cv._result import metrics_table

HISTORY = [{"stage": "alignment", "epoch": e, "contrastive": 6.0 - e} for e in range(3)] + [
    {"stage": "fusion", "epoch": e, "classification": 0.7 - 0.1 * e, "kl": 0.5} for e in range(4)
]
"""Losses of a training of two stages."""


def cross_validation(models: tuple[str, ...] = ("spacrd", "coin"), n: int = 400) -> CrossValidation:
    """Two sections; the first model is good, the others guess; some spots are to be ignored."""
    rng = np.random.default_rng(0)
    parts, runs = [], []
    for number, model in enumerate(models):
        for section in ("a", "b"):
            label = rng.choice(["invasive", "stroma", "undetermined"], n, p=[0.3, 0.6, 0.1])
            logit = rng.normal(np.where(label == "invasive", 1.5, -1.5) * (number == 0), 1.0)
            parts.append(
                pd.DataFrame({"section": section, "label": label, "likelihood": 1 / (1 + np.exp(-logit))}).assign(
                    model=model, seed=0
                )
            )
            runs.append({"model": model, "seed": 0, "section": section, "group": section, "threshold": 0.5})
            runs[-1] |= {"probability": True, "reason": "", **section_facts({})}
    spots = pd.concat(parts, ignore_index=True)
    spots["region"] = np.where(spots["likelihood"] >= 0.5, "cancer", "normal")
    facts = spots, pd.DataFrame(runs), ("invasive",), None, ("undetermined",)
    return CrossValidation(metrics_table(*facts), spots, *facts[2:])


def summary(n: int = 36) -> pd.DataFrame:
    """Table of ``n`` sections as spacrd.tl.summarise returns it."""
    rng = np.random.default_rng(0)
    share = rng.beta(1.2, 3, n)
    shares = {"expected_share": share, "share_low": share / 2, "share_high": np.minimum(1, 1.6 * share)}
    return pd.DataFrame(
        {
            "section": [f"patient_{i // 3 + 1}_{'abc'[i % 3]}" for i in range(n)],
            "verdict": rng.choice(["tumour", "unclear", "no tumour"], n),
            **shares,
            "called_share": np.clip(share + rng.normal(0, 0.06, n), 0, 1),
            "shift": rng.choice([False, True], n, p=[0.8, 0.2]),
        }
    )
