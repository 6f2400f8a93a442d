"""What is recorded about an embedding, and which rows of an earlier one stay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import encoders
from .._checks import check_result_key, quote_names, warn
from .._keys import Keys
from .._sections import Section, check_new_shapes, result_record
from ..features import contradictions
from ._jobs import PatchJob, section_record

if TYPE_CHECKING:
    from anndata import AnnData


def shape_names(sections: list[Section], store_shapes: str | bool | None, encoder: str) -> list[str]:
    """Name the elements of patch squares, one for each section; none if they are not stored."""
    if not store_shapes:
        return []
    if sections[0].sdata is None:
        raise ValueError("store_shapes needs a SpatialData; an AnnData holds no shapes.")
    if store_shapes is True:
        names = [Keys.patches(section.name, encoder) for section in sections]
        check_new_shapes(sections[0], names)
        return names
    if len(sections) > 1:
        raise ValueError(f"store_shapes={store_shapes!r} names one element for {len(sections)} sections: pass True.")
    name = check_result_key(store_shapes, "store_shapes")
    if not re.fullmatch(r"[\w.-]+", name) or name.startswith("__"):
        raise ValueError(f"store_shapes={name!r} cannot name an element: use letters, digits, '_', '.' and '-'.")
    check_new_shapes(sections[0], [name], "store_shapes")
    return [name]


@dataclass(frozen=True)
class PatchArrays:
    """What is written about the rows of one table.

    Attributes
    ----------
    embedding
        (n_obs, dim) float32.
    in_image
        Whether the spot lies on the image, (n_obs,).
    padded
        Whether the patch reaches beyond the border, (n_obs,).
    """

    embedding: np.ndarray
    in_image: np.ndarray
    padded: np.ndarray


def start_arrays(table: AnnData, sections: list[Section], key: str, encoder: encoders.Encoder) -> PatchArrays:
    """Make arrays to fill; rows of other sections keep what an earlier call wrote, if the same encoder made it."""
    rows = np.concatenate([section.all_rows for section in sections])
    arrays = PatchArrays(
        np.full((table.n_obs, encoder.spec.dim), np.nan, np.float32),
        np.zeros(table.n_obs, bool),
        np.zeros(table.n_obs, bool),
    )
    if len(rows) < table.n_obs:
        if key in table.obsm:
            arrays.embedding[:] = _earlier_embedding(table, key, encoder)
        for flag, name in ((arrays.in_image, Keys.IN_IMAGE), (arrays.padded, Keys.PADDED)):
            if name in table.obs:
                flag[:] = table.obs[name].to_numpy(dtype=bool)
    arrays.embedding[rows] = np.nan
    return arrays


def _earlier_embedding(table: AnnData, key: str, encoder: encoders.Encoder) -> np.ndarray:
    """Return the embedding of an earlier call.

    Raises
    ------
    ValueError
        If another encoder made it.
    """
    earlier, dim = np.asarray(table.obsm[key]), encoder.spec.dim
    if earlier.shape != (table.n_obs, dim):
        raise ValueError(
            f"obsm[{key!r}] has {earlier.shape[-1]} columns and the encoder gives {dim}, so other sections cannot "
            "keep theirs. Choose another `key_added`, or extract all sections again."
        )
    before, now = result_record(table, key), identity(encoder)
    for name in contradictions(now, {name: str(value) for name, value in before.items()}):
        raise ValueError(
            f"obsm[{key!r}] was made with {name}={before[name]!r}, not {now[name]!r}: sections would not be "
            "comparable. Choose another `key_added`, or extract all sections again."
        )
    return earlier


def identity(encoder: encoders.Encoder) -> dict[str, str]:
    """Return what tells two encoders apart."""
    return {
        "encoder": encoder.spec.name,
        "revision": encoder.spec.revision,
        "weights": encoder.weights,
        "weights_sha256": encoder.weights_sha256,
        "precision": encoder.precision,
    }


def record(table: AnnData, key: str, encoder: encoders.Encoder, jobs: list[PatchJob]) -> dict[str, Any]:
    """Record what was done, as scalars and strings that every file format keeps."""
    from importlib.metadata import version

    sections = {Keys.section(job.section.name): section_record(job) for job in jobs}
    before = result_record(table, key).get("sections", {})
    if sum(len(job.section.all_rows) for job in jobs) < table.n_obs:
        sections = {**before, **sections}
    sides = [float(section["patch_um"]) for section in sections.values()]
    return {
        **identity(encoder),
        "dim": encoder.spec.dim,
        "size": encoder.spec.size,
        "patch_um": float(np.median(sides)),
        "version": version("spacrd"),
        "sections": sections,
    }


def warn_unequal(records: list[dict[str, Any]]) -> None:
    """Warn if patches differ in size between sections."""
    sides = [float(section["patch_um"]) for facts in records for section in facts["sections"].values()]
    if max(sides) > 1.05 * min(sides):
        warn(
            f"Patches are {min(sides):.3g} um wide in one section and {max(sides):.3g} in another, so that they are "
            "hard to compare. Pass one `patch_um` for all."
        )


def warn_lost(job: PatchJob, black: np.ndarray, white: np.ndarray) -> None:
    """Warn if patches lack pixels, as zarr reads a chunk that is missing on disk, or show nothing, (n,) bool each."""
    section, image, n = job.section, job.placement.image_name, int(job.inside.sum())
    if black.any():
        spots = section.table.obs_names[section.rows[black]]
        warn(
            f"Section {section.name!r}: {len(spots)} of {n} patches are black or lack a colour "
            f"in half of their pixels ({quote_names(spots, 3)}), as where a part of image {image!r} is "
            "missing on disk. Look at them; if they are on tissue, copy the image again."
        )
    if white.any():
        spots = section.table.obs_names[section.rows[white]]
        warn(
            f"Section {section.name!r}: {len(spots)} of {n} patches are white all over ({quote_names(spots, 3)}), as "
            f"where image {image!r} is transparent, masked or NaN. Their embedding is that of glass, not of tissue."
        )
