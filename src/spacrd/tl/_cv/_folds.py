"""Sections of a cross-validation as small, self-contained pieces, and the folds they make."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..._checks import check_key, quote_names
from ..._keys import CANCER, NORMAL, Keys
from ..._sections import Section, embedding_record, labels
from ...features import SectionArrays
from .._read import read_section, read_target

if TYPE_CHECKING:
    from anndata import AnnData

PATIENT_COLUMNS = ("patient", "patient_id", "donor", "donor_id", "subject", "subject_id", "individual")
"""``obs`` columns, in any case, in which equal values of two sections mean one person."""


@dataclass(frozen=True)
class FoldSection:
    """Everything of one section that a fold needs, detached from the container it came from.

    Attributes
    ----------
    raw
        Counts, embedding and coordinates under a name no other section has; its target is the label.
    group
        What the section is held out with.
    spots
        Names of the spots, (n,).
    labels
        Labels as text, NaN where unlabelled, (n,) object.
    lattice
        ``array_row`` and ``array_col``, as far as there are.
    spot_diameter
        Stored diameter in units of ``raw.xy``; NaN if unknown.
    image_rep, image_record
        Slot of the embedding, and what was recorded about it.
    """

    raw: SectionArrays
    group: str
    spots: np.ndarray
    labels: np.ndarray
    lattice: dict[str, np.ndarray]
    spot_diameter: float
    image_rep: str | None
    image_record: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the section."""
        return self.raw.name

    def without_labels(self) -> FoldSection:
        """The same section as a model may see it when it is held out."""
        nothing = np.full(len(self.spots), np.nan)
        return replace(self, raw=replace(self.raw, target=nothing.astype(np.float32)), labels=nothing.astype(object))

    def to_anndata(self, label_key: str | None = None) -> AnnData:
        """AnnData of this section alone; with ``label_key``, its target as ``cancer``, ``normal`` or NaN."""
        from anndata import AnnData

        raw = self.raw
        obs = pd.DataFrame(self.lattice, index=pd.Index(self.spots))
        if label_key is not None:
            text = np.where(raw.target == 1, CANCER, NORMAL).astype(object)
            obs[label_key] = pd.Categorical(np.where(np.isnan(raw.target), np.nan, text), [NORMAL, CANCER])
        var = pd.DataFrame(index=pd.Index([] if raw.genes is None else raw.genes, dtype=object))
        table = AnnData(raw.counts, obs=obs, var=var, obsm={Keys.SPATIAL: raw.xy})
        scale = {"scalefactors": {"spot_diameter_fullres": self.spot_diameter}}
        table.uns[Keys.SPATIAL] = {self.name: scale if np.isfinite(self.spot_diameter) else {}}
        if self.image_rep is not None and raw.image is not None:
            table.obsm[self.image_rep] = raw.image
            table.uns[Keys.UNS] = {self.image_rep: self.image_record}
        return table

    def digest(self) -> str:
        """Checksum of all values that can change a result."""
        raw = self.raw
        parts = [raw.xy, raw.target, self.spots.astype(str), self.labels.astype(str), *self.lattice.values()]
        if raw.counts is not None and raw.genes is not None:
            parts += [raw.counts.data, raw.counts.indices, raw.counts.indptr, raw.genes]
        if raw.image is not None:
            parts.append(raw.image)
        sha = hashlib.sha256(repr((self.name, self.group, self.spot_diameter, self.image_record)).encode())
        for part in parts:
            sha.update(f"{part.dtype}{part.shape}".encode())
            sha.update(np.ascontiguousarray(part).tobytes())
        return sha.hexdigest()


@dataclass(frozen=True)
class Fold:
    """One group held out: positions of its sections, and of those to fit on."""

    group: str
    held_out: tuple[int, ...]
    training: tuple[int, ...]


def read_sections(
    libraries: Sequence[Section],
    label_key: str,
    *,
    positive: Sequence[str],
    negative: Sequence[str] | None,
    group_key: str | Mapping[str, str] | None,
    image_rep: str | None,
    layer: str | None,
    expression: bool,
    scale: bool,
) -> list[FoldSection]:
    """Read every section once."""
    unique = _unique_names([library.name for library in libraries])
    groups = _groups(libraries, unique, group_key)
    sections = []
    for library, name, group in zip(libraries, unique, groups, strict=True):
        with warnings.catch_warnings():
            # Every section is fitted on or scored later, which says the same under its unique name.
            warnings.simplefilter("ignore", UserWarning)
            raw = read_section(
                library,
                expression=expression,
                image_rep=image_rep,
                layer=layer,
                scale=scale,
                target=read_target(library, label_key, positive, negative),
                like=libraries[0].table.var_names,
            )
        obs = library.table.obs.iloc[library.rows]
        values = labels(library, label_key)
        sections.append(
            FoldSection(
                raw=replace(raw, name=name),
                group=group,
                spots=obs.index.to_numpy(dtype=object),
                labels=values.where(values.isna(), values.astype(str)).to_numpy(dtype=object),
                lattice={key: obs[key].to_numpy() for key in ("array_row", "array_col") if key in obs},
                spot_diameter=_spot_diameter(library),
                image_rep=image_rep,
                image_record={} if image_rep is None else embedding_record(library, image_rep),
            )
        )
    return sections


def _unique_names(found: list[str]) -> list[str]:
    """Names as they are; those that occur twice get the section's number, counted from 1."""
    times = Counter(found)
    unique = [name if times[name] == 1 else f"{name}_{i}" for i, name in enumerate(found, start=1)]
    if len(set(unique)) < len(unique):
        raise ValueError(
            f"Sections share names: {quote_names(found)}. Give each its own, for example with `library_key`."
        )
    return unique


def _spot_diameter(library: Section) -> float:
    """Stored spot diameter in the units of the coordinates; NaN if unknown."""
    if library.sdata is not None and library.element in library.sdata.shapes:
        shapes = library.sdata.shapes[library.element]
        if "radius" in shapes:
            return 2 * float(shapes["radius"].median())
    entry = library.table.uns.get(Keys.SPATIAL, {})
    entry = entry.get(library.name, {}) if isinstance(entry, Mapping) else {}
    return float(entry.get("scalefactors", {}).get("spot_diameter_fullres", np.nan))


def _groups(libraries: Sequence[Section], unique: list[str], group_key: str | Mapping[str, str] | None) -> list[str]:
    if group_key is None:
        return list(unique)
    if isinstance(group_key, Mapping):
        missing = [name for name in unique if name not in group_key]
        if missing:
            raise KeyError(
                f"group_key names no group for section {quote_names(missing)}. It has {quote_names(group_key)}."
            )
        return [str(group_key[name]) for name in unique]
    groups = []
    for library, name in zip(libraries, unique, strict=True):
        obs = library.table.obs
        check_key(group_key, obs.columns, "obs column", hint="Name the column of patients with `group_key`.")
        column = obs[group_key].iloc[library.rows]
        values = column.dropna().astype(str).unique()
        if len(values) != 1 or column.isna().any():
            raise ValueError(
                f"Section {name!r} must lie in one group, but obs[{group_key!r}] has {quote_names(values)} there"
                f"{' and missing values' if column.isna().any() else ''}."
            )
        groups.append(str(values[0]))
    return groups


def shared_patients(libraries: Sequence[Section], sections: Sequence[FoldSection]) -> dict[str, list[str]]:
    """Columns that name patients, each with those patients whose sections lie in different groups."""
    found: dict[str, dict[str, set[str]]] = {}
    for library, section in zip(libraries, sections, strict=True):
        obs = library.table.obs
        for column in obs.columns:
            if str(column).lower() in PATIENT_COLUMNS:
                for patient in obs[column].iloc[library.rows].dropna().astype(str).unique():
                    found.setdefault(str(column), {}).setdefault(patient, set()).add(section.group)
    shared = {
        column: [patient for patient, groups in patients.items() if len(groups) > 1]
        for column, patients in found.items()
    }
    return {column: patients for column, patients in shared.items() if patients}


def make_folds(sections: Sequence[FoldSection], label_key: str) -> list[Fold]:
    """One fold per group; each must leave both classes to fit on."""
    groups = list(dict.fromkeys(section.group for section in sections))
    if len(groups) < 2:
        raise ValueError(
            f"Cross-validation holds one group out and fits on the others, but there is only {quote_names(groups)}. "
            "Pass sections of at least two, or name the column that tells them apart with `library_key` or `group_key`."
        )
    folds = []
    for group in groups:
        held_out = tuple(i for i, section in enumerate(sections) if section.group == group)
        training = tuple(i for i, section in enumerate(sections) if section.group != group)
        target = np.concatenate([sections[i].raw.target for i in training])
        n_positive, n_negative = int((target == 1).sum()), int((target == 0).sum())
        if not n_positive or not n_negative:
            raise ValueError(
                f"With {group!r} held out, the other sections have {n_positive} positive and {n_negative} negative "
                f"spots in obs[{label_key!r}]. Fitting needs both: add annotated sections, or group them otherwise."
            )
        folds.append(Fold(group, held_out, training))
    return folds
