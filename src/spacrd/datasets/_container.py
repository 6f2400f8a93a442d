"""Build a section as :func:`spatialdata_io.visium` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from scipy import sparse
    from spatialdata import SpatialData

_CHUNK = 1024
_LEVELS = 5


@dataclass(frozen=True)
class ImageElements:
    """Images of a section.

    Attributes
    ----------
    elements
        Elements by their name.
    downscaled
        Pixels of a reduced image (``"hires"``, ``"lowres"``) per full-resolution pixel.
    """

    elements: Mapping[str, Any]
    downscaled: Mapping[str, float] = field(default_factory=dict)


def build_section(
    name: str,
    counts: sparse.csr_matrix,
    obs: pd.DataFrame,
    var: pd.DataFrame,
    xy: np.ndarray,
    *,
    diameter: float,
    images: ImageElements,
    facts: Mapping[str, Any],
) -> SpatialData:
    """Build the SpatialData object of one section.

    Parameters
    ----------
    name
        Name of the section.
    counts
        Raw counts ``(n_spots, n_genes)``.
    obs, var
        Annotation of spots and genes, indexed by their names. ``obs`` starts with the three columns of the reader
        that say where a spot is; labels may follow.
    xy
        Spot centres ``(n_spots, 2)`` in full-resolution pixels.
    diameter
        Spot diameter in full-resolution pixels.
    images
        Its images.
    facts
        What is kept in ``uns["spatial"][name]``: metadata, scale factors.
    """
    import anndata as ad
    import pandas as pd
    from spatialdata import SpatialData
    from spatialdata.models import ShapesModel, TableModel
    from spatialdata.transformations import Identity, Scale

    obs = obs.copy()
    obs.insert(min(3, obs.shape[1]), "spot_id", np.arange(len(obs)))
    obs.insert(min(4, obs.shape[1]), "region", pd.Categorical([name] * len(obs)))
    described = {"spatial": {name: dict(facts)}}
    table = ad.AnnData(counts, obs=obs, var=var, obsm={"spatial": xy}, uns=described)
    table = TableModel.parse(table, region=name, region_key="region", instance_key="spot_id")
    scales = {f"{name}_downscaled_{key}": Scale([f, f], axes=("y", "x")) for key, f in images.downscaled.items()}
    circles = ShapesModel.parse(
        xy,
        geometry=0,
        radius=diameter / 2,
        index=table.obs["spot_id"].copy(),
        transformations={name: Identity(), **scales},
    )
    return SpatialData(images=dict(images.elements), shapes={name: circles}, tables={"table": table})


def gene_table(symbols: Iterable[str]) -> pd.DataFrame:
    """Make ``var`` indexed by symbols; repeated ones are made unique as the reader does."""
    import pandas as pd
    from anndata.utils import make_index_unique

    symbols = pd.Index(symbols, dtype=str)
    return pd.DataFrame({"feature_types": "Gene Expression"}, index=make_index_unique(symbols))


def full_image(level_pixels: Callable[[int], Any], name: str, transformation: Any) -> Any:
    """Make a lazy image of five scales.

    Parameters
    ----------
    level_pixels
        Gives uint8 RGB ``(y, x, 3)``, dask or NumPy, of a level; level ``n`` has ``size // 2**n`` pixels. By itself
        the model averages each level from the one before, at every access from the full resolution on.
    name
        Name of the section and of its coordinate system.
    transformation
        From pixels to the coordinate system.
    """
    import dask.array as da
    from spatialdata.models import Image2DModel

    def lazy(level: int) -> Any:
        return da.asarray(level_pixels(level)).transpose(2, 0, 1).rechunk((3, _CHUNK, _CHUNK))

    tree = Image2DModel.parse(
        lazy(0),
        dims=("c", "y", "x"),
        c_coords=["r", "g", "b"],
        scale_factors=[2] * (_LEVELS - 1),
        transformations={name: transformation},
    )
    for level in range(1, _LEVELS):
        averaged = tree[f"scale{level}"]["image"]
        tree[f"scale{level}"]["image"] = averaged.copy(data=lazy(level))
    return tree


def halved(pixels: np.ndarray, level: int) -> np.ndarray:
    """Average uint8 ``(y, x, 3)`` over squares of ``2**level`` pixels; what is left over at the rim goes."""
    from PIL import Image

    if level == 0:
        return pixels
    height, width = (n >> level << level for n in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels[:height, :width]).reduce(2**level))


def reduced_image(pixels: np.ndarray, name: str, key: str, factor: float) -> Any:
    """Make an image of one scale, ``factor`` of its pixels to one full-resolution pixel."""
    import dask.array as da
    from spatialdata.models import Image2DModel
    from spatialdata.transformations import Identity, Scale

    to_full = Scale([factor, factor], axes=("y", "x")).inverse()
    return Image2DModel.parse(
        da.from_array(np.ascontiguousarray(pixels.transpose(2, 0, 1))),
        dims=("c", "y", "x"),
        c_coords=["r", "g", "b"],
        transformations={f"{name}_downscaled_{key}": Identity(), name: to_full},
    )
