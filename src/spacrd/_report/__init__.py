"""Report of scored sections as one HTML file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._files import checked_path, replacing
from .._keys import Keys
from .._sections import Selection, as_list, get_table, result_record, scored_sections

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData

    from ..model import SpaCRD

__all__ = ["report"]


def report(
    data: AnnData | SpatialData | Sequence[AnnData | SpatialData],
    path: str | os.PathLike[str],
    *,
    key: str = Keys.DEFAULT,
    model: SpaCRD | None = None,
    library_key: str | None = None,
    table_key: str = "table",
    image_key: str | None = None,
    coordinate_system: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a report of scored sections: one HTML file that needs nothing else, to send, keep or print.

    For each section: the verdict, the share of spots called, the map over the image, the distribution with the
    threshold, how the section compares with the training sections and what that means, and warnings; then
    parameters, model and versions. Light or dark as the reader's screen.

    Parameters
    ----------
    data
        Sections scored by :func:`spacrd.tl.score`, in one object or a list of them.
    path
        File to write, ending in ``.html``.
    key
        Name of the result, ``key_added`` of :func:`spacrd.tl.score`.
    model
        The model that scored, for more facts about it: its genes, encoder and training sections.
    library_key
        Column of ``.obs`` that tells sections apart. By default as in scoring.
    table_key
        Table of a SpatialData.
    image_key
        Image to draw on; by default as in :func:`spacrd.pp.extract_patches`.
    coordinate_system
        Coordinate system of a SpatialData to draw in.
    overwrite
        Whether to replace a file that exists.

    Returns
    -------
    The file, absolute. It is whole or not there at all; ``data`` is not changed.

    Raises
    ------
    KeyError
        If the sections were not scored under this key, or the image does not exist.
    TypeError
        If ``model`` is not a model.
    ValueError
        If the model is not the one that scored, or the file's name does not end in ``.html``.
    FileExistsError
        If the file exists and ``overwrite`` is False.
    IsADirectoryError
        If ``path`` is a folder.
    FileNotFoundError
        If the folder of the file does not exist.

    See Also
    --------
    spacrd.pl.likelihood, spacrd.pl.distribution : The figures of the report.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> spacrd.report(section, "section.html", model=model).name
    'section.html'
    """
    file = _checked(path, overwrite)
    objects = as_list(data)
    records = [result_record(get_table(one, table_key), key) for one in objects]
    scored = [scored_sections(one, key, Selection(table_key=table_key, library_key=library_key)) for one in objects]
    for record in records:
        _check_model(model, record)
    from ._facts import models_facts, section_facts, versions

    facts = [
        section_facts(section, record, image_key=image_key, coordinate_system=coordinate_system)
        for record, sections in zip(records, scored, strict=True)
        for section in sections
    ]
    names = [[section.section.name for section in sections] for sections in scored]
    models = models_facts(records, names, model)
    _publish(_render(sections=facts, models=models, versions=versions(records), key=key), file, overwrite)
    return file


def _checked(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """Return the file to write, or raise before any work is done."""
    file = checked_path(path, "path").absolute()
    if file.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"The report is a page of HTML, but path={str(path)!r} does not end in '.html'.")
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder. Name a file in it: path={str(file / 'report.html')!r}.")
    if not file.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {file.parent}. Make it first, or write to another.")
    if file.exists() and not overwrite:
        raise FileExistsError(f"{file} exists. Choose another name, or replace it with overwrite=True.")
    return file


def _check_model(model: SpaCRD | None, record: Any) -> None:
    if model is None:
        return
    from ..model import SpaCRD

    if not isinstance(model, SpaCRD):
        raise TypeError(
            f"model must be a SpaCRD, got {type(model).__name__}. Load one with `spacrd.SpaCRD.load(path)`."
        )
    scored_by = record.get("model")
    if scored_by is not None and str(scored_by) != model.id:
        raise ValueError(
            f"The sections were scored by model {str(scored_by)!r}, but model={model.id!r} was passed. Pass the one "
            "that scored, score again with this one, or leave it out."
        )


def _render(**values: Any) -> str:
    from datetime import UTC, datetime
    from importlib.resources import files

    from jinja2 import Environment, StrictUndefined

    from ._figures import PAPER

    # Names of sections and columns are the user's: autoescape makes them text, whatever they hold.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files(__package__).joinpath("report.html").read_text(encoding="utf-8"))
    return template.render(**values, paper=PAPER, date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))


def _publish(text: str, file: Path, overwrite: bool) -> None:
    """Write beside the file, then move into place."""
    with replacing(file) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
        _checked(file, overwrite)  # somebody else may have written it meanwhile
