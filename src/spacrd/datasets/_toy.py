"""A simulated Visium section, as spatialdata-io would read it."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_bools, check_positive_int, check_result_key
from .._keys import Keys

if TYPE_CHECKING:
    from spatialdata import SpatialData

    from ._container import ImageElements

_PITCH_UM = 100.0
_SPOT_DIAMETER_UM = 65.0
_MARGIN_UM = 220.0
MAX_BATCH = 10.0
"""Strength of a batch effect beyond which counts are too large for numbers."""


def _hexagonal(n_rows: int, n_cols: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return array row and column of each position of a Visium lattice, and its centre in um."""
    rows, columns = (index.ravel() for index in np.mgrid[:n_rows, :n_cols])
    columns = 2 * columns + rows % 2
    xy = np.stack([columns * _PITCH_UM / 2, rows * _PITCH_UM * 3**0.5 / 2], axis=1) + _MARGIN_UM
    return rows.astype(np.int64), columns.astype(np.int64), xy


def _barcodes(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the barcode of each position: as on real slides, the same one in every section."""
    digits = rows.astype(np.uint64) * np.uint64(4096) + columns.astype(np.uint64)
    # An odd factor permutes the 2**32 codes: distinct positions get distinct, shuffled barcodes.
    codes = (digits * np.uint64(2654435761) + np.uint64(974711)) % np.uint64(2**32)
    letters = np.array(list("ACGT"))
    spelled = letters[(codes[:, None] >> (2 * np.arange(16, dtype=np.uint64))) % np.uint64(4)]
    return np.array(["".join(row) + "-1" for row in spelled])


def _images(pixels: np.ndarray, name: str, *, full: bool) -> ImageElements:
    """Make the image elements of a section from (height, width, 3) pixels: reduced ones, and the full one if asked."""
    from PIL import Image
    from spatialdata.transformations import Identity

    from . import _container

    height, width = pixels.shape[:2]
    factors = {"hires": min(0.5, 2000 / max(pixels.shape)), "lowres": min(0.15, 600 / max(pixels.shape))}
    images: dict[str, Any] = {}
    if full:
        images[f"{name}_full_image"] = _container.full_image(
            lambda level: _container.halved(pixels, level), name, Identity()
        )
    for key, factor in factors.items():
        size = (round(width * factor), round(height * factor))
        reduced = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
        images[f"{name}_{key}_image"] = _container.reduced_image(reduced, name, key, factor)
    return _container.ImageElements(images, factors)


def _check_library(name: str) -> None:
    """Refuse a section of which SpatialData cannot name elements, also on disk."""
    check_result_key(name, "library_id")
    if Keys.element(name) != name:
        raise ValueError(f"library_id={name!r} cannot name elements: use letters, digits, '_', '.' and '-'.")


def check_range(argument: str, value: Any, least: float, most: float) -> None:
    """Refuse what is no number, or out of range."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{argument} must be a number, got {value!r} ({type(value).__name__}).")
    if not least <= float(value) <= most:
        raise ValueError(f"{argument}={value!r} is out of range: it must be between {least:g} and {most:g}.")


def toy_visium(
    *,
    n_rows: int = 26,
    n_cols: int = 28,
    n_genes: int = 600,
    library_id: str = "toy",
    seed: int = 0,
    batch: float = 1.0,
    tumour: bool = True,
    unlabelled: float = 0.0,
    full_image: bool = True,
    mpp: float = 1.0,
) -> SpatialData:
    """Simulate a Visium section of a breast tumour: image, counts and labels.

    The result has the shape :func:`spatialdata_io.visium` returns. Image, counts and labels come from one map of
    the tissue: nests of invasive cancer, ducts filled with cancer in situ, glands, connective tissue, fat and
    lymphocyte infiltrates. Every section shares genes and their programmes; each ``seed`` has its own tissue, stain
    and batch effect. Nothing in it is real tissue.

    Parameters
    ----------
    n_rows, n_cols
        Spots of the lattice, at 100 um pitch; those off the tissue are left out.
    n_genes
        Number of genes. Marker genes of each class come first in line, so few genes are enough.
    library_id
        Name of the section: of its spots (``shapes``), of its coordinate systems, and the prefix of its images.
    seed
        Same seed, same section; another seed, another section.
    batch
        Strength of the batch effect on the counts (depth, gain of each gene, ambient RNA, which tumour genes are
        on), 0 (none) to 10.
    tumour
        Whether there is any cancer.
    unlabelled
        Share of spots whose label is missing (NaN), 0 to 1.
    full_image
        Whether to add the full-resolution image, or only the hires and lowres one.
    mpp
        um per pixel of the full-resolution image.

    Returns
    -------
    SpatialData with

    - ``shapes[library_id]``: spots as circles of 65 um diameter, full-resolution pixels, index ``spot_id``;
    - ``tables["table"]``: raw counts as float32 CSR; ``obs`` has ``in_tissue``, ``array_row``, ``array_col``,
      ``spot_id``, ``region`` and ``pathologist`` (the class of the tissue, a category);
      ``obsm["spatial"]`` in full-resolution pixels;
    - ``images``: ``{library_id}_full_image`` (five scales), ``{library_id}_hires_image`` and
      ``{library_id}_lowres_image``, RGB uint8;
    - coordinate systems ``{library_id}``, ``{library_id}_downscaled_hires`` and ``{library_id}_downscaled_lowres``.

    Raises
    ------
    TypeError
        If ``library_id`` is no text, ``n_rows``, ``n_cols``, ``n_genes`` or ``seed`` no whole number, or a share or
        strength no number.
    ValueError
        If a size, share or strength is out of range, or SpatialData cannot have elements called ``library_id``.

    See Also
    --------
    spacrd.datasets.toy_xenium : Cells in place of spots.
    spacrd.datasets.her2st : Real sections.

    Examples
    --------
    >>> import spacrd
    >>> sdata = spacrd.datasets.toy_visium(n_rows=12, n_cols=12, seed=1)
    >>> sorted(sdata.images)
    ['toy_full_image', 'toy_hires_image', 'toy_lowres_image']
    """
    for argument, value, least in (("n_rows", n_rows, 6), ("n_cols", n_cols, 6), ("n_genes", n_genes, 1)):
        check_positive_int(value, argument, minimum=least)
    check_positive_int(seed, "seed", minimum=0)
    check_bools(tumour=tumour, full_image=full_image)
    _check_library(library_id)
    check_range("unlabelled", unlabelled, 0.0, 1.0)
    check_range("batch", batch, 0.0, MAX_BATCH)
    check_range("mpp", mpp, 0.25, 4.0)

    import pandas as pd

    from . import _container
    from ._toy_counts import draw_counts, gene_names
    from ._toy_image import paint
    from ._toy_tissue import CLASSES, GRID_UM, OUTSIDE, grow_tissue

    layout, stain, biology = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    rows, columns, xy_um = _hexagonal(n_rows, n_cols)
    width_um, height_um = xy_um.max(axis=0) + _MARGIN_UM
    tissue = grow_tissue(layout, width_um, height_um, tumour=tumour)
    cell = (xy_um / GRID_UM).astype(int)
    in_tissue = np.flatnonzero(tissue.classes[cell[:, 1], cell[:, 0]] != OUTSIDE)
    names = _barcodes(rows[in_tissue], columns[in_tissue])
    in_tissue, names = in_tissue[np.argsort(names)], np.sort(names)

    genes = gene_names(n_genes)
    counts = draw_counts(biology, tissue, xy_um[in_tissue], genes, batch=batch)
    labels = np.array(CLASSES, dtype=object)[tissue.fractions(xy_um[in_tissue], 22.0).argmax(axis=1)]
    labels[biology.permutation(len(in_tissue))[: round(unlabelled * len(in_tissue))]] = None
    pixels = paint(stain, tissue, (int(height_um / mpp), int(width_um / mpp)), mpp)
    obs = pd.DataFrame(
        {
            "in_tissue": np.ones(len(in_tissue), dtype=np.int64),
            "array_row": rows[in_tissue],
            "array_col": columns[in_tissue],
            "pathologist": pd.Categorical(labels),
        },
        index=names,
    )
    return _container.build_section(
        library_id,
        counts,
        obs,
        _container.gene_table(genes),
        xy_um[in_tissue] / mpp,
        diameter=_SPOT_DIAMETER_UM / mpp,
        images=_images(pixels, library_id, full=full_image),
        facts={"metadata": {"chemistry_description": "simulated"}},
    )
