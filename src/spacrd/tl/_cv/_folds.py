"""Sections of a cross-validation, and the folds they make."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix

from ..._checks import check_key, quote_names
from ..._sections import Section
from ...features import SectionArrays
from .._labels import ClassLabels

PATIENT_COLUMNS = ("patient", "patient_id", "donor", "donor_id", "subject", "subject_id", "individual")
"""``.obs`` columns, in upper or lower case, that name patients."""


@dataclass(frozen=True)
class FoldSection:
    """Hold what a fold needs of one section, without the container.

    Attributes
    ----------
    arrays
        Section under a unique name; its target holds the labels.
    group
        Name of the group that is held out at once.
    spots
        Names of the spots, (n,).
    labels
        Labels as text, NaN where unlabelled, (n,) object.
    """

    arrays: SectionArrays
    group: str
    spots: np.ndarray
    labels: np.ndarray

    @property
    def name(self) -> str:
        """Return the name of the section."""
        return self.arrays.name

    def without_labels(self) -> FoldSection:
        """Remove the labels, for a section that is held out."""
        missing = np.full(len(self.spots), np.nan)
        arrays = replace(self.arrays, target=missing.astype(np.float32))
        return replace(self, arrays=arrays, labels=missing.astype(object))

    def digest(self) -> str:
        """Compute a checksum of all values that affect a result."""
        arrays = self.arrays
        values = [arrays.xy, arrays.target, self.spots.astype(str), self.labels.astype(str)]
        if arrays.counts is not None and arrays.genes is not None:
            counts = csr_matrix(arrays.counts)
            values += [counts.data, counts.indices, counts.indptr, np.asarray(arrays.genes).astype(str)]
        if arrays.image is not None:
            values.append(arrays.image)
        sha = hashlib.sha256(repr((self.name, self.group, arrays.um_per_unit, arrays.embedding)).encode())
        for value in values:
            sha.update(f"{value.dtype}{value.shape}".encode())
            sha.update(np.ascontiguousarray(value).tobytes())
        return sha.hexdigest()


@dataclass(frozen=True)
class Fold:
    """Hold the positions of the sections of one group, and of those to fit on."""

    group: str
    held_out: tuple[int, ...]
    training: tuple[int, ...]


def fold_sections(
    sections: Sequence[tuple[Section, SectionArrays]], labels: ClassLabels, group_key: str | Mapping[str, str] | None
) -> list[FoldSection]:
    """Find the group of each section, whose arrays have unique names."""
    groups = _groups([section for section, _ in sections], [arrays.name for _, arrays in sections], group_key)
    return [
        FoldSection(
            arrays=arrays,
            group=group,
            spots=section.table.obs.index[section.rows].to_numpy(dtype=object),
            labels=labels.read(section).to_numpy(dtype=object),
        )
        for (section, arrays), group in zip(sections, groups, strict=True)
    ]


def _groups(sections: Sequence[Section], unique: list[str], group_key: str | Mapping[str, str] | None) -> list[str]:
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
    for section, name in zip(sections, unique, strict=True):
        obs = section.table.obs
        check_key(group_key, obs.columns, "obs column", hint="Name the column of patients with `group_key`.")
        column = obs[group_key].iloc[section.rows]
        values = column.dropna().astype(str).unique()
        if len(values) != 1 or column.isna().any():
            raise ValueError(
                f"Section {name!r} must lie in one group, but obs[{group_key!r}] has {quote_names(values)} there"
                f"{' and missing values' if column.isna().any() else ''}."
            )
        groups.append(str(values[0]))
    return groups


def shared_patients(sections: Sequence[Section], groups: Sequence[str]) -> dict[str, list[str]]:
    """Find patients whose sections are in different groups, by the column that names them."""
    by_column: dict[str, dict[str, set[str]]] = {}
    for section, group in zip(sections, groups, strict=True):
        obs = section.table.obs
        for column in obs.columns:
            if str(column).lower() in PATIENT_COLUMNS:
                for patient in obs[column].iloc[section.rows].dropna().astype(str).unique():
                    by_column.setdefault(str(column), {}).setdefault(patient, set()).add(group)
    shared = {key: [name for name, its in patients.items() if len(its) > 1] for key, patients in by_column.items()}
    return {column: patients for column, patients in shared.items() if patients}


def make_folds(sections: Sequence[FoldSection], label_key: str) -> list[Fold]:
    """Make one fold per group; raise if the others lack a class."""
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
        target = np.concatenate([sections[i].arrays.target for i in training])
        n_positive, n_negative = int((target == 1).sum()), int((target == 0).sum())
        if not n_positive or not n_negative:
            raise ValueError(
                f"With {group!r} held out, the other sections have {n_positive} positive and {n_negative} negative "
                f"spots in obs[{label_key!r}]. Fitting needs both: add annotated sections, or group them otherwise."
            )
        folds.append(Fold(group, held_out, training))
    return folds
