"""Facts of a report on a section, a model and the program, as plain values for the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._keys import CANCER, MODALITY_TITLES, NORMAL, REGION_COLORS, UNCERTAIN, Keys
from .._sections import ScoredSection, Section, Selection, recorded_embeddings, result_record
from ..pl import view_section
from ..tl import marker_check, marker_sentence
from . import _figures, _words
from ._labels import METHODS, PATCHES, RECIPES, TRAINING, worded

if TYPE_CHECKING:
    import pandas as pd

    from ..model import SpaCRD

Rows = list[tuple[str, str]]
LIBRARIES = ("anndata", "spatialdata", "scanpy", "torch", "numpy")


@dataclass(frozen=True)
class Share:
    """Spots of one called region."""

    name: str
    n: int
    text: str
    width: float
    """Percent of the scored spots."""

    @property
    def kind(self) -> str:
        """Name of its colour: a category that spacrd does not write has one of its own."""
        return self.name if self.name in REGION_COLORS else "other"


@dataclass(frozen=True)
class Markers:
    """Known marker genes in the called regions: a sentence, and rows of set, genes found, difference and AUC."""

    sentence: str = ""
    rows: tuple[tuple[str, str, str, str], ...] = ()


@dataclass(frozen=True)
class SectionFacts:
    """One section of the report."""

    name: str
    verdict: str
    meaning: str
    evidence: list[str]
    n_spots: int
    n_scored: int
    shares: list[Share]
    expected: str
    """Sentence on the expected share; empty if none was recorded."""
    threshold: str
    checks: list[_words.Check]
    warnings: list[str]
    figures: list[_figures.Drawn]
    markers: Markers
    parameters: dict[str, Rows]
    """Tables by their captions."""


def _shares(scored: ScoredSection) -> list[Share]:
    called = scored.region[np.isfinite(scored.likelihood)]
    others = {name for name in called if name is not None} - set(REGION_COLORS)
    numbers = {name: int((called == name).sum()) for name in (CANCER, UNCERTAIN, NORMAL, *sorted(others))}
    total = sum(numbers.values())
    return [
        Share(name, n, _words.percent(n / total), round(100 * n / total, 2)) for name, n in numbers.items() if total
    ]


def _plain(value: Any) -> str:
    """Write a recorded value as text; arrays as their items."""
    if isinstance(value, float | np.floating):
        return f"{value:.5g}"
    if isinstance(value, np.ndarray | list | tuple):
        return ", ".join(map(_plain, np.ravel(np.asarray(value, dtype=object)))) or "none"
    return str(value) if str(value) else "none"


def _embeddings(section: Section) -> dict[str, Rows]:
    """List what was recorded of the patches of a section, by their slot."""
    tables = {}
    for key in recorded_embeddings(section):
        record = result_record(section.table, key)
        merged = {**record, **record["sections"][Keys.section(section.name)]}
        order = [name for name in PATCHES if name in merged] + sorted(set(merged) - set(PATCHES))
        tables[f"Patches of the image (embedding {key})"] = [
            (worded(name, PATCHES), _plain(merged[name])) for name in order if not isinstance(merged[name], Mapping)
        ]
    return tables


def markers_facts(data: Any, key: str, table_key: str, library_key: str | None) -> list[Markers]:
    """Compare marker genes in each section of one object; empty where the table has no expression to compare."""
    try:
        table = marker_check(data, key=key, table_key=table_key, library_key=library_key)
    except (TypeError, ValueError):
        return []
    return [_markers(rows) for _, rows in table.groupby("section", sort=False)]


def _markers(table: pd.DataFrame) -> Markers:
    known = table[table["auc"].notna()]
    rows = [
        (row["set"], str(row["n_genes"]), f"{row['difference']:+.2f}", f"{row['auc']:.2f}")
        for row in known.to_dict("records")
    ]
    return Markers(marker_sentence(table), tuple(rows))


def section_facts(
    scored: ScoredSection,
    record: Mapping[str, Any],
    markers: Markers,
    *,
    image_key: str | None,
    coordinate_system: str | None,
) -> SectionFacts:
    """Collect everything that the report says of one section, of an object with this record."""
    calibrated_on = int(record["calibrated_on"]) if "calibrated_on" in record else None
    name, report = scored.section.name, scored.report
    n_spots, n_scored = len(scored.likelihood), int(np.isfinite(scored.likelihood).sum())
    shares, checks = _shares(scored), _words.checks(report)
    verdict = str(report.get("verdict", "")) if n_scored else ""
    tissue = view_section(scored.section, Selection(image_key=image_key, coordinate_system=coordinate_system))
    figures = []
    called = "; ".join(f"{share.text} {share.name}" for share in shares) or "none called"
    if n_scored:
        figures.append(_figures.map_figure(scored, tissue, f"Map of section {name}: {n_scored} spots, {called}"))
    if tissue.image is not None:
        figures.append(_figures.image_figure(tissue, name))
    if n_scored:
        median = float(np.nanmedian(scored.likelihood))
        alt = f"Histogram of the likelihoods of section {name}: median {median:.2f}, threshold {scored.threshold:.2f}"
        figures.append(_figures.distribution_figure(scored, alt))
    method = str(report.get("threshold_method", ""))
    modality = str(report.get("modality", ""))
    return SectionFacts(
        name=name,
        verdict=verdict or ("not recorded" if n_scored else "not scored"),
        meaning=_words.meaning(verdict, report) if n_scored else "",
        evidence=_words.evidence(report, record) if n_scored else [],
        n_spots=n_spots,
        n_scored=n_scored,
        shares=shares,
        expected=_words.expected_sentence(report),
        threshold=_words.threshold_sentence(scored.threshold, method) if n_scored else "",
        checks=checks,
        warnings=_words.warnings_of(report, checks, n_spots=n_spots, n_scored=n_scored, calibrated_on=calibrated_on),
        figures=figures,
        markers=markers,
        parameters={
            "Scoring": [
                ("scored from", MODALITY_TITLES.get(modality, modality or "not recorded")),
                ("threshold", f"{scored.threshold:.4g}, {worded(method or 'not recorded', METHODS)}"),
            ],
            **_embeddings(scored.section),
        },
    )


def _model_facts(record: Mapping[str, Any], model: SpaCRD | None) -> Rows:
    """List what scoring recorded of the model, and more if the model itself is given."""
    n = record.get("calibrated_on")
    rows = [
        ("model", _plain(record.get("model", "not recorded"))),
        ("recipe", worded(_plain(record.get("recipe", "not recorded")), RECIPES)),
        (
            "likelihoods",
            "not recorded" if n is None else f"calibrated on {n} held-out sections" if n else "not calibrated",
        ),
    ]
    if "positive" in record:
        rows.append(("counts as cancer", _plain(record["positive"])))
    if model is None:
        return rows
    from ..model import SECTION_HASHES, SPOT_HASHES

    c = model.config
    if c.expression is not None:
        rows.append(("genes", f"{len(c.expression.genes):,}"))
    if c.image is not None:
        size = f", patches of {c.image.patch_um:.4g} µm" if c.image.patch_um is not None else ""
        rows.append(("image", f"{c.image.encoder or c.image.key}, {c.image.dim} dimensions{size}"))
    if c.members:
        rows.append(("networks, seed", f"{c.members}, {c.seed}"))
    rows.append(("neighbours", str(c.n_neighbors)))
    return rows + [
        (worded(name, TRAINING), _plain(value))
        for name, value in c.training.items()
        if name not in (SECTION_HASHES, SPOT_HASHES)
    ]


def models_facts(
    records: Sequence[Mapping[str, Any]], sections: Sequence[Sequence[str]], model: SpaCRD | None
) -> dict[str, Rows]:
    """Make the tables of the models that scored, by their captions: mostly one."""
    scored: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for record, names in zip(records, sections, strict=True):
        scored.setdefault(tuple(_model_facts(record, model)), []).extend(names)
    of = "" if len(scored) == 1 else " {}"
    return {f"The model that scored{of.format(', '.join(names))}": list(rows) for rows, names in scored.items()}


def versions(records: Sequence[Mapping[str, Any]]) -> Rows:
    """List the versions of spacrd and of the libraries it uses."""
    import platform
    from importlib.metadata import version

    scored_by = dict.fromkeys(_plain(record.get("version", "not recorded")) for record in records)
    return [
        ("spacrd, scoring", ", ".join(scored_by)),
        ("spacrd, this report", version("spacrd")),
        ("Python", platform.python_version()),
        *((name, version(name)) for name in LIBRARIES),
    ]
