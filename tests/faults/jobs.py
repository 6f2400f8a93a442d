"""Work that writes to disk: what it leaves there, and the result it must come to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import spacrd.model
from tests.making.image_sections import make_adata
from tests.making.recipes import SHORT
from tests.making.scored import scored_adata
from tests.making.sections import POSITIVE, make_section


@dataclass(frozen=True)
class Job:
    """One call of spacrd in a folder.

    Attributes
    ----------
    prepare
        Writes the old state.
    run
        Does the work; returns a digest of the result.
    state
        Digest of what a user finds in the folder; it raises where nothing can be read.
    """

    prepare: Callable[[Path], Any]
    run: Callable[[Path], str]
    state: Callable[[Path], str]


def digest(*parts: Any) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes())
    return found.hexdigest()[:16]


def nothing(_: Path) -> str:
    return ""


def extract(folder: Path) -> str:
    from spacrd.pp import _embed

    _embed.BLOCK = 8
    spacrd.encoders.register("colour", lambda p: p.mean((1, 2)), dim=3, size=32, overwrite=True)
    adata = make_adata()
    spacrd.pp.extract_patches(adata, encoder="colour", batch_size=4, resume=folder / "blocks")
    return digest(adata.obsm["X_colour"])


def cross_validate(folder: Path) -> str:
    data = [make_section(seed, n=49) for seed in range(3)]
    found = spacrd.tl.cross_validate(
        data, "pathologist", positive=POSITIVE, recipe=SHORT, baselines=["logistic own genes"], resume=folder / "cv"
    )
    return digest(found.likelihoods["likelihood"].to_numpy(), found.metrics.to_csv().encode())


def fitted(seed: int) -> Any:
    data = [make_section(number, n=49) for number in (1, 2)]
    return spacrd.tl.fit(data, "pathologist", positive=POSITIVE, recipe=SHORT, seed=seed)


_models: dict[int, Any] = {}


def model(seed: int) -> Any:
    """A fitted model, kept."""
    if seed not in _models:
        _models[seed] = fitted(seed)
    return _models[seed]


def save(folder: Path, *, seed: int = 1) -> str:
    model(seed).save(folder / "model", overwrite=True)
    return model_state(folder)


def fit_and_save(folder: Path) -> str:
    fitted(1).save(folder / "model", overwrite=True)
    return model_state(folder)


def model_state(folder: Path) -> str:
    """The model in the folder, down to its last weight."""
    target = make_section(3, n=49)
    found = spacrd.SpaCRD.load(folder / "model")
    spacrd.tl.score(target, found)
    # All its files belong together.
    texts = [(folder / "model" / name).read_bytes() for name in ("config.json", "history.json", "README.md")]
    return digest(target.obs["spacrd_likelihood"].to_numpy(), *texts)


def regions(folder: Path, *, seed: int = 1) -> str:
    spacrd.tl.regions(scored_adata(seed=seed), mpp=1.0 + seed, geojson=folder / "cancer.geojson")
    return file_state(folder)


def file_state(folder: Path) -> str:
    """The one file in the folder that is not hidden."""
    (file,) = [file for file in folder.iterdir() if not file.name.startswith(".")]
    return digest(file.read_bytes())


def figure(folder: Path, *, seed: int = 1) -> str:
    spacrd.pl.likelihood(scored_adata(seed=seed), show=False, save=folder / "map.png")
    return file_state(folder)


JOBS = {
    "extract": Job(nothing, extract, nothing),
    "cross_validate": Job(nothing, cross_validate, nothing),
    "save": Job(lambda folder: save(folder, seed=0), save, model_state),
    "fit and save": Job(lambda folder: save(folder, seed=0), fit_and_save, model_state),
    "regions": Job(lambda folder: regions(folder, seed=0), regions, file_state),
    "figure": Job(lambda folder: figure(folder, seed=0), figure, file_state),
}
