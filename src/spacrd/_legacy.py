"""AnnData with image and scale factors, as scanpy and squidpy plot it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ._checks import quote_names
from ._keys import Keys, is_storable
from ._sections import (
    NoImageError,
    Section,
    Selection,
    copy_data,
    get_table,
    is_spatialdata,
    place_on_image,
    place_rows,
    split_silently,
)
from .pl import spacing_of, whole_image

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData

    from ._sections import Placement

SIZE = "hires"
"""Name under which scanpy and squidpy look for the image first."""


def get_anndata(
    sdata: SpatialData,
    *,
    table_key: str = "table",
    library_key: str | None = None,
    image_key: str | None = None,
    coordinate_system: str | None = None,
) -> AnnData:
    """Copy the table of a SpatialData to an AnnData that scanpy and squidpy can plot over the image.

    ``sc.pl.spatial`` and ``sq.pl.spatial_scatter`` read image and scale factors from ``.uns["spatial"]``, which the
    table of a SpatialData does not hold. All rows and columns are kept, in their order.

    Parameters
    ----------
    sdata
        Sections with or without results. Not changed.
    table_key
        Table to copy.
    library_key
        Column of ``.obs`` that tells sections apart; by default the regions of the table.
    image_key
        Image of a section; by default as in :func:`spacrd.pp.extract_patches`.
    coordinate_system
        Coordinate system that spots and image share; by default as in :func:`spacrd.pp.extract_patches`.

    Returns
    -------
    The table in memory. Written in the copy: ``.obsm["spatial"]``, float64 (n_obs, 2), in pixels of the full-resolution
    image; and for each section ``.uns["spatial"][section]`` with ``images["hires"]``, uint8 (height, width, 3), at most
    1,500 pixels wide or high, and ``scalefactors``. A section without an image keeps its coordinates and has no images.

    Raises
    ------
    TypeError
        If ``sdata`` is no SpatialData.
    KeyError
        If the table, the column, the image or the coordinate system does not exist.
    ValueError
        If there are several images and none is named, or a name of a section cannot be kept in a file.

    Examples
    --------
    >>> import spacrd
    >>> section = spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60)
    >>> adata = spacrd.get_anndata(section)
    >>> adata.uns["spatial"]["toy"]["images"]["hires"].dtype
    dtype('uint8')
    """
    if not is_spatialdata(sdata):
        raise TypeError(
            f"Expected a SpatialData, got {type(sdata).__name__}. An AnnData that holds its image is plotted as it is."
        )
    table = get_table(sdata, table_key)
    selection = Selection(
        table_key=table_key, library_key=library_key, image_key=image_key, coordinate_system=coordinate_system
    )
    centres = np.full((table.n_obs, 2), np.nan)
    spatial: dict[str, Any] = {}
    sections = split_silently(sdata, selection)
    if unstorable := [section.name for section in sections if not is_storable(section.name)]:
        raise ValueError(
            f"Sections {quote_names(unstorable, 4)} cannot name entries of uns['spatial']: AnnData would lose them in "
            "files. Rename them to letters, digits, '_', '.' and '-'."
        )
    for section in sections:
        whole = _with_all_rows(section)
        centres[whole.rows], spatial[section.name] = _placed(whole, selection)
    copied = copy_data(table)
    stored = copied.uns.get(Keys.SPATIAL)
    stored = stored if isinstance(stored, Mapping) else {}
    stored = {name: entry for name, entry in stored.items() if isinstance(entry, Mapping)}
    copied.obsm[Keys.SPATIAL] = centres
    copied.uns[Keys.SPATIAL] = {name: {**stored.get(name, {}), **entry} for name, entry in spatial.items()}
    return copied


def _with_all_rows(section: Section) -> Section:
    """Return a section with its spots off the tissue, which are drawn like others."""
    if not len(section.off_tissue) or section.instance_ids is None:
        return section
    rows = section.all_rows
    key = section.table.uns["spatialdata_attrs"]["instance_key"]
    return replace(section, rows=rows, instance_ids=section.table.obs[key].to_numpy()[rows])


def _placed(section: Section, selection: Selection) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the centres of the spots in pixels, and what ``uns["spatial"]`` holds of their section."""
    try:
        placement = place_on_image(section, selection)
    except NoImageError:
        if selection.image_key is not None:
            raise
        placement = place_rows(section, selection)
        return placement.xy, {"images": {}, "scalefactors": {"spot_diameter_fullres": _diameter(placement, 1.0)}}
    pixels, scale = whole_image(placement.pyramid)
    centres = placement.xy @ placement.to_pixels[:2, :2].T + placement.to_pixels[:2, 2]
    factors = {
        f"tissue_{SIZE}_scalef": scale,
        "spot_diameter_fullres": _diameter(placement, placement.pyramid.pixels_per_unit),
    }
    return centres, {"images": {SIZE: pixels}, "scalefactors": factors}


def _diameter(placement: Placement, pixels_per_unit: float) -> float:
    """Return the diameter of spots in pixels; of cells, one that fills the tissue."""
    stored = placement.spot_diameter
    return float((stored if np.isfinite(stored) else spacing_of(placement.xy).filling) * pixels_per_unit)
