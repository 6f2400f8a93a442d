"""Make the golden models of the current format: `python -m tests.data.models.make`, from the root of the repository."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

import spacrd
from spacrd.model import RECIPES
from spacrd.model._config import FORMAT_VERSION

HERE = Path(__file__).parent
N_GENES, DIM = 14, 5
SIZES = {"hidden": (12, 8), "width": 8, "heads": 2, "vae_hidden": (8, 8), "latent": 4, "head_hidden": 8}
"""The smallest network that has every part."""
# Short, and without the pull that would outweigh the labels in so short a time.
SHORT = {"alignment_epochs": 4, "vae_epochs": 4, "fusion_epochs": 30, "separation": 0.0}


def make_section(seed: int) -> ad.AnnData:
    """64 spots on a grid, cancer on the left, told by five genes and three dimensions of the embedding."""
    rng = np.random.default_rng(seed)
    row, column = np.divmod(np.arange(64), 8)
    cancer = column < 3
    rate = np.full((64, N_GENES), 3.0)
    rate[cancer, :5] *= 3
    image = rng.normal(size=(64, DIM)) + cancer[:, None] * np.array([2, 2, 2, 0, 0])
    return as_section(
        np.column_stack([column, row]) * 100.0, rng.poisson(rate), image, np.where(cancer, "cancer", "stroma")
    )


def as_section(xy: np.ndarray, counts: np.ndarray, image: np.ndarray, label: np.ndarray) -> ad.AnnData:
    """Arrays as a section."""
    table = ad.AnnData(
        csr_matrix(counts.astype(np.float32)),
        obs=pd.DataFrame({"label": label}, index=[f"spot{i}" for i in range(len(xy))]),
        var=pd.DataFrame(index=[f"gene{i}" for i in range(counts.shape[1])]),
    )
    table.obsm["spatial"], table.obsm["X_golden"] = xy, image.astype(np.float32).round(4)
    return table


def write_section(table: ad.AnnData, file: Path) -> None:
    """As text: coordinates, label, counts, embedding."""
    columns = {
        "x": table.obsm["spatial"][:, 0],
        "y": table.obsm["spatial"][:, 1],
        "label": table.obs["label"].to_numpy(),
    }
    columns |= {name: table[:, name].X.toarray().ravel().astype(int) for name in table.var_names}
    columns |= {f"image{i}": values for i, values in enumerate(table.obsm["X_golden"].T)}
    pd.DataFrame(columns).to_csv(file, index=False)


def read_section(file: Path) -> ad.AnnData:
    """Inverse of :func:`write_section`."""
    frame = pd.read_csv(file, dtype=object)  # as text, as pandas alone does not read the very numbers
    xy, counts, image = (frame.filter(regex=name).to_numpy().astype(float) for name in ("^[xy]$", "^gene", "^image"))
    return as_section(xy, counts, image, frame["label"])


def scores(table: ad.AnnData) -> pd.DataFrame:
    """What a scored section is compared by: what the model gives, not the threshold that is cut into it."""
    frame = pd.DataFrame({name: table.obs[f"spacrd_{name}"].to_numpy() for name in ("likelihood", "uncertainty")})
    return frame.join(pd.DataFrame(table.obsm["X_spacrd"]).add_prefix("latent"))


def main() -> None:
    """Fit, save, score."""
    home = HERE / f"v{FORMAT_VERSION}"
    home.mkdir(exist_ok=True)
    write_section(make_section(7), home / "section.csv")
    section = read_section(home / "section.csv")
    published = replace(RECIPES["published"], network=SIZES, lr=1e-2, batch_size=32, **SHORT)
    for name, recipe in {"default": RECIPES["default"], "published": published}.items():
        training = [make_section(seed) for seed in (1, 2, 3)]
        model = spacrd.tl.fit(training, "label", positive="cancer", image_rep="X_golden", recipe=recipe)
        model.save(home / name, overwrite=(home / name).exists())
        scores(spacrd.tl.score(section, model, copy=True)).to_csv(home / f"{name}.csv", index=False)


if __name__ == "__main__":
    main()
