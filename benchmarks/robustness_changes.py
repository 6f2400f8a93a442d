"""What is done to a section before it is scored: things that must not matter, and things that must."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
from anndata import AnnData
from benchmarks.sections import IMAGE_REP
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree
from skimage.color import hed_from_rgb, rgb_from_hed

import spacrd
from spacrd.encoders._handcrafted import SIZE, encode

PATCH_UM = 100.0
"""Side of the patches: the spots of legacy Spatial Transcriptomics."""
SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class Subject:
    """A held-out section, and its patches in the order of its spots, (n, SIZE, SIZE, 3) uint8, if it has an image."""

    table: AnnData
    patches: np.ndarray | None

    def copy(self) -> AnnData:
        return self.table.copy()

    def seen(self, patches: np.ndarray) -> AnnData:
        """The section with other patches."""
        table = self.copy()
        table.obsm[IMAGE_REP] = encode(patches)
        return table


def subject(sdata, *, image: bool) -> Subject:
    """A section as one table."""
    table = sdata["table"].copy()
    del table.uns["spatialdata_attrs"]
    if not image:
        return Subject(table, None)
    kept: list[np.ndarray] = []

    def keep(patches: np.ndarray) -> np.ndarray:
        start = sum(map(len, kept))
        kept.append(patches.copy())
        return np.arange(start, start + len(patches))[:, None]

    spacrd.encoders.register("kept", keep, dim=1, size=SIZE, overwrite=True)
    copy = spacrd.pp.extract_patches(sdata, encoder="kept", key_added="X_kept", copy=True)
    patches = np.concatenate(kept)[copy["table"].obsm["X_kept"].ravel().astype(int)]
    np.testing.assert_array_equal(encode(patches), table.obsm[IMAGE_REP])
    return Subject(table, patches)


# What must not matter.


def placed(of: Subject, xy: np.ndarray) -> AnnData:
    """The section with other coordinates."""
    table = of.copy()
    table.obsm["spatial"] = xy
    return table


def turned(of: Subject, degrees: float) -> AnnData:
    """Coordinates turned around the origin."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return placed(of, np.asarray(of.table.obsm["spatial"], dtype=np.float64) @ turn.T)


def in_pixels(table: AnnData) -> AnnData:
    """The section with coordinates rounded to pixels of its full-resolution image."""
    return placed(Subject(table, None), np.round(np.asarray(table.obsm["spatial"], dtype=np.float64)))


def lattice(of: Subject) -> Subject:
    """The section on whole numbers of the array, where four diagonal neighbours compete for two places."""
    return Subject(placed(of, of.table.obs[["array_col", "array_row"]].to_numpy(dtype=np.float64)), of.patches)


def further_genes(of: Subject, rng: np.random.Generator, number: int = 1000) -> AnnData:
    """Genes that the model does not know beside the section's own."""
    counts = csr_matrix(rng.poisson(1.0, (of.table.n_obs, number)).astype(np.float32))
    names = pd.DataFrame(index=[f"further_{i}" for i in range(number)])
    wide = ad.concat([of.table, AnnData(counts, of.table.obs[[]].copy(), names)], axis=1)
    wide.obs, wide.obsm, wide.uns = of.table.obs, of.table.obsm, of.table.uns
    return wide


def beside(of: Subject, other: Subject) -> AnnData:
    """Two sections in one object, which then has the genes they share."""
    joint = ad.concat({"this": of.table, "other": other.table}, label="library", index_unique="-")
    joint.uns = of.table.uns
    return joint


MATTER_NOT: dict[str, Callable[[Subject, np.random.Generator], AnnData]] = {
    "spots in another order": lambda of, rng: of.table[rng.permutation(of.table.n_obs)].copy(),
    "genes in another order": lambda of, rng: of.table[:, rng.permutation(of.table.n_vars)].copy(),
    "1,000 further genes": further_genes,
    "moved by a million": lambda of, _: placed(of, np.asarray(of.table.obsm["spatial"]) + 1e6),
    "turned by 15 degrees": lambda of, _: turned(of, 15),
    "turned by 90 degrees": lambda of, _: turned(of, 90),
    "mirrored": lambda of, _: placed(of, np.asarray(of.table.obsm["spatial"]) * [-1, 1]),
    "whole pixels": lambda of, _: in_pixels(of.table),
    "turned by 15 degrees, whole pixels": lambda of, _: in_pixels(turned(of, 15)),
    "turned by 40 degrees, whole pixels": lambda of, _: in_pixels(turned(of, 40)),
}

# What must.


def genes_dropped(of: Subject, share: float, rng: np.random.Generator) -> AnnData:
    """A panel that lacks a share of the genes."""
    return of.table[:, np.sort(rng.permutation(of.table.n_vars)[round(share * of.table.n_vars) :])].copy()


def counts_thinned(of: Subject, share: float, rng: np.random.Generator) -> AnnData:
    """Every molecule lost with a probability."""
    table = of.copy()
    table.X.data = rng.binomial(table.X.data.astype(np.int64), 1 - share).astype(np.float32)
    table.X.eliminate_zeros()
    return table


def stain_shifted(of: Subject, strength: float, rng: np.random.Generator) -> AnnData:
    """Hematoxylin, eosin and residual, each scaled and moved, the same in all patches (Tellez et al. 2018).

    Factors are 1 +- ``strength``; offsets +- ``strength`` times the stain's own mean over the section.
    """
    density = -np.log10(np.maximum(of.patches, 1) / np.float32(255))
    stains = density @ hed_from_rgb.astype(np.float32)
    mean = np.abs(stains).mean(axis=(0, 1, 2))
    factor, offset = 1 + rng.uniform(-strength, strength, 3), rng.uniform(-strength, strength, 3) * mean
    density = (stains * factor + offset).astype(np.float32) @ rgb_from_hed.astype(np.float32)
    return of.seen((255 * 10 ** -np.maximum(density, 0)).round().astype(np.uint8))


def blurred(of: Subject, um: float, _: np.random.Generator) -> AnnData:
    """A Gaussian of ``um`` micrometres, patch by patch."""
    sigma = um * SIZE / PATCH_UM
    return of.seen(np.stack([gaussian_filter(patch, (sigma, sigma, 0)) for patch in of.patches]))


def cropped(of: Subject, share: float, rng: np.random.Generator) -> AnnData:
    """The part of a section that lies around one of its spots: all but ``share`` is cut away."""
    xy = np.asarray(of.table.obsm["spatial"], dtype=np.float64)
    centre = xy[rng.integers(len(xy))]
    _, near = cKDTree(xy).query(centre, k=round((1 - share) * len(xy)))
    return of.table[np.sort(near)].copy()


MATTER: dict[str, tuple[Callable[[Subject, float, np.random.Generator], AnnData], tuple[float, ...], int]] = {
    "genes dropped": (genes_dropped, SHARES, 2),
    "counts thinned": (counts_thinned, SHARES, 2),
    "stain shifted": (stain_shifted, (0.05, 0.1, 0.2, 0.4), 2),
    "blurred, um": (blurred, (1.0, 2.0, 4.0, 8.0), 1),
    "cropped": (cropped, (0.25, 0.5, 0.75, 0.9), 3),
}
"""What is done, how strongly, and with how many seeds."""
NEEDS_IMAGE = {"stain shifted", "blurred, um"}
