"""Inputs of commands: sections and models, told apart and checked before the work. Images stay on disk."""

from __future__ import annotations

import argparse
import enum
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._checks import quote_names
from .._files import checked_path
from .._hub import HUB_PREFIX
from .._interrupt import killable

if TYPE_CHECKING:
    from ..model import SpaCRD
    from ._console import Console
    from ._options import Group

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
        """Tell whether it holds an AnnData; else it becomes a SpatialData."""
        return self in (Kind.H5AD, Kind.ANNDATA)

    @property
    def is_folder(self) -> bool:
        """Tell whether it is the output folder of an instrument."""
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
        """Return the name of an output made of it, without suffix."""
        path = Path(os.path.abspath(self.path))  # through no link: a link is how somebody named the section
        if self.kind.is_folder and path.name == "outs" and path.parent.name:
            return path.parent.name
        return path.name.removesuffix(".zarr").removesuffix(".h5ad")


def find_input(given: str) -> Input:
    """Tell what lies at a path, without reading the data."""
    path = checked_path(given, "INPUT")
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {given!r}. {EXPECTED}")
    if not path.is_dir() and not path.is_file():
        raise ValueError(f"{given!r} is a pipe or a device. {EXPECTED}")
    if path.is_file():
        return Input(given, path, _kind_of_file(path))
    if is_zarr(path):
        return Input(given, path, _kind_of_store(path))
    for folder in (path, path / "outs"):
        if folder.is_dir() and (kind := _kind_of_folder(folder)) is not None:
            return Input(given, folder, kind)
    content = quote_names(sorted(item.name for item in path.iterdir()), 8)
    raise ValueError(f"{given!r} is a folder of unknown kind, in it: {content}. {EXPECTED}")


def _kind_of_file(path: Path) -> Kind:
    import h5py

    if not h5py.is_hdf5(path):
        what = "is named .h5ad but is no HDF5 file: damaged, or not copied whole?" if path.suffix == ".h5ad" else ""
        raise ValueError(f"{str(path)!r} {what or 'is a file of unknown kind.'} {EXPECTED}")
    try:
        opened = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{str(path)!r} is damaged, or was not copied whole: {error}.") from error
    with killable(), opened as file:
        if file.attrs.get("encoding-type") == "anndata" or {"X", "obs", "var"} <= set(file):
            return Kind.H5AD
        content = quote_names(sorted(file), 8)
        hint = " A count matrix of 10x alone says not where its spots lie: give the folder." if "matrix" in file else ""
    raise ValueError(f"{str(path)!r} is an HDF5 file but no AnnData, in it: {content}.{hint} {EXPECTED}")


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a zarr store."""
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


FOLDERS = ", or an output folder of Space Ranger (Visium, Visium HD) or Xenium"


def add_inputs(parser: argparse.ArgumentParser, what: str, *, folders: bool = False, nargs: str | int = "+") -> Group:
    """Add what says which sections are read, output folders of instruments too or not, and return its group."""
    text = f"{what}: .h5ad or .zarr (AnnData or SpatialData)"
    parser.add_argument("inputs", nargs=nargs, metavar="INPUT", help=text + FOLDERS * folders)
    group = parser.add_argument_group("input")
    if not folders:
        parser.set_defaults(fullres_image=None)
        return group
    group.add_argument(
        "--fullres-image",
        metavar="FILE",
        help="image that Space Ranger was given, for a Visium folder; without it the reduced hires image is read",
    )
    return group


def find_inputs(arguments: argparse.Namespace) -> list[Input]:
    """Return all inputs, told apart and checked before the work."""
    sources = [find_input(given) for given in arguments.inputs]
    if arguments.fullres_image is not None:
        if len(sources) > 1 or sources[0].kind not in (Kind.VISIUM, Kind.VISIUM_HD):
            kinds = quote_names(dict.fromkeys(source.kind.value for source in sources))
            raise ValueError(
                f"--fullres-image belongs to one folder of Space Ranger, got {len(sources)} inputs: {kinds}."
            )
        if not checked_path(arguments.fullres_image, "--fullres-image").is_file():
            raise FileNotFoundError(f"There is no image {arguments.fullres_image!r} (--fullres-image).")
    return sources


def read(source: Input, arguments: argparse.Namespace, console: Console) -> Any:
    """Read one input as AnnData or SpatialData."""
    console.say(f"Reading {source.given}: {source.kind.value}")
    image = {}
    if arguments.fullres_image is not None:  # absolute, as the reader looks for others inside the folder
        image["fullres_image_file"] = Path(arguments.fullres_image).expanduser().resolve()
    size = _bin_size(source.path, arguments.table_key) if source.kind is Kind.VISIUM_HD else 0
    if source.kind is Kind.XENIUM:
        console.say("Transcripts stay behind: convert the folder with spatialdata_io to keep them")
    try:
        with killable():
            return _call_reader(source, image, size)
    except MemoryError:
        raise
    except Exception as error:  # each reader fails in ways of its own on damaged input
        raise ValueError(
            f"{source.given!r} looks like {source.kind.value} but cannot be read. Files may be missing, damaged or of "
            f"a version that the reader does not know. It says: {error or type(error).__name__}"
        ) from error


def _call_reader(source: Input, image: dict[str, Path], size: int) -> Any:
    if source.kind.is_anndata:
        import anndata

        return (anndata.read_h5ad if source.kind is Kind.H5AD else anndata.read_zarr)(source.path)
    if source.kind is Kind.SPATIALDATA:
        import spatialdata

        return spatialdata.read_zarr(source.path)
    import spatialdata_io

    if source.kind is Kind.VISIUM:
        named = any(path.name != COUNTS for path in source.path.glob(f"*_{COUNTS}"))
        return spatialdata_io.visium(source.path, dataset_id=None if named else source.name, **image)
    if source.kind is Kind.VISIUM_HD:
        return spatialdata_io.visium_hd(source.path, bin_size=size, load_segmentations_only=False, **image)
    return spatialdata_io.xenium(source.path, transcripts=False)


def _bin_size(path: Path, table_key: str) -> int:
    """Return the bin size of a table; for cells the coarsest one, which says how large the pixels are."""
    names = (re.fullmatch(r"square_(\d{3})um", folder.name) for folder in path.glob("**/square_*um"))
    tables = {name[0]: int(name[1]) for name in names if name}
    if table_key in tables:
        return tables[table_key]
    if table_key.endswith("segmentations") and tables:
        return max(tables.values())
    raise ValueError(
        f"Visium HD has a table for each size of bins, and no {table_key!r}. Name one with --table-key: "
        f"{quote_names(sorted(tables))}."
    )


def add_model(parser: argparse.ArgumentParser, *, required: bool, text: str) -> None:
    """Add the option that names the model."""
    group = parser.add_argument_group("model")
    group.add_argument("--model", required=required, metavar="DIR", help=f"{text}, or {HUB_PREFIX}user/name")


def load_model(given: str) -> SpaCRD:
    """Read a model; only ``hf-hub:`` asks the network, so that a mistyped folder does not."""
    from ..model import SpaCRD

    if given.startswith(HUB_PREFIX):
        return SpaCRD.load(given.removeprefix(HUB_PREFIX))
    path = checked_path(given, "--model")
    if not path.exists():
        raise FileNotFoundError(
            f"There is no model folder {given!r}. Fit one with spacrd fit; one of the Hugging Face hub is written "
            f"{HUB_PREFIX}user/name."
        )
    return SpaCRD.load(path)
