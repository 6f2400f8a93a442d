"""What lies at a path."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from pathlib import Path

from .._checks import quote_names

ZARR_FILES = ("zarr.json", ".zgroup", ".zattrs", ".zmetadata")
"""One of these makes a folder a zarr store."""
COUNTS = "filtered_feature_bc_matrix.h5"
EXPECTED = (
    "Expected an .h5ad file, a zarr store of AnnData or SpatialData, or an output folder of Space Ranger (Visium, "
    "Visium HD) or Xenium."
)


class Kind(enum.Enum):
    """Kinds of input."""

    H5AD = "AnnData (h5ad)"
    ANNDATA = "AnnData (zarr)"
    SPATIALDATA = "SpatialData (zarr)"
    VISIUM = "Visium folder of Space Ranger"
    VISIUM_HD = "Visium HD folder of Space Ranger"
    XENIUM = "Xenium folder"

    @property
    def is_anndata(self) -> bool:
        """Whether it holds an AnnData; else it becomes a SpatialData."""
        return self in (Kind.H5AD, Kind.ANNDATA)

    @property
    def is_folder(self) -> bool:
        """Whether it is the output folder of an instrument."""
        return self in (Kind.VISIUM, Kind.VISIUM_HD, Kind.XENIUM)


@dataclass(frozen=True)
class Input:
    """A section, or several, on disk.

    Attributes
    ----------
    given
        As the user wrote it.
    path
        Where it is read from: ``outs`` inside the folder of a run.
    kind
        What it is.
    """

    given: str
    path: Path
    kind: Kind

    @property
    def name(self) -> str:
        """Name of an output made of it, without suffix."""
        path = Path(os.path.abspath(self.path))  # through no link: a link is how somebody named the section
        if self.kind.is_folder and path.name == "outs" and path.parent.name:
            return path.parent.name
        return path.name.removesuffix(".zarr").removesuffix(".h5ad")


def find_input(given: str) -> Input:
    """Tell what lies at a path, without reading the data."""
    path = Path(given).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {given!r}. {EXPECTED}")
    if path.is_file():
        return Input(given, path, _kind_of_file(path))
    if is_zarr(path):
        return Input(given, path, _kind_of_store(path))
    for folder in (path, path / "outs"):
        if folder.is_dir() and (kind := _kind_of_folder(folder)) is not None:
            return Input(given, folder, kind)
    found = quote_names(sorted(item.name for item in path.iterdir()), 8)
    raise ValueError(f"{given!r} is a folder of unknown kind, in it: {found}. {EXPECTED}")


def _kind_of_file(path: Path) -> Kind:
    import h5py

    if not h5py.is_hdf5(path):
        what = "is named .h5ad but is no HDF5 file: damaged, or not copied whole?" if path.suffix == ".h5ad" else ""
        raise ValueError(f"{str(path)!r} {what or 'is a file of unknown kind.'} {EXPECTED}")
    with h5py.File(path, "r") as file:
        if file.attrs.get("encoding-type") == "anndata" or {"X", "obs", "var"} <= set(file):
            return Kind.H5AD
        found = quote_names(sorted(file), 8)
        hint = " A count matrix of 10x alone says not where its spots lie: give the folder." if "matrix" in file else ""
    raise ValueError(f"{str(path)!r} is an HDF5 file but no AnnData, in it: {found}.{hint} {EXPECTED}")


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr store."""
    return any((path / name).is_file() for name in ZARR_FILES)


def _kind_of_store(path: Path) -> Kind:
    import zarr

    try:
        group = zarr.open_group(str(path), mode="r")
    except Exception as error:  # zarr has many ways to say that metadata are damaged
        raise ValueError(f"{str(path)!r} is a zarr store that cannot be opened: {error}") from error
    if group.attrs.get("encoding-type") == "anndata":
        return Kind.ANNDATA
    if "spatialdata_attrs" in group.attrs or "tables" in group:
        return Kind.SPATIALDATA
    raise ValueError(
        f"{str(path)!r} is a zarr store of unknown kind, in it: {quote_names(sorted(group), 8)}. {EXPECTED}"
    )


def _kind_of_folder(path: Path) -> Kind | None:
    if (path / "experiment.xenium").is_file():
        return Kind.XENIUM
    if (path / "binned_outputs").is_dir() or any(path.glob("*feature_slice.h5")):
        return Kind.VISIUM_HD
    if (path / "spatial").is_dir() and any(path.glob(f"*{COUNTS}")):
        return Kind.VISIUM
    return None
