"""Report of scored sections as one HTML file, or a folder with a page for each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .._keys import Keys
from .._sections import Selection, as_list, get_table, result_record, scored_sections
from ..tl import summarise
from ._overview import Overview, overview_of
from ._place import INDEX, file_stem, publish_folder, publish_page
from ._place import checked_place as checked_place
from ._place import is_page as is_page
from ._render import render

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from spatialdata import SpatialData

    from ..model import SpaCRD
    from ._facts import Rows, SectionFacts

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
    """Write a report of scored sections as HTML that needs nothing else, to send, keep or print.

    For each section: the verdict, the share of spots called, the map over the image, the distribution with the
    threshold, how the section compares with the training sections and what that means, whether marker genes fit the
    called region, and warnings; then parameters, model and versions. Several sections get an overview: the plot of
    :func:`spacrd.pl.cohort` and a table that can be sorted. Light or dark as the reader's screen.

    Parameters
    ----------
    data
        Sections scored by :func:`spacrd.tl.score`, in one object or a list of them.
    path
        File to write, ending in ``.html``, for all sections on one page. Or a folder, without a suffix, for
        ``index.html`` with the overview and a page for each section: better for many sections.
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
        Whether to replace a file, or a folder that holds a report and nothing else.

    Returns
    -------
    The file or folder, absolute. It is whole or not there at all; ``data`` is not changed.

    Raises
    ------
    KeyError
        If the sections were not scored under this key, or the image does not exist.
    TypeError
        If ``model`` is not a model.
    ValueError
        If the model is not the one that scored, or ``path`` ends in another suffix than ``.html``.
    FileExistsError
        If the file or folder exists and ``overwrite`` is False, or the folder holds something else than a report.
    IsADirectoryError
        If ``path`` ends in ``.html`` and is a folder.
    FileNotFoundError
        If the folder of the file does not exist.

    See Also
    --------
    spacrd.pl.likelihood, spacrd.pl.distribution, spacrd.pl.cohort : The figures of the report.
    spacrd.tl.summarise : The numbers of the overview.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> spacrd.report(section, "section.html", model=model).name
    'section.html'
    >>> sorted(file.name for file in spacrd.report([section, section], "cohort").iterdir())
    ['1_toy.html', '2_toy.html', 'index.html']
    """
    place = checked_place(path, overwrite=overwrite)
    objects = as_list(data)
    records = [result_record(get_table(one, table_key), key) for one in objects]
    scored = [scored_sections(one, key, Selection(table_key=table_key, library_key=library_key)) for one in objects]
    for record in records:
        _check_model(model, record)
    from ._facts import Markers, markers_facts, models_facts, section_facts, versions

    facts = []
    for one, record, sections in zip(objects, records, scored, strict=True):
        markers = markers_facts(one, key, table_key, library_key) or [Markers()] * len(sections)
        facts += [
            section_facts(section, record, marked, image_key=image_key, coordinate_system=coordinate_system)
            for section, marked in zip(sections, markers, strict=True)
        ]
    names = [[section.section.name for section in sections] for sections in scored]
    pages = _Pages(facts, models_facts(records, names, model), versions(records), key)
    table = summarise(objects, key=key, table_key=table_key, library_key=library_key)
    if is_page(place):
        publish_page(pages.whole(table), place, overwrite=overwrite)
    else:
        publish_folder(pages.apart(table), place, overwrite=overwrite)
    return place


@dataclass(frozen=True)
class _Pages:
    """Facts of a report, which make one page or several."""

    facts: list[SectionFacts]
    models: dict[str, Rows]
    versions: Rows
    key: str

    def _page(self, sections: list[SectionFacts], names: list[str], overview: Overview | None, back: str = "") -> str:
        from ._figures import PAPER

        return render(
            style=PAPER,
            names=names,
            sections=sections,
            overview=overview,
            back=back,
            models=self.models,
            versions=self.versions,
            key=self.key,
        )

    @property
    def names(self) -> list[str]:
        return [section.name for section in self.facts]

    def whole(self, table: pd.DataFrame) -> str:
        """Make one page of all sections, with an overview if there are several."""
        links = [f"#section-{number}" for number in range(1, len(self.facts) + 1)]
        overview = overview_of(table, links) if len(self.facts) > 1 else None
        return self._page(self.facts, self.names, overview)

    def apart(self, table: pd.DataFrame) -> dict[str, str]:
        """Make a page for each section and one with the overview, by the names of their files."""
        digits = len(str(len(self.facts)))
        files = [f"{number:0{digits}d}_{file_stem(section.name)}.html" for number, section in enumerate(self.facts, 1)]
        overview = overview_of(table, [quote(file) for file in files])
        pages = {INDEX: self._page([], self.names, overview)}
        for file, section in zip(files, self.facts, strict=True):
            pages[file] = self._page([section], [section.name], None, back=INDEX)
        return pages


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
