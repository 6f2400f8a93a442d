"""Where a report goes: one file, or a folder of pages. Whole or not at all, and over nothing else."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from .._checks import check_bools
from .._files import checked_path, replace_folder, replacing, unfinished_folder

SUFFIXES = (".html", ".htm")
INDEX = "index.html"
MADE_BY = '<meta name="generator" content="spacrd">'


def is_page(path: Path) -> bool:
    """Tell whether a report goes into one file, by its suffix."""
    return path.suffix.lower() in SUFFIXES


def checked_place(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Return the file or folder to write, or raise before any work is done."""
    check_bools(overwrite=overwrite)
    place = checked_path(path, "path").absolute()
    if is_page(place) and place.is_dir():
        raise IsADirectoryError(f"{place} is a folder. Name a file in it: path={str(place / 'report.html')!r}.")
    if place.suffix and not is_page(place) and not place.is_dir():
        raise ValueError(
            f"The report is a page of HTML, but path={str(path)!r} does not end in '.html'. Name such a file, or a "
            "folder, without a suffix, for a page of each section."
        )
    if not place.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {place.parent}. Make it first, or write to another.")
    if not is_page(place) and place.is_file():
        raise FileExistsError(f"{place} is a file. Name a folder, or a file that ends in '.html'.")
    if place.exists() and not overwrite:
        raise FileExistsError(f"{place} exists. Choose another name, or replace it with overwrite=True.")
    if place.is_dir() and not _is_report(place):
        raise FileExistsError(f"{place} holds more than a report of spacrd and is not replaced. Name another folder.")
    return place


def file_stem(name: str) -> str:
    """Return the letters and digits of a name of a section, for the name of its page, which a number makes unique."""
    return re.sub(r"[^\w-]+", "_", name).encode()[:80].decode(errors="ignore")


def _is_report(folder: Path) -> bool:
    """Tell whether a folder is empty, or holds the pages of a report and nothing else."""
    files = list(folder.iterdir())
    index = folder / INDEX
    if not files:
        return True
    pages = all(file.is_file() and is_page(file) for file in files)
    return pages and index.is_file() and MADE_BY in index.read_text(encoding="utf-8", errors="replace")[:2000]


def publish_page(text: str, file: Path, *, overwrite: bool) -> None:
    """Write beside the file, then move into place."""
    with replacing(file) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
        checked_place(file, overwrite=overwrite)  # somebody else may have written it meanwhile


def publish_folder(pages: Mapping[str, str], folder: Path, *, overwrite: bool) -> None:
    """Write the pages into a folder beside the place, then put it there."""
    made = unfinished_folder(folder)
    try:
        for name, text in pages.items():
            made.joinpath(name).write_text(text, encoding="utf-8")
        checked_place(folder, overwrite=overwrite)
        replace_folder(made, folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
