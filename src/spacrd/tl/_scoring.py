"""Score the sections of one object or several, and write the results when all are scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_bools, quote_names, warn
from .._interrupt import uninterrupted
from .._keys import REGION_COLORS, Keys
from .._sections import (
    Scores,
    Selection,
    as_list,
    get_table,
    split_sections,
    warn_other_features,
    write_scores,
)
from ..model import PLATFORMS, Prediction, SpaCRD, verdict_rates
from ._call import Call
from ._labels import ClassLabels
from ._predict import ScoreOptions, score_section
from ._read import read_for_model

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData


def score_objects(
    data: AnnData | SpatialData | Sequence[AnnData | SpatialData],
    model: SpaCRD,
    selection: Selection,
    options: ScoreOptions,
    *,
    key_added: str,
    copy: bool,
    labels: ClassLabels | None = None,
) -> AnnData | SpatialData | list[AnnData | SpatialData] | None:
    """Score every section, adapted to its labels if there are any, and write what :func:`spacrd.tl.score` says."""
    check_bools(copy=copy)
    items = as_list(data)
    if labels is not None and labels.label_key in (
        Keys.likelihood(key_added),
        Keys.uncertainty(key_added),
        Keys.region(key_added),
    ):
        raise ValueError(
            f"label_key={labels.label_key!r} would be replaced by the result. Copy the labels to another column, or "
            "choose another `key_added`."
        )
    for item in items:
        _check_free(get_table(item, selection.table_key), key_added)
    targets = [{} for _ in items] if labels is None else _targets(items, selection, labels)
    results = [
        _score_table(item, model, selection, options, target) for item, target in zip(items, targets, strict=True)
    ]
    if model.config.n_sections == 1 and labels is None:
        warn(
            "The model was fitted on one section, so its likelihoods are not calibrated: they rank the spots. There is "
            "no verdict, no expected share of cancer and no uncertainty. Fit on two annotated sections or more, or "
            "annotate some spots of this one and use `spacrd.tl.adapt`."
        )
    with uninterrupted():
        copies = [
            write_scores(item, key_added, table_key=selection.table_key, scores=scores, record=record, copy=copy)
            for item, (scores, record) in zip(items, results, strict=True)
        ]
    if not copy:
        return None
    return copies if isinstance(data, Sequence) else copies[0]


def _targets(items: Sequence[Any], selection: Selection, labels: ClassLabels) -> list[dict[str, np.ndarray]]:
    """Read the labels of each section of each object, by its name."""
    sections = [split_sections(item, selection) for item in items]
    labels.check_few([section for group in sections for section in group])
    return [{section.name: labels.target(section) for section in group} for group in sections]


def _score_table(
    data: AnnData | SpatialData,
    model: SpaCRD,
    selection: Selection,
    options: ScoreOptions,
    targets: Mapping[str, np.ndarray],
) -> tuple[Scores, dict[str, Any]]:
    """Score the sections of one object; return what to write about its rows and to record.

    ``targets`` are those of the sections that have labels to adapt to.
    """
    table = get_table(data, selection.table_key)
    likelihood = np.full(table.n_obs, np.nan, dtype=np.float32)
    region = np.full(table.n_obs, np.nan, dtype=object)
    uncertainty = np.full(table.n_obs, np.nan, dtype=np.float32)
    latent = np.full((table.n_obs, model.config.latent_width), np.nan, dtype=np.float32)
    reports = {}
    sections = split_sections(data, selection)
    if model.config.expression is not None:
        warn_other_features(sections)
    for section in sections:
        arrays = read_for_model(section, model, selection.layer, load=False)
        prediction, call = score_section(arrays, model, options, targets.get(section.name))
        likelihood[section.rows], latent[section.rows] = prediction.likelihood, prediction.latent
        uncertainty[section.rows], region[section.rows] = prediction.uncertainty, call.region
        reports[Keys.section(section.name)] = section_report(prediction, call)
    record = {**_model_record(model), "library_key": selection.library_key or "", "sections": reports}
    return Scores(region, likelihood, uncertainty, latent), record


def section_report(prediction: Prediction, call: Call) -> dict[str, Any]:
    """Describe the scoring of one section for ``.uns``."""
    return {
        **call.record(),
        "verdict_reason": prediction.verdict_reason,
        "n_scored": int(np.isfinite(prediction.likelihood).sum()),
        "modality": prediction.modality,
        "in_training": prediction.in_training,
        "n_labelled": prediction.n_labelled,
        "shift": bool(prediction.shift.reasons()),
        "shift_reason": "; ".join(prediction.shift.reasons()),
        "level": prediction.level.share,
        "level_spread": prediction.level.spread,
        "expected_share": float(np.nanmean(prediction.likelihood)) if np.isfinite(prediction.level.share) else np.nan,
        "share_low": prediction.level.interval[0],
        "share_high": prediction.level.interval[1],
        **prediction.shift.to_dict(),
    }


def _model_record(model: SpaCRD) -> dict[str, Any]:
    """Describe the model for ``.uns``."""
    config = model.config
    return {
        "model": model.id,
        "model_source": model.source,
        "recipe": config.recipe,
        "positive": list(config.positive),
        "version": version("spacrd"),
        "calibrated_on": config.calibration.n_sections,
        "n_training": config.n_sections,
        "training_platforms": str(config.training.get(PLATFORMS, "")),
        "verdict_rates": verdict_rates(config.n_sections) if config.presence else "",
    }


def _check_free(table: AnnData, key: str) -> None:
    """Raise ValueError for a result name that would replace what ``extract_patches`` or the user wrote."""
    region = Keys.region(key)
    if region in table.obs and (others := set(map(str, table.obs[region].dropna().unique())) - set(REGION_COLORS)):
        raise ValueError(
            f"obs[{region!r}] holds {quote_names(sorted(others), 3)}, which spacrd did not write. Choose another "
            "`key_added`, or rename that column."
        )
    for name in (Keys.likelihood(key), Keys.uncertainty(key)):
        if name in table.obs and table.obs[name].dtype.kind != "f":
            raise ValueError(
                f"obs[{name!r}] holds {table.obs[name].dtype}, which spacrd did not write. Choose another `key_added`, "
                "or rename that column."
            )
    recorded = table.uns.get(Keys.UNS, {})
    for slot in (key, Keys.latent(key)):
        if slot in table.obsm and isinstance(recorded, Mapping) and slot in recorded and slot.startswith("X_"):
            raise ValueError(f"key_added={key!r} would replace the embedding obsm[{slot!r}]. Choose another name.")
