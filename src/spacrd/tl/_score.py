"""Score sections with a fitted model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from .._checks import check_choice, check_positive_int, check_result_key, quote_names, warn
from .._hardware import PRECISIONS
from .._keys import REGION_COLORS, Keys
from .._sections import Section, Selection, differing, embedding_record, get_table, split_sections, write_results
from ..model import Prediction, SpaCRD
from ._call import call_regions, threshold_section, verdict
from ._mixture import Threshold, find_threshold
from ._read import read_section

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData

LOW_COVERAGE = 0.5
"""Share of the model's genes below which scoring warns."""


def score(
    data: AnnData | SpatialData,
    model: SpaCRD,
    *,
    key_added: str = Keys.DEFAULT,
    table_key: str = "table",
    library_key: str | None = None,
    layer: str | None = None,
    threshold: Literal["gmm"] | float = "gmm",
    on_mismatch: Literal["error", "warn"] = "error",
    batch_size: int = 4096,
    device: str | None = None,
    precision: Literal["32-true", "bf16-mixed"] = "32-true",
    copy: bool = False,
) -> AnnData | SpatialData | None:
    """Score every spot with the likelihood of cancer and call regions.

    Labels are never read. Genes are matched by name: their order, missing genes and further genes do not matter,
    and the share found is recorded. A section that lacks one of the model's modalities is scored from the other.

    Parameters
    ----------
    data
        One section or several; several are told apart by ``library_key``, or by the regions of a SpatialData.
    model
        A fitted or loaded model.
    key_added
        Prefix of everything written.
    table_key
        Table of a SpatialData.
    library_key
        ``.obs`` column of section names.
    layer
        Layer of raw counts; ``.X`` if None.
    threshold
        ``"gmm"``: per section, where two Gaussians of the logits cross, without labels; or a likelihood.
    on_mismatch
        What to do when the section's embedding was made by another encoder or at another patch size than the
        model's. A different width is always an error.
    batch_size
        Spots per block; changes speed and memory, not the scores.
    device
        Torch device; the package setting if None.
    precision
        ``"bf16-mixed"`` for autocast to bfloat16: faster where the device has it, and likelihoods change in the third
        digit.
    copy
        Return a copy instead of writing into ``data``.

    Returns
    -------
    The copy if ``copy``, else None. Written:

    - ``.obs["spacrd_likelihood"]``: float32 probability; NaN where a spot has no modality.
    - ``.obs["spacrd_uncertainty"]``: float32, 0 to 0.5: half the width of an interval of one standard error around the
      likelihood, from models that each lack one group of training sections; NaN for a model that is not calibrated.
    - ``.obs["spacrd_region"]``: category ``normal``, ``cancer``, or ``uncertain`` where that interval holds the
      threshold; NaN where there is no likelihood.
    - ``.obsm["X_spacrd"]``: float32 (n_obs, 64), latent means of the model's first network.
    - ``.uns["spacrd"]["spacrd"]``: model, and per section threshold, mixture, modality, the verdict ``tumour``,
      ``no tumour`` or ``unclear``, and how far the section lies from the training sections. A section that lies far is
      warned about.

    Raises
    ------
    TypeError, KeyError, ValueError
        If something is missing or does not fit; ``data`` is then as it was.

    Examples
    --------
    After the :ref:`setup of the examples <examples>`:

    >>> spacrd.tl.score(section, model)
    >>> sorted(name for name in section["table"].obs if name.startswith("spacrd"))
    ['spacrd_in_image', 'spacrd_likelihood', 'spacrd_padded', 'spacrd_region', 'spacrd_uncertainty']
    >>> section["table"].obsm["X_spacrd"].shape[1]
    64
    """
    if not isinstance(model, SpaCRD):
        raise TypeError(
            f"model must be a SpaCRD, got {type(model).__name__}. Load one with `spacrd.SpaCRD.load(path)`."
        )
    check_result_key(key_added)
    check_choice(on_mismatch, ("error", "warn"), "on_mismatch")
    check_positive_int(batch_size, "batch_size")
    check_choice(precision, PRECISIONS, "precision")
    find_threshold(np.empty(0), threshold)  # refuse a wrong threshold before the work, not after it
    table = get_table(data, table_key)
    _check_free(table, key_added)
    libraries = split_sections(data, Selection(table_key=table_key, library_key=library_key))
    likelihood = np.full(table.n_obs, np.nan, dtype=np.float32)
    region = np.full(table.n_obs, np.nan, dtype=object)
    uncertainty = np.full(table.n_obs, np.nan, dtype=np.float32)
    latent = np.full((table.n_obs, model.config.network.latent_width), np.nan, dtype=np.float32)
    sections = {}
    for library in libraries:
        prediction = _score_library(library, model, layer, on_mismatch, batch_size, device, precision)
        found = verdict(prediction.likelihood, prediction.interval)
        cut = threshold_section(prediction.likelihood, threshold, found)
        likelihood[library.rows], latent[library.rows] = prediction.likelihood, prediction.latent
        uncertainty[library.rows] = prediction.uncertainty
        region[library.rows] = call_regions(prediction.likelihood, cut.threshold, prediction.interval)
        if prediction.known:
            warn(
                f"Section {library.name!r} is one that the model was fitted on: its likelihoods say nothing of how "
                "good the model is. Score another one, or hold out each in turn with `spacrd.tl.cross_validate`."
            )
        if complaints := prediction.shift.complaints():
            warn(
                f"Section {library.name!r} lies outside what the model was fitted on: {'; '.join(complaints)}. Its "
                "likelihoods are less certain than they say; check some spots by eye."
            )
        sections[Keys.section(library.name)] = {
            **threshold_record(cut),
            "n_scored": int(np.isfinite(prediction.likelihood).sum()),
            "modality": prediction.modality,
            "verdict": found,
            "in_training": prediction.known,
            **prediction.shift.to_dict(),
        }
    return write_results(
        data,
        table_key=table_key,
        obs={
            Keys.likelihood(key_added): likelihood,
            Keys.uncertainty(key_added): uncertainty,
            Keys.region(key_added): pd.Categorical(region, categories=list(REGION_COLORS)),
        },
        obsm={Keys.latent(key_added): latent},
        uns={
            key_added: {
                "model": model.id,
                "model_source": model.source,
                "recipe": model.config.recipe,
                "positive": list(model.config.positive),
                "version": version("spacrd"),
                "calibrated_on": model.config.calibration.n_sections,
                "library_key": library_key or "",
                "sections": sections,
            }
        },
        colors={Keys.region_colors(key_added): list(REGION_COLORS.values())},
        copy=copy,
    )


def _check_free(table: AnnData, key: str) -> None:
    """Refuse a result name that would replace what ``extract_patches`` wrote."""
    recorded = table.uns.get(Keys.UNS, {})
    for slot in (key, Keys.latent(key)):
        if slot in table.obsm and isinstance(recorded, Mapping) and slot in recorded and slot.startswith("X_"):
            raise ValueError(f"key_added={key!r} would replace the embedding obsm[{slot!r}]. Choose another name.")


def threshold_record(cut: Threshold) -> dict[str, Any]:
    """A threshold as plain values for ``.uns``."""
    return {
        "threshold": cut.threshold,
        "threshold_method": cut.method,
        "mixture_means": cut.means,
        "mixture_sds": cut.sds,
        "mixture_weights": cut.weights,
    }


def _score_library(
    library: Section,
    model: SpaCRD,
    layer: str | None,
    on_mismatch: str,
    batch_size: int,
    device: str | None,
    precision: str,
) -> Prediction:
    config = model.config
    key = config.image.key if config.image else None
    section = read_section(
        library,
        expression=config.expression is not None,
        image_rep=key,
        layer=layer,
        scale=config.max_distance_um is not None,
        like=config.expression.genes if config.expression else None,
        load=False,
    )
    if config.image is not None and section.image is not None:
        _check_embedding(library, model, section.image.shape[1], on_mismatch)
    if config.image is not None and section.image is None:
        text = f"Section {library.name!r} has no {key!r} in obsm: {_how_to_extract(model)}."
        if config.expression is None:
            raise ValueError(f"{text} The model reads the image alone.")
        warn(f"{text} It is scored from expression alone.")
    if config.expression is not None:
        _check_genes(library, model, section.genes)
    return model.predict(section, batch_size=batch_size, device=device, precision=precision)


def _how_to_extract(model: SpaCRD) -> str:
    """The call that makes the embedding that the model reads."""
    contract = model.config.image
    assert contract is not None
    if not contract.encoder:
        return "store the embedding there that the model was fitted on"
    default = Keys.embedding(contract.encoder)
    key_added = "" if contract.key == default else f", key_added={contract.key!r}"
    return f"run spacrd.pp.extract_patches with encoder={contract.encoder!r}{key_added} first"


def _check_embedding(library: Section, model: SpaCRD, dim: int, on_mismatch: str) -> None:
    contract = model.config.image
    assert contract is not None
    if dim != contract.dim:
        raise ValueError(
            f"Section {library.name!r}: obsm[{contract.key!r}] has {dim} dimensions, the model was fitted on "
            f"{contract.dim}. Extract it with encoder {contract.encoder!r}."
        )
    record = embedding_record(library, contract.key)
    wanted = asdict(contract)
    for name in differing(record, wanted):
        text = (
            f"Section {library.name!r}: obsm[{contract.key!r}] was made with {name} {record[name]!r}, the model "
            f"was fitted with {wanted[name]!r}. Extract the patches again with the model's settings"
        )
        if on_mismatch == "error":
            raise ValueError(f"{text}, or pass on_mismatch='warn' to score all the same.")
        warn(f"{text}.")


def _check_genes(library: Section, model: SpaCRD, genes: np.ndarray | None) -> None:
    contract = model.config.expression
    assert contract is not None
    if genes is None:
        if model.config.image is None:
            raise ValueError(f"Section {library.name!r} has no genes, and the model reads expression alone.")
        warn(f"Section {library.name!r} has no genes. It is scored from the image alone.")
        return
    found = np.isin(np.asarray(contract.genes), genes)
    if found.mean() < LOW_COVERAGE:
        _check_organism(library, contract.genes, genes, found)
    if not found.any():
        raise ValueError(
            f"Section {library.name!r} and the model have no gene in common: the section has "
            f"{quote_names(genes, 3)}, the model reads {quote_names(contract.genes, 3)}. "
            "Use the same kind of gene names (symbols or Ensembl ids) and the same organism."
        )
    if found.mean() < LOW_COVERAGE:
        warn(
            f"Section {library.name!r} has {found.sum()} of the model's {len(found)} genes "
            f"({100 * found.mean():.0f} %). The others count as average; expect weaker likelihoods."
        )


def _check_organism(library: Section, wanted: Sequence[str], genes: np.ndarray, found: np.ndarray) -> None:
    """Refuse names that are the model's but for their case: 'ERBB2' is human, 'Erbb2' is a gene of the mouse."""
    plain = {gene.casefold(): gene for gene in map(str, genes)}
    alike = np.array([gene.casefold() in plain for gene in wanted])
    if alike.mean() >= LOW_COVERAGE:
        model, own = next((str(gene), plain[gene.casefold()]) for gene in np.asarray(wanted)[alike & ~found])
        raise ValueError(
            f"Section {library.name!r} has {found.sum()} of the model's {len(found)} genes, and {alike.sum()} if upper "
            f"and lower case were the same: the section has {own!r}, the model reads {model!r}. These are names of "
            "another organism. Score with a model of the same organism; if the names were only written differently, "
            "rename `var_names`."
        )
