"""Reading inputs. Images stay on disk until they are looked at."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._checks import quote_names
from ._inputs import COUNTS, Input, Kind, find_input

if TYPE_CHECKING:
    from ._console import Console
    from ._options import Group


FOLDERS = ", or an output folder of Space Ranger (Visium, Visium HD) or Xenium"


def add_inputs(parser: argparse.ArgumentParser, what: str, *, folders: bool = False, nargs: str | int = "+") -> Group:
    """Argument and options that say what is read, output folders of instruments too or not; returns their group."""
    text = f"{what}: .h5ad or .zarr (AnnData or SpatialData)"
    parser.add_argument("inputs", nargs=nargs, metavar="INPUT", help=text + FOLDERS * folders)
    group = parser.add_argument_group("what is read")
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
    """All inputs, told apart and checked before the work."""
    found = [find_input(given) for given in arguments.inputs]
    if arguments.fullres_image is not None:
        if len(found) > 1 or found[0].kind not in (Kind.VISIUM, Kind.VISIUM_HD):
            kinds = quote_names(dict.fromkeys(source.kind.value for source in found))
            raise ValueError(
                f"--fullres-image belongs to one folder of Space Ranger, got {len(found)} inputs: {kinds}."
            )
        if not Path(arguments.fullres_image).expanduser().is_file():
            raise FileNotFoundError(f"There is no image {arguments.fullres_image!r} (--fullres-image).")
    return found


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
    """Bins of the table that is asked for; with cells the coarsest, which say how large the pixels are."""
    found = (re.fullmatch(r"square_(\d{3})um", folder.name) for folder in path.glob("**/square_*um"))
    tables = {match[0]: int(match[1]) for match in found if match}
    if table_key in tables:
        return tables[table_key]
    if table_key.endswith("segmentations") and tables:
        return max(tables.values())
    raise ValueError(
        f"Visium HD has a table for each size of bins, and no {table_key!r}. Name one with --table-key: "
        f"{quote_names(sorted(tables))}."
    )


def read_all(sources: Sequence[Input], arguments: argparse.Namespace, console: Console) -> list[Any]:
    """Read all inputs."""
    return [read(source, arguments, console) for source in sources]
