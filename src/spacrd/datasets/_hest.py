"""Reader of HEST-1k, as spatialdata-io would read its sections."""

from __future__ import annotations

import json
import reprlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_bools, quote_names, warn
from .._classes import MISSING, class_name
from .._files import checked_path
from .._keys import is_storable
from .._settings import logger

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from geopandas import GeoDataFrame
    from spatialdata import SpatialData

_WHERE = (
    "HEST-1k is on the Hugging Face hub, after its terms are accepted: "
    "https://huggingface.co/datasets/MahmoodLab/hest. Keep its folders 'st', 'wsis' and 'metadata'."
)
_SHARES = {"visium": 0.65, "spatial transcriptomics": 0.5}
"""Spot diameter of a technology in distances between spots; others are pooled into squares that touch."""
_CELLS = {"xenium_cells": "xenium_cell_seg", "xenium_nuclei": "xenium_nucleus_seg"}
"""Shapes, and the end of the name of their file in ``xenium_seg``."""
_PIXEL_SIZES = ("pixel_size_um_estimated", "pixel_size_um_embedded")
_PLACES = ("in_tissue", "array_row", "array_col")


def hest(path: str | Path, section: str, *, cells: bool = True) -> SpatialData:
    """Read one section of HEST-1k (Visium, Visium HD, Xenium and legacy Spatial Transcriptomics).

    More than 1,200 sections of 26 organs with their H&E image at full resolution. They have no labels of cancer: draw
    some (:func:`spacrd.pp.annotate`) to fit on them, or score them. The data are not part of this package: get them
    from https://huggingface.co/datasets/MahmoodLab/hest (non-commercial licence).

    Parameters
    ----------
    path
        Folder of the data set. In it are read

        - ``st/<section>.h5ad``: counts; of Xenium and Visium HD already pooled into squares;
        - ``metadata/<section>.json``: pixel size, technology, organ, patient and more;
        - ``wsis/<section>.tif`` (optional): the image;
        - ``xenium_seg/<section>_xenium_cell_seg.parquet`` and ``..._nucleus_seg.parquet`` (optional): outlines of
          Xenium cells and nuclei in pixels of the image.
    section
        Identifier of the section, e.g. ``"TENX95"``.
    cells
        Whether to read outlines of Xenium cells and nuclei, which may be half a million.

    Returns
    -------
    SpatialData with

    - ``shapes[section]``: spots as circles in full-resolution pixels, index ``spot_id``; of Xenium and Visium HD as
      wide as the squares that were pooled;
    - ``tables["table"]``: raw counts as float32 CSR; ``obs`` has ``in_tissue``, ``array_row``, ``array_col``,
      ``spot_id``, ``region``, ``patient`` (if it is known) and the columns of the file; ``obsm["spatial"]`` in
      full-resolution pixels; ``uns["spatial"][section]`` has the metadata and ``microns_per_pixel``, the scale;
    - ``images[f"{section}_full_image"]``: the image, lazily, with all its resolutions; absent if there is no file;
    - ``shapes[f"{section}_xenium_cells"]`` and ``shapes[f"{section}_xenium_nuclei"]``, indexed by cell, if there are
      files of them;
    - one coordinate system named after the section.

    Raises
    ------
    FileNotFoundError
        If the folder, the counts or the metadata of the section are missing.
    ValueError
        If there is no such section, a file is damaged, or the spots do not lie on the image.

    References
    ----------
    Jaume G et al. (2024). HEST-1k: a dataset for spatial transcriptomics and histology image analysis. NeurIPS.

    See Also
    --------
    spacrd.datasets.her2st : Sections with labels of a pathologist.

    Examples
    --------
    With a section in a folder ``hest``:

    >>> import spacrd
    >>> sdata = spacrd.datasets.hest("hest", "TENX1")
    >>> sorted(sdata.images)
    ['TENX1_full_image']
    """
    from . import _container

    check_bools(cells=cells)
    root = checked_path(path, "path", "a folder")
    counts_file = _find(root, section)
    metadata, mpp = _read_metadata(root / "metadata" / f"{section}.json")
    table = _read_counts(counts_file)
    xy = _places(table, counts_file)
    images = _open_image(root / "wsis" / f"{section}.tif", section, xy)
    if mpp is None:
        warn(f"Section {section!r}: the metadata state no pixel size. The scale is found from the spots, if it can be.")
    sdata = _container.build_section(
        section,
        _sparse(table.X),
        _obs(table, metadata, counts_file),
        _var(table),
        xy,
        diameter=_diameter(xy, metadata),
        images=_container.ImageElements(images),
        facts={"metadata": metadata, "scalefactors": {} if mpp is None else {"microns_per_pixel": mpp}},
    )
    if cells:
        for name, ending in _CELLS.items():
            file = root / "xenium_seg" / f"{section}_{ending}.parquet"
            if file.is_file():
                sdata.shapes[f"{section}_{name}"] = _outlines(file, section)
    return sdata


def _find(root: Path, section: str) -> Path:
    """Return the file of counts of a section."""
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {str(root)!r}. {_WHERE}")
    names = sorted(file.stem for file in (root / "st").glob("*.h5ad"))
    if not names:
        raise FileNotFoundError(f"{str(root)!r} has no counts, 'st/*.h5ad'. {_WHERE}")
    if section not in names:
        raise ValueError(f"There is no section {section!r} in {str(root / 'st')!r}. Available: {quote_names(names)}.")
    return root / "st" / f"{section}.h5ad"


def _read_metadata(file: Path) -> tuple[dict[str, Any], float | None]:
    """Read the metadata of a section, texts and finite numbers that a file can hold, and micrometres per pixel."""
    if not file.is_file():
        raise FileNotFoundError(f"There are no metadata {str(file)!r}, which say how large pixels are. {_WHERE}")
    try:
        metadata = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{str(file)!r} is no JSON ({error}). Copy it again.") from error
    if not isinstance(metadata, dict):
        raise ValueError(f"{str(file)!r} must hold names and values, got {type(metadata).__name__}. Copy it again.")
    kept = {
        str(name): value
        for name, value in metadata.items()
        if is_storable(name)
        and ((isinstance(value, str) and "\0" not in value) or (isinstance(value, int | float) and abs(value) < 2**63))
    }
    sizes = (_pixel_size(metadata.get(name), name, file) for name in _PIXEL_SIZES)
    return kept, next((size for size in sizes if size is not None), None)


def _read_counts(file: Path) -> AnnData:
    import anndata

    try:
        table = anndata.read_h5ad(file)
    except MemoryError:
        raise
    except Exception as error:  # h5py and anndata fail in ways of their own on damaged files
        raise ValueError(f"{str(file)!r} cannot be read ({error}). Copy it again.") from error
    if table.X is None or not table.n_obs or not table.n_vars:
        raise ValueError(f"{str(file)!r} holds no counts: {table.n_obs} spots, {table.n_vars} genes. Copy it again.")
    if "spatial" not in table.obsm:
        raise ValueError(f"{str(file)!r} has no obsm['spatial'], so the spots have no place. Is it a file of HEST-1k?")
    return table


def _pixel_size(value: Any, name: str, file: Path) -> float | None:
    """Return micrometres per pixel, also where they are text; None where the metadata state none."""
    if value is None or (isinstance(value, str) and class_name(value).casefold() in MISSING):
        return None
    try:
        size = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
    except (OverflowError, ValueError):
        size = -1.0
    if np.isnan(size):
        return None
    if not 0 < size < np.inf:
        raise ValueError(
            f"{str(file)!r}: {name} must be micrometres per pixel, a positive number, got {reprlib.repr(value)}. "
            "Correct it, or set it to null to have the scale found from the spots."
        )
    return size


def _sparse(counts: Any) -> Any:
    from scipy import sparse

    return sparse.csr_matrix(counts, dtype=np.float32)


def _var(table: AnnData) -> pd.DataFrame:
    from . import _container

    genes = _container.gene_table(table.var_names)
    return genes.join(table.var.set_axis(genes.index).drop(columns="feature_types", errors="ignore"))


def _places(table: AnnData, file: Path) -> np.ndarray:
    """Return the centres of the spots, float64 (n, 2)."""
    try:
        xy = np.ascontiguousarray(np.asarray(table.obsm["spatial"], np.float64)[:, :2])
    except (TypeError, ValueError):
        xy = np.empty((0, 0))
    if xy.shape != (table.n_obs, 2) or not np.isfinite(xy).all():
        raise ValueError(f"{str(file)!r}: obsm['spatial'] must hold finite x and y of every spot. Copy it again.")
    return xy


def _whole_numbers(values: pd.Series, file: Path) -> pd.Series:
    import pandas as pd

    numbers = pd.to_numeric(values.astype(str).replace({"True": "1", "False": "0"}), errors="coerce")
    if not (numbers % 1 == 0).all():
        wrong = quote_names(values[numbers % 1 != 0].unique(), 3)
        raise ValueError(f"{str(file)!r}: obs[{values.name!r}] must hold whole numbers, got {wrong}. Copy it again.")
    return numbers.astype(np.int64)


def _obs(table: AnnData, metadata: dict[str, Any], file: Path) -> pd.DataFrame:
    """Return the columns of spots, those of their places first."""
    obs = table.obs.drop(columns=["spot_id", "region"], errors="ignore").copy()
    obs.index = obs.index.astype(str)
    if "in_tissue" not in obs:
        obs["in_tissue"] = 1
    for column in _PLACES:
        if column in obs:
            obs[column] = _whole_numbers(obs[column], file)
    if metadata.get("patient") and "patient" not in obs:
        obs["patient"] = str(metadata["patient"])
        obs["patient"] = obs["patient"].astype("category")
    first = [column for column in _PLACES if column in obs]
    return obs[[*first, *(column for column in obs if column not in first)]]


def _diameter(xy: np.ndarray, metadata: dict[str, Any]) -> float:
    """Return the spot diameter in pixels, from the distance of spots and the technology."""
    from ..image import nearest_step

    share = _SHARES.get(str(metadata.get("st_technology", "")).lower(), 1.0)
    step = float(nearest_step(xy, np.median)) if len(xy) > 1 else np.inf
    if not 0 < step < np.inf:
        raise ValueError(f"The section has {len(xy)} spots at {len(np.unique(xy, axis=0))} places: a file is damaged.")
    return share * step


def _open_image(file: Path, section: str, xy: np.ndarray) -> dict[str, Any]:
    """Open the image of a section, by the name of its element; empty if there is none."""
    from spatialdata.transformations import Identity

    from .._sections import image_element
    from ..image import check_placement, open_image_file

    if not file.is_file():
        logger.info("hest %s: there is no image %s.", section, file)
        return {}
    levels = open_image_file(file).levels
    height, width = levels[0].shape[1:]
    check_placement(xy, height, width, f"image {file.name!r}")
    return {f"{section}_full_image": image_element(levels, {section: Identity()})}


def _outlines(file: Path, section: str) -> GeoDataFrame:
    """Read outlines of cells in pixels, indexed by the cell; pieces without area are left out."""
    import geopandas
    import pandas as pd
    import shapely
    from spatialdata.models import ShapesModel
    from spatialdata.transformations import Identity

    try:
        frame = pd.read_parquet(file)
        geometry = shapely.from_wkb(frame["geometry"].to_numpy())
    except (KeyError, OSError, TypeError, ValueError, shapely.errors.GEOSException) as error:
        raise ValueError(f"{str(file)!r} holds no outlines of cells ({error}). Copy it again.") from error
    cells = geopandas.GeoDataFrame(geometry=geometry, index=frame.index.rename(None))
    areas = cells.geom_type.isin(["Polygon", "MultiPolygon"]).to_numpy() & (cells.area > 0).to_numpy()
    if not areas.any():
        raise ValueError(f"{str(file)!r} holds no outline of a cell that has an area. Copy it again.")
    if not areas.all():
        logger.info(
            "hest %s: left out %d of %d outlines without area in %s.", section, (~areas).sum(), len(cells), file
        )
    return ShapesModel.parse(cells[areas], transformations={section: Identity()})
