"""A simulated Xenium section, as spatialdata-io would read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_bools, check_positive_int

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from spatialdata import SpatialData

    from ._toy_tissue import TissueMap

_PIXEL_UM = 0.2125
"""Side of a pixel of the morphology image of the instrument, the unit of ``"global"``."""
_UNIVERSE = 600
"""Genes of a section of :func:`toy_visium`, of which the panel is a part."""
_DEPTH = 0.12
"""Share of the RNA of a spot that is counted in a cell."""
_SPARSE = 1.2
"""Distance of cells in distances of the nuclei that are drawn: fewer cells are quicker to work with."""
_CORNERS = 12
_GLASS = (244, 243, 246)
"""Colour of the slide where there is no tissue."""


@dataclass(frozen=True)
class _Cells:
    """Cells of a section: centres (n, 2) and radii (n,) in um, and class numbers (n,)."""

    xy: np.ndarray
    radius: np.ndarray
    classes: np.ndarray


def toy_xenium(
    *,
    size_um: float = 1400.0,
    n_genes: int = 200,
    seed: int = 0,
    batch: float = 1.0,
    tumour: bool = True,
    unlabelled: float = 0.0,
    mpp: float = 1.0,
    degrees: float = 4.0,
) -> SpatialData:
    """Simulate a Xenium section of a breast tumour: cells with counts and outlines, an aligned H&E image and labels.

    The result has the shape that :func:`spatialdata_io.xenium` returns with ``cells_as_circles=True``. Tissue and gene
    programmes are those of :func:`toy_visium`, so that a model of one can score the other. Cells lie in tissue of
    their class, but are not the nuclei that are drawn. Nothing in it is real tissue.

    Parameters
    ----------
    size_um
        Side of the region that is imaged, 600 to 5000 um.
    n_genes
        Genes of the panel, at most 600: the first of those of :func:`toy_visium`.
    seed
        Same seed, same section; another seed, another section.
    batch
        Strength of the batch effect on the counts, as in :func:`toy_visium`. 0: none.
    tumour
        Whether there is any cancer.
    unlabelled
        Share of cells whose label is missing (NaN), 0 to 1.
    mpp
        um per pixel of the H&E image.
    degrees
        By how much the H&E image was turned when it was taken.

    Returns
    -------
    SpatialData with

    - ``shapes["cell_circles"]``, ``shapes["cell_boundaries"]``, ``shapes["nucleus_boundaries"]``: circles and outlines
      in um, indexed by ``cell_id``;
    - ``tables["table"]``, annotating the circles: raw counts as float32 CSR; ``obs`` has ``cell_id``,
      ``transcript_counts``, ``cell_area``, ``nucleus_area``, ``region`` and ``pathologist`` (the class of the tissue, a
      category); ``obsm["spatial"]`` in um;
    - ``images["he_image"]``: RGB uint8, five scales, placed by an affine transformation;
    - one coordinate system ``"global"``, whose unit is a pixel of the instrument, 0.2125 um.

    Raises
    ------
    TypeError
        If ``n_genes`` or ``seed`` is no whole number, or another argument no number.
    ValueError
        If a size, share or strength is out of range.

    See Also
    --------
    spacrd.pp.pseudospots : Add the cells up to spots.

    Examples
    --------
    >>> import spacrd
    >>> cells = spacrd.datasets.toy_xenium(size_um=800, seed=1)
    >>> spots = spacrd.pp.pseudospots(cells, diameter_um=55, pitch_um=100)
    >>> spots["table"].n_obs < cells["table"].n_obs
    True
    """
    from ._toy import MAX_BATCH, check_range

    check_positive_int(n_genes, "n_genes")
    check_bools(tumour=tumour)
    check_positive_int(seed, "seed", minimum=0)
    check_range("n_genes", n_genes, 1, _UNIVERSE)
    for argument, value, least, most in (
        ("size_um", size_um, 600.0, 5000.0),
        ("unlabelled", unlabelled, 0.0, 1.0),
        ("batch", batch, 0.0, MAX_BATCH),
        ("mpp", mpp, 0.25, 4.0),
        ("degrees", degrees, -360.0, 360.0),
    ):
        check_range(argument, value, least, most)

    import pandas as pd
    from spatialdata import SpatialData

    from . import _container
    from ._toy_counts import draw_counts, gene_names
    from ._toy_image import paint
    from ._toy_tissue import CLASSES, grow_tissue

    layout, stain, biology = (np.random.default_rng(s) for s in np.random.SeedSequence([seed, 1]).spawn(3))
    tissue = grow_tissue(layout, size_um, size_um, tumour=tumour)
    cells = _scatter_cells(layout, tissue)
    genes = gene_names(_UNIVERSE)
    counts = draw_counts(biology, tissue, cells.xy, genes, batch=batch)[:, :n_genes].tocsr()
    counts.data = biology.binomial(counts.data.astype(np.int64), _DEPTH).astype(np.float32)
    counts.eliminate_zeros()
    labels = np.array(CLASSES, dtype=object)[cells.classes]
    labels[biology.permutation(len(labels))[: round(unlabelled * len(labels))]] = None
    names = _cell_ids(len(labels))
    obs = pd.DataFrame(
        {
            "cell_id": names,
            "transcript_counts": np.asarray(counts.sum(axis=1)).ravel().astype(np.int64),
            "cell_area": np.pi * cells.radius**2,
            "nucleus_area": np.pi * (cells.radius / 2) ** 2,
            "pathologist": pd.Categorical(labels),
        },
        index=names,
    )
    pixels = paint(stain, tissue, (int(size_um / mpp), int(size_um / mpp)), mpp)
    section = SpatialData(
        images={"he_image": _photograph(pixels, mpp, degrees)},
        shapes=_shapes(cells, names),
        tables={"table": _table(counts, obs, _container.gene_table(genes[:n_genes]), cells.xy)},
    )
    section.attrs["spatialdata_io_reader"] = "xenium"
    return section


def _scatter_cells(rng: np.random.Generator, tissue: TissueMap) -> _Cells:
    """Place cells in tissue of each class, as densely as its nuclei lie."""
    from dataclasses import replace

    from ._toy_nuclei import NUCLEI, scatter_nuclei
    from ._toy_tissue import BLAND

    centres, radii, classes = [], [], []
    for number, look in NUCLEI.items():
        if number == BLAND:  # only drawn: its cells are those of glands
            continue
        xy = scatter_nuclei(rng, tissue.classes, number, replace(look, spacing=_SPARSE * look.spacing))
        centres.append(xy)
        radii.append(1.7 * look.radius * rng.lognormal(0.0, 0.15, len(xy)))
        classes.append(np.full(len(xy), number))
    return _Cells(np.concatenate(centres), np.concatenate(radii), np.concatenate(classes))


def _cell_ids(n: int) -> np.ndarray:
    """Return identifiers as the instrument writes them: eight letters from a to p, and the dataset."""
    letters = np.array(list("abcdefghijklmnop"))
    # An odd factor permutes the 2**32 codes, so that no two cells share one.
    codes = (np.arange(n, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(77777)) % np.uint64(2**32)
    spelled = letters[(codes[:, None] >> (4 * np.arange(8, dtype=np.uint64))) % np.uint64(16)]
    return np.array(["".join(row) + "-1" for row in spelled])


def _shapes(cells: _Cells, names: np.ndarray) -> dict[str, GeoDataFrame]:
    """Make circles and outlines in um."""
    import geopandas
    import shapely
    from spatialdata.models import ShapesModel
    from spatialdata.transformations import Scale

    to_global = {"global": Scale([1 / _PIXEL_UM, 1 / _PIXEL_UM], axes=("x", "y"))}
    circles = ShapesModel.parse(cells.xy, geometry=0, radius=cells.radius, index=names, transformations=to_global)
    turn = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    ring = np.column_stack([np.cos(turn), np.sin(turn)])
    shapes = {"cell_circles": circles}
    for name, share in (("cell_boundaries", 1.0), ("nucleus_boundaries", 0.5)):
        corners = cells.xy[:, None] + share * cells.radius[:, None, None] * ring
        frame = geopandas.GeoDataFrame(geometry=shapely.polygons(corners), index=names)
        shapes[name] = ShapesModel.parse(frame, transformations=to_global)
    return shapes


def _table(counts: Any, obs: Any, var: Any, xy: np.ndarray) -> Any:
    import anndata as ad
    import pandas as pd
    from spatialdata.models import TableModel

    obs = obs.assign(region=pd.Categorical(["cell_circles"] * len(obs)))
    table = ad.AnnData(counts, obs=obs, var=var, obsm={"spatial": xy})
    return TableModel.parse(table, region="cell_circles", region_key="region", instance_key="cell_id")


def _photograph(pixels: np.ndarray, mpp: float, degrees: float) -> Any:
    """Turn an image about its centre, white around it, and place it in the coordinate system of the instrument."""
    from PIL import Image
    from spatialdata.transformations import Affine

    from . import _container

    side = len(pixels)
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    wide = int(np.ceil(side * (abs(cos) + abs(sin))))
    back = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    back[:2, 2] = side / 2 - back[:2, :2] @ [wide / 2, wide / 2]
    seen = Image.fromarray(pixels).transform(
        (wide, wide),
        Image.Transform.AFFINE,
        tuple(back[:2].ravel()),
        Image.Resampling.BILINEAR,
        fillcolor=_GLASS,
    )
    turned = np.asarray(seen)
    to_global = np.diag([mpp / _PIXEL_UM, mpp / _PIXEL_UM, 1.0]) @ back
    placed = Affine(to_global, input_axes=("x", "y"), output_axes=("x", "y"))
    return _container.full_image(lambda level: _container.halved(turned, level), "global", placed)
