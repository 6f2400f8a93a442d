"""Reader of the HER2-positive breast tumours of Andersson et al., as spatialdata-io would read them."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_bools, quote_names
from .._files import checked_path
from .._settings import logger
from ._her2st_image import find_image, open_image

if TYPE_CHECKING:
    import pandas as pd
    from spatialdata import SpatialData

_PITCH_UM = 200.0
_SPOT_DIAMETER_UM = 100.0
_PLACES = ("x", "y", "pixel_x", "pixel_y")
_CARRIED = ("id", "label", "cancer", "unanimous3")
_WHERE = (
    "The study is public: Andersson et al., Nat Commun 12, 6012 (2021), https://doi.org/10.5281/zenodo.4751624 and "
    "https://github.com/almaan/her2st (folder 'data')."
)
# Sub-folders as named by: a plain copy, the GitHub repository, the Zenodo archive.
_FOLDERS = {
    "counts": ("counts", "ST-cnts", "count-matrices"),
    "spots": ("spots", "ST-spotfiles", "spot-selections"),
    "images": ("images", "ST-imgs"),
    "labels": ("labels", "ST-pat/lbl", "meta"),
    "proxy labels": ("proxy_labels",),
}


@dataclass(frozen=True)
class _Folder:
    """A copy of the study on disk."""

    root: Path

    def sub(self, kind: str) -> Path | None:
        """Return the folder of one kind of file, whatever it is called; None if there is none."""
        roots = (self.root, self.root / "data")
        return next((f for root in roots for name in _FOLDERS[kind] if (f := root / name).is_dir()), None)

    def files(self, kind: str, pattern: str) -> Iterator[Path]:
        """List the files of one kind whose whole name matches, plain or gzipped."""
        folder = self.sub(kind)
        for file in sorted(folder.iterdir()) if folder else ():
            if re.fullmatch(pattern + r"(\.gz)?", file.name):
                yield file

    def table(
        self, kind: str, pattern: str, columns: Sequence[str] = (), numbers: Sequence[str] = ()
    ) -> pd.DataFrame | None:
        """Read the first matching tab-separated file, which must have these columns and finite ``numbers``.

        Raises
        ------
        ValueError
            If the file is damaged, or its columns are not those.
        """
        import pandas as pd

        file = next(self.files(kind, pattern), None)
        if file is None:
            return None
        try:
            table = pd.read_csv(file, sep="\t")
        except (gzip.BadGzipFile, EOFError, ValueError, zlib.error) as error:
            raise ValueError(f"{str(file)!r} is no table that can be read ({error}). Copy it again.") from error
        if missing := [name for name in (*columns, *numbers) if name not in table]:
            raise ValueError(
                f"{str(file)!r} must have the columns {quote_names(missing)}, separated by tabs; it has "
                f"{quote_names(table.columns, 8)}. Is it a file of the study?"
            )
        if columns:
            table = table.dropna(subset=[*columns, *numbers])
        for name in numbers:
            values = pd.to_numeric(table[name], errors="coerce")
            wrong = table[name][~np.isfinite(values)]
            if len(wrong):
                raise ValueError(f"{str(file)!r}: {name!r} must be a number, got {quote_names(wrong.unique(), 3)}.")
            table[name] = values
        return table

    def sections(self) -> list[str]:
        """List the sections that have counts."""
        return sorted(file.name.split(".")[0] for file in self.files("counts", r"\w+\.tsv"))


def her2st(path: str | Path, section: str, *, labels: bool = True) -> SpatialData:
    """Read one section of the HER2-positive breast cancer study (legacy Spatial Transcriptomics).

    36 sections of 8 patients (A to H), 200 um from spot to spot, 100 um spots; one section of each patient was
    annotated by a pathologist. The data are not part of this package: get them from
    https://doi.org/10.5281/zenodo.4751624 or https://github.com/almaan/her2st (``data`` folder).

    Parameters
    ----------
    path
        Folder of the study. In it (or in its folder ``data``) are sought

        - ``ST-cnts``, ``count-matrices`` or ``counts``: ``A1.tsv.gz``, spots x genes, rows named ``XxY``;
        - ``ST-spotfiles``, ``spot-selections`` or ``spots``: ``A1_selection.tsv`` with array coordinates ``x, y`` and
          full-resolution pixels ``pixel_x, pixel_y``;
        - ``ST-imgs``, ``images/HE`` or ``images`` (optional): ``A/A1/*.jpg``, ``A1.jpg`` or ``A1_*.jpg``;
        - ``ST-pat/lbl``, ``meta`` or ``labels`` (optional): ``A1_labeled_coordinates.tsv``;
        - ``proxy_labels`` (optional, not part of the study): ``A2_from_A1.tsv``, labels carried over from a
          neighbouring section.
    section
        Name of the section, e.g. ``"A1"``.
    labels
        Whether to read labels.

    Returns
    -------
    SpatialData with

    - ``shapes[section]``: spots as circles of 100 um diameter, full-resolution pixels, index ``spot_id``;
    - ``tables["table"]``: raw counts as float32 CSR; ``obs`` has ``in_tissue``, ``array_row``, ``array_col``,
      ``spot_id``, ``region``; ``obsm["spatial"]`` in full-resolution pixels. ``obs["pathologist"]``: class given by
      the pathologist, NaN where there is none (only for annotated sections). ``obs["proxy_label"]``,
      ``obs["proxy_cancer"]`` (``"cancer"`` or ``"normal"``) and ``obs["proxy_unanimous"]`` (far from any border)
      only where a carried-over label exists: not a pathologist's word on this section;
    - ``images[f"{section}_full_image"]``: the image, lazily, five scales; absent if the folder has none. Reduced
      images (``A1_HE_image_dark.png``) are scaled to full-resolution pixels, and the annotated thumbnail in their
      corner is painted over, so that it cannot give the labels away;
    - one coordinate system named after the section.

    Spots that lack a row in counts or in the spot file are left out.

    Raises
    ------
    FileNotFoundError
        If the folder, its counts or the spots of the section are missing.
    ValueError
        If there is no such section, its counts and spots do not match, or the image does not fit the spots.

    References
    ----------
    Andersson A et al. (2021). Spatial deconvolution of HER2-positive breast cancer delineates tumor-associated cell
    type interactions. Nat Commun 12, 6012.

    Examples
    --------
    With the sections in a folder ``her2st``, arranged as the data page says:

    >>> import spacrd
    >>> sdata = spacrd.datasets.her2st("her2st", "A1")
    >>> "pathologist" in sdata["table"].obs
    True
    """
    check_bools(labels=labels)
    folder = _Folder(checked_path(path, "path", "a folder"))
    if not folder.root.is_dir():
        raise FileNotFoundError(f"There is no folder {str(folder.root)!r}. {_WHERE}")
    sections = folder.sections()
    if not sections:
        folders = quote_names(_FOLDERS["counts"])
        raise FileNotFoundError(f"{str(folder.root)!r} holds no count files (*.tsv.gz) in any of {folders}. {_WHERE}")
    if section not in sections:
        raise ValueError(
            f"There is no section {section!r} in {str(folder.root)!r}. Available: {quote_names(sections)}."
        )
    return _build(folder, section, labels)


def _build(folder: _Folder, section: str, labels: bool) -> SpatialData:
    import pandas as pd
    from scipy import sparse

    from . import _container

    counts, spots = _read_spots(folder, section)
    images_folder = folder.sub("images")
    file = find_image(images_folder, section) if images_folder else None
    reduced = file is not None and file.name.endswith("_HE_image_dark.png")
    fitted = folder.table("spots", rf"{section}_in_dark_png_fitted\.tsv") if reduced else None
    xy = spots[["pixel_x", "pixel_y"]].to_numpy(dtype=float)
    if fitted is not None:
        # This image is warped against the spots' pixels: its own pixels are full resolution then.
        placed = fitted.assign(name=_array_names(fitted)).set_index("name")[["dark_px", "dark_py"]].reindex(spots.index)
        xy = placed.to_numpy(dtype=float)
    images: dict[str, Any] = {}
    if file is not None:
        images = open_image(file, section, xy, reduced=reduced, warped=fitted is not None)
    else:
        logger.info("her2st %s: no image in %s.", section, folder.root)
    obs = pd.DataFrame(
        {"in_tissue": 1, "array_row": spots["y"].astype(np.int64), "array_col": spots["x"].astype(np.int64)},
        index=list(spots.index),
    )
    if labels:
        obs = obs.assign(**_labels(folder, section, obs.index))
    return _container.build_section(
        section,
        sparse.csr_matrix(counts.to_numpy(dtype=np.float32)),
        obs,
        _container.gene_table(counts.columns),
        xy,
        diameter=_SPOT_DIAMETER_UM / _PITCH_UM * _pitch(spots, xy),
        images=_container.ImageElements(images),
        facts={"metadata": {"chemistry_description": "Spatial Transcriptomics"}},
    )


def _array_names(table: pd.DataFrame) -> pd.Series:
    """Return the row names of the counts, ``XxY``, from array coordinates that may be refined ones."""
    x, y = (np.rint(table[axis]).astype(int).astype(str) for axis in ("x", "y"))
    return x + "x" + y


def _read_spots(folder: _Folder, section: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read counts and spots of one section, both with the same rows."""
    counts = folder.table("counts", rf"{section}\.tsv")
    spots = folder.table("spots", rf"{section}_selection\.tsv", numbers=_PLACES)
    if counts is None or spots is None:
        raise FileNotFoundError(
            f"Section {section!r} has counts but no file '{section}_selection.tsv' in any of "
            f"{quote_names(_FOLDERS['spots'])} of {str(folder.root)!r}. {_WHERE}"
        )
    counts = counts.set_index(counts.columns[0])
    spots = spots.set_index(_array_names(spots))
    for what, table in (("counts", counts), ("spot file", spots)):
        if table.index.has_duplicates:
            twice = quote_names(table.index[table.index.duplicated()].unique(), 3)
            raise ValueError(f"Section {section!r} has {twice} more than once in its {what}. Copy them again.")
    if not counts.shape[1] or any(dtype.kind not in "fiu" for dtype in counts.dtypes):
        raise ValueError(
            f"The counts of section {section!r} must be numbers, a column for each gene; they have {counts.shape[1]} "
            f"genes, and text for {quote_names(counts.columns[[d.kind not in 'fiu' for d in counts.dtypes]], 3)}."
        )
    shared = counts.index[counts.index.isin(spots.index)]
    if not len(shared):
        raise ValueError(
            f"No spot of section {section!r} stands in both its counts (rows such as {quote_names(counts.index, 3)}) "
            f"and its spot file (spots such as {quote_names(spots.index, 3)}): the files are not of the same section."
        )
    n_left_out = len(counts) - len(shared), len(spots) - len(shared)
    if any(n_left_out):
        logger.info("her2st %s: left out %d count rows without a spot, %d spots without counts.", section, *n_left_out)
    return counts.loc[shared], spots.loc[shared]


def _pitch(spots: pd.DataFrame, xy: np.ndarray) -> float:
    """Measure the pixels from one spot of the array to the next: median over neighbours along both axes."""
    array = spots[["x", "y"]].to_numpy()
    row_at = {tuple(position): row for row, position in enumerate(array)}
    steps = [
        xy[row_at[x + right, y + down]] - xy[row]
        for row, (x, y) in enumerate(array)
        for right, down in ((1, 0), (0, 1))
        if (x + right, y + down) in row_at
    ]
    if not steps:
        raise ValueError("No two of the spots are neighbours on the array: their distance in pixels cannot be found.")
    return float(np.median(np.linalg.norm(steps, axis=1)))


def _labels(folder: _Folder, section: str, spots: pd.Index) -> dict[str, Any]:
    """Read label columns of ``obs``: the pathologist's, or those carried over from a neighbour, named as such."""
    import pandas as pd

    columns: dict[str, Any] = {}
    given = folder.table("labels", rf"{section}_labeled_coordinates\.tsv", ("label",), ("x", "y"))
    if given is not None:
        classes = given.set_index(_array_names(given))["label"]
        classes = classes[~classes.index.duplicated()].reindex(spots)
        columns["pathologist"] = pd.Categorical(classes)
        logger.info("her2st %s: %d of %d spots have a label.", section, classes.notna().sum(), len(spots))
    carried = folder.table("proxy labels", rf"{section}_from_\w+\.tsv", _CARRIED)
    if carried is not None:
        carried = carried.drop_duplicates("id").set_index("id").reindex(spots)
        columns["proxy_label"] = pd.Categorical(carried["label"])
        columns["proxy_cancer"] = pd.Categorical(carried["cancer"].map({0: "normal", 1: "cancer"}))
        columns["proxy_unanimous"] = (carried["unanimous3"] == 1).to_numpy()
    return columns
