"""The real sections that benchmarks are run on, and which of them make a protocol."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import spacrd

HERE = Path(__file__).parent
DATA = Path(os.environ.get("SPACRD_DATA") or HERE.parents[1] / "shared" / "data") / "her2st"
POSITIVE = ("invasive cancer", "cancer in situ")
PROTOCOLS = {
    "expression": ("A1", "B1", "C1", "E1", "G2"),
    "multimodal": ("A1", "B4", "C2", "C3"),
}
IMAGE_REP = "X_patches"


def read(section: str, folder: Path = DATA):
    """One section with ``obs["cancer"]``: cancer, other, undetermined or NaN; proxy where there is no pathologist."""
    sdata = spacrd.datasets.her2st(folder, section)
    obs = sdata["table"].obs
    if "pathologist" in obs:
        text = obs["pathologist"].astype(object)
        cancer = text.where(text.isna() | (text == "undetermined"), np.where(text.isin(POSITIVE), "cancer", "other"))
    else:
        proxy = obs["proxy_cancer"].astype(object)
        cancer = proxy.where(proxy.isna(), np.where(proxy == "cancer", "cancer", "other"))
        cancer[obs["proxy_label"].astype(object) == "undetermined"] = "undetermined"
    obs["cancer"] = pd.Categorical(cancer, categories=["cancer", "other", "undetermined"])
    return sdata


@cache
def section(name: str, encoder: str | None = None, weights: str | bool | None = None, patch_um: float | None = None):
    """A section, its patches embedded under :data:`IMAGE_REP` if there is an encoder; read once per process."""
    sdata = read(name)
    if encoder is not None:
        size = {} if patch_um is None else {"patch_um": patch_um}
        spacrd.pp.extract_patches(sdata, encoder=encoder, weights=weights, key_added=IMAGE_REP, **size)
    return sdata


def stored_rows(description: str | None, measure: Callable[[], Iterable[dict[str, Any]]], file: Path) -> pd.DataFrame:
    """Measure and write the rows of a benchmark, or with ``--table`` on the command line read those of before."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="print the table of the stored rows, compute nothing")
    if not parser.parse_args().table:
        spacrd.settings.progress = False
        warnings.simplefilter("ignore")
        pd.DataFrame(list(measure())).round(4).to_csv(file, index=False)
    return pd.read_csv(file)
