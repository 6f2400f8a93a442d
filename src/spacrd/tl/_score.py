"""Score sections with a fitted model."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._checks import check_result_key
from .._keys import Keys
from .._sections import Selection, get_table, split_sections, warn_other_features, write_scores
from ..model import Prediction, SpaCRD
from ._call import Call
from ._match import check_model
from ._predict import ScoreOptions, score_section
from ._read import read_for_model

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData


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
    check_model(model)
    check_result_key(key_added)
    options = ScoreOptions.resolve(threshold, on_mismatch, batch_size, device, precision)
    table = get_table(data, table_key)
    _check_free(table, key_added)
    likelihood = np.full(table.n_obs, np.nan, dtype=np.float32)
    region = np.full(table.n_obs, np.nan, dtype=object)
    uncertainty = np.full(table.n_obs, np.nan, dtype=np.float32)
    latent = np.full((table.n_obs, model.config.network.latent_width), np.nan, dtype=np.float32)
    reports = {}
    sections = split_sections(data, Selection(table_key=table_key, library_key=library_key))
    if model.config.expression is not None:
        warn_other_features(sections)
    for section in sections:
        arrays = read_for_model(section, model, layer, load=False)
        prediction, call = score_section(arrays, model, options)
        likelihood[section.rows], latent[section.rows] = prediction.likelihood, prediction.latent
        uncertainty[section.rows], region[section.rows] = prediction.uncertainty, call.region
        reports[Keys.section(section.name)] = _report(prediction, call)
    return write_scores(
        data,
        key_added,
        table_key=table_key,
        region=region,
        likelihood=likelihood,
        uncertainty=uncertainty,
        obsm={Keys.latent(key_added): latent},
        record={**_model_record(model), "library_key": library_key or "", "sections": reports},
        copy=copy,
    )


def _report(prediction: Prediction, call: Call) -> dict[str, Any]:
    """Describe the scoring of one section for ``.uns``."""
    return {
        **call.record(),
        "n_scored": int(np.isfinite(prediction.likelihood).sum()),
        "modality": prediction.modality,
        "in_training": prediction.known,
        **prediction.shift.to_dict(),
    }


def _model_record(model: SpaCRD) -> dict[str, Any]:
    """Describe the model for ``.uns``."""
    return {
        "model": model.id,
        "model_source": model.source,
        "recipe": model.config.recipe,
        "positive": list(model.config.positive),
        "version": version("spacrd"),
        "calibrated_on": model.config.calibration.n_sections,
    }


def _check_free(table: AnnData, key: str) -> None:
    """Raise ValueError for a result name that would replace what ``extract_patches`` wrote."""
    recorded = table.uns.get(Keys.UNS, {})
    for slot in (key, Keys.latent(key)):
        if slot in table.obsm and isinstance(recorded, Mapping) and slot in recorded and slot.startswith("X_"):
            raise ValueError(f"key_added={key!r} would replace the embedding obsm[{slot!r}]. Choose another name.")
