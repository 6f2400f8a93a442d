"""Outputs of commands: planned and checked before the work, written whole or not at all."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._checks import printable, quote_names
from .._files import checked_path, replace_folder, replacing
from ._inputs import Input, Kind, is_zarr
from ._options import Group

if TYPE_CHECKING:
    import pandas as pd
    from spatialdata import SpatialData

NAME = "{name}"
"""What stands in a pattern of outputs for the name of an input."""
DATA = "file or store to write: .h5ad or .zarr for AnnData, .zarr for SpatialData"


def add_outputs(parser: argparse.ArgumentParser, what: str = DATA, *, required: bool = False) -> Group:
    """Add the options that say where results are written, and return their group."""
    group = parser.add_argument_group("output")
    where = group.add_mutually_exclusive_group(required=required)
    where.add_argument("--out", metavar="PATH", help=f"{what}; for several inputs a pattern with {{name}}")
    where.add_argument("--out-dir", metavar="DIR", help="folder to write to, one for each input, under its name")
    group.add_argument("--overwrite", action="store_true", help="overwrite existing output, even the input")
    return group


def plan_outputs(inputs: Sequence[Input], arguments: argparse.Namespace, suffix: str | None = None) -> list[Path]:
    """Return where each input's result goes, checked before the work; empty if nothing is to be written.

    Results end in ``suffix``; without it they are data, in the container of their input.
    """
    if arguments.out_dir is not None:
        folder = checked_path(arguments.out_dir, "--out-dir")
        if folder.exists() and not folder.is_dir():
            raise FileExistsError(f"{str(folder)!r} is a file; --out-dir must name a folder.")
        targets = [folder / f"{source.name}{suffix or _suffixes(source)[-1]}" for source in inputs]
    elif arguments.out is not None:
        if len(inputs) > 1 and NAME not in arguments.out:
            raise ValueError(
                f"--out names one place for {len(inputs)} inputs. Put {NAME} into it, which is replaced by the name of "
                "each input, or name a folder with --out-dir."
            )
        targets = [checked_path(arguments.out.replace(NAME, source.name), "--out") for source in inputs]
    else:
        return []
    if twice := sorted({target.name for target in targets if targets.count(target) > 1}):
        raise ValueError(f"Several inputs would be written to {quote_names(twice)}. Write them one by one with --out.")
    for source, target in zip(inputs, targets, strict=True):
        suffixes = (suffix,) if suffix else _suffixes(source)
        if target.suffix not in suffixes:
            what = "a report" if suffix else "AnnData" if source.kind.is_anndata else "SpatialData"
            raise ValueError(
                f"{str(target)!r} cannot hold the result of {source.given!r}, which is {what}: end it in "
                f"{' or '.join(suffixes)}."
            )
        check_free(target, overwrite=arguments.overwrite)
    return targets


def _suffixes(source: Input) -> tuple[str, ...]:
    """Return the suffixes of files that can hold the container of an input, its own last."""
    if not source.kind.is_anndata:
        return (".zarr",)
    return (".zarr", ".h5ad") if source.kind is Kind.H5AD else (".h5ad", ".zarr")


def check_free(target: Path, *, overwrite: bool) -> None:
    """Refuse a target that exists, or that cannot be written."""
    store = target.suffix == ".zarr"
    if target.exists():
        if not overwrite:
            raise FileExistsError(f"{str(target)!r} exists. Name another place, or replace it with --overwrite.")
        if (store and not (target.is_dir() and is_zarr(target))) or (not store and not target.is_file()):
            what = "a zarr store" if store else "a file"
            raise FileExistsError(
                f"{str(target)!r} exists and is not {what}, so it is not replaced. Name another place."
            )
    check_writable(target)


def check_writable(target: Path) -> None:
    """Refuse a target in a folder that cannot be written to."""
    folder = next(folder for folder in target.absolute().parents if folder.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise PermissionError(f"{str(target)!r} cannot be written: {str(folder)!r} is no folder you may write to.")


def write_file(target: Path, make: Callable[[Path], object]) -> None:
    """Have ``make`` write a file, in folders that are made if need be, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as unfinished:
        make(unfinished)


TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
"""Suffixes of tables."""
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the start of a formula."""


def table_place(given: str, *, overwrite: bool) -> Path:
    """Return where a table goes, checked before the work."""
    target = checked_path(given, "--csv")
    if not target.name.lower().endswith(TABLES):
        raise ValueError(f"{given!r} cannot hold a table: end it in {', '.join(TABLES[:-1])} or {TABLES[-1]}.")
    check_free(target, overwrite=overwrite)
    return target


def write_table(target: Path, table: pd.DataFrame) -> None:
    """Write a table whose texts are safe in a terminal and a spreadsheet."""
    texts = table.select_dtypes(exclude="number").astype(object).map(_harmless)
    name = target.name.lower()
    separator, compression = "\t" if ".tsv" in name[-7:] else ",", "gzip" if name.endswith(".gz") else None
    write_file(
        target,
        lambda path: table.assign(**texts).to_csv(path, index=False, sep=separator, compression=compression),
    )


def _harmless(cell: Any) -> Any:
    """Return a cell without control characters, and with the sign of text (a quote) before what may be a formula."""
    if not isinstance(cell, str):
        return cell
    text = printable(cell)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def write_store(target: Path, make: Callable[[Path], object]) -> None:
    """Have ``make`` write a folder beside ``target``, then put it there.

    What ``target`` held before is removed last: ``make`` may still read from it.
    """
    target = target.resolve()  # through links, to the place itself
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".spacrd-", dir=target.parent) as folder:
        made = Path(folder) / target.name
        make(made)
        replace_folder(made, target)


def check_holds(data: Any, target: Path, library_key: str | None) -> None:
    """Refuse an output that cannot hold names of the data, or is not read again.

    HDF5 has no null character, and a zarr store with names that differ in capital letters alone is not read again.
    """
    if target.suffix != ".h5ad":
        if library_key is not None and library_key in getattr(data, "obs", ()):
            names = data.obs[library_key].drop_duplicates().astype(str)
            if len(alike := names[names.str.lower().duplicated(keep=False)]):
                raise ValueError(
                    f"{str(target)!r} cannot hold results of sections {quote_names(alike, 4)}, which differ in capital "
                    "letters alone. Write to an .h5ad instead, or rename one."
                )
        return
    for axis, frame in (("obs", data.obs), ("var", data.var)):
        texts = {
            f"{axis}[{name!r}]": column.dropna().unique()
            for name, column in frame.select_dtypes(exclude="number").items()
        }
        for what, values in {f"{axis}_names": frame.index, **texts}.items():
            if wrong := [value for value in values if isinstance(value, str) and "\0" in value]:
                raise ValueError(
                    f"{str(target)!r} cannot hold {what} {quote_names(wrong, 3)}: HDF5 has no text with a null "
                    "character. Write to a .zarr instead, or rename it."
                )


def write_data(data: Any, target: Path, source: Input, changed: Collection[str]) -> None:
    """Write an AnnData or SpatialData; of the elements of a SpatialData, only ``changed`` differ from ``source``."""
    import anndata

    # Strings that pandas holds as nullable come from newer versions; they can be written all the same.
    with anndata.settings.override(allow_write_nullable_strings=True):
        if source.kind is Kind.SPATIALDATA:
            write_store(target, lambda path: _copy_with(source.path, path, data, changed))
        elif not source.kind.is_anndata:
            write_store(target, data.write)
        elif target.suffix == ".zarr":
            write_store(target, data.write_zarr)
        else:
            write_file(target, lambda path: data.write_h5ad(path, compression="gzip"))


def _copy_with(source: Path, target: Path, data: SpatialData, changed: Collection[str]) -> None:
    """Copy ``source`` to ``target``, with the elements ``changed`` of ``data`` in place of its own.

    An image is not decoded and encoded again, which takes ten times as long, and keeps its chunks and compression.
    """
    from spatialdata import SpatialData

    tables = {name: element for name, element in data.tables.items() if name in changed}
    shapes = {name: element for name, element in data.shapes.items() if name in changed}
    written: Mapping[str, Mapping[str, object]] = {"tables": tables, "shapes": shapes}
    _copy_files(source, target, {Path(kind, name) for kind, elements in written.items() for name in elements})
    results = SpatialData(tables=tables, shapes=shapes)
    results.path = target
    results.write_element([*tables, *shapes])


def _copy_files(source: Path, target: Path, left_out: Collection[Path]) -> None:
    """Copy contents, but no permissions: an input may be read-only."""
    for folder, folders, files in os.walk(source, followlinks=True):
        relative = Path(folder).relative_to(source)
        folders[:] = [name for name in folders if relative / name not in left_out]
        (target / relative).mkdir()
        for name in files:
            shutil.copyfile(Path(folder, name), target / relative / name)
