"""The folder of a legacy-ST study, in the layouts in which it is shared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

LAYOUTS = {
    "plain": ("counts", "spots", "images/A1_HE.jpg", "labels", ".gz"),
    "github": ("data/ST-cnts", "data/ST-spotfiles", "data/ST-imgs/A/A1/x_HE.jpg", "data/ST-pat/lbl", ".gz"),
    "zenodo": ("count-matrices", "spot-selections", "images/HE/A1.jpg", "meta", ""),
}


def write_study(root: Path, layout: str = "plain") -> Path:
    """A section of 4 x 3 spots, 20 pixels apart; one count row without a spot, one spot without counts."""
    counts, spots, image, labels, zipped = LAYOUTS[layout]
    for folder in (counts, spots, str(Path(image).parent), labels):
        (root / folder).mkdir(parents=True, exist_ok=True)
    x, y = (a.ravel() for a in np.meshgrid(np.arange(1, 5), np.arange(1, 4)))
    names = [f"{a}x{b}" for a, b in zip(x, y, strict=True)]
    rng = np.random.default_rng(0)
    matrix = pd.DataFrame(rng.poisson(2, (12, 3)), index=names, columns=["ERBB2", "GAPDH", "GAPDH"])
    shuffled = pd.concat([matrix.iloc[1:].sample(frac=1, random_state=1), matrix.iloc[:1].rename({"1x1": "9x9"})])
    shuffled.to_csv(root / counts / f"A1.tsv{zipped}", sep="\t")
    table = pd.DataFrame({"x": x, "y": y, "new_x": x + 0.1, "new_y": y, "pixel_x": 20.0 * x, "pixel_y": 20.0 * y})
    table.assign(selected=1).to_csv(root / spots / "A1_selection.tsv", sep="\t", index=False)
    given = pd.DataFrame({"Row.names": names, "x": x - 0.2, "y": y + 0.3, "label": "invasive cancer"})
    given.loc[3, "label"] = "adipose tissue"
    given.loc[4, ["x", "y"]] = np.nan
    given.to_csv(root / labels / "A1_labeled_coordinates.tsv", sep="\t", index=False)
    pixels = np.zeros((80, 100, 3), dtype=np.uint8)
    pixels[:, 50:] = 200
    Image.fromarray(pixels).save(root / image, quality=95)
    return root


def write_cohort(root: Path, names: tuple[str, ...], n: int = 9) -> Path:
    """Annotated sections of ``n`` x ``n`` spots without images; the left half is cancer, and its genes are high."""
    for folder in ("counts", "spots", "labels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    x, y = (a.ravel() for a in np.meshgrid(np.arange(1, n + 1), np.arange(1, n + 1)))
    spots = [f"{a}x{b}" for a, b in zip(x, y, strict=True)]
    cancer = x <= n // 2
    for number, name in enumerate(names):
        rate = np.full((n * n, 30), 4.0)
        rate[cancer, :10] *= 3
        counts = np.random.default_rng(number).poisson(rate)
        table = pd.DataFrame(counts, index=spots, columns=[f"GENE{gene}" for gene in range(30)])
        table.to_csv(root / "counts" / f"{name}.tsv.gz", sep="\t")
        places = pd.DataFrame({"x": x, "y": y, "pixel_x": 20.0 * x, "pixel_y": 20.0 * y})
        places.to_csv(root / "spots" / f"{name}_selection.tsv", sep="\t", index=False)
        labels = pd.DataFrame({"x": x, "y": y, "label": np.where(cancer, "invasive cancer", "adipose tissue")})
        labels.loc[0, "label"] = "undetermined"
        labels.to_csv(root / "labels" / f"{name}_labeled_coordinates.tsv", sep="\t", index=False)
    return root
