"""Cross-validate over sections or patients."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from .._checks import check_choice, check_positive_int, quote_names, warn
from .._hardware import Hardware
from .._sections import Selection
from ..features import SectionArrays
from ..metrics import warn_of_absent_ignored
from ..rivals import Rival
from ..train import FitSettings
from ._cv import (
    CrossValidation,
    Fold,
    FoldSection,
    FoldSettings,
    Store,
    competitors,
    fold_sections,
    ignore_values,
    make_folds,
    metrics_table,
    run_all,
    shared_patients,
    tables,
)
from ._fit import fit
from ._labels import ClassLabels
from ._mixture import check_method
from ._read import read_training

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData

_SET_BY_FOLD = {
    "data",
    "label_key",
    "positive",
    "negative",
    "modality",
    "image_rep",
    "library_key",
    "table_key",
    "layer",
    "seed",
}
"""Arguments of ``fit`` that every fold sets itself."""
FIT_DEFAULTS = {
    name: parameter.default for name, parameter in inspect.signature(fit).parameters.items() if name not in _SET_BY_FOLD
}


def cross_validate(
    sections: AnnData | SpatialData | Sequence[AnnData | SpatialData],
    label_key: str,
    *,
    positive: str | Sequence[str],
    negative: str | Sequence[str] | None = None,
    group_key: str | Mapping[str, str] | None = None,
    ignore: str | Sequence[str] = (),
    baselines: bool | str | Rival | Sequence[str | Rival] = True,
    seeds: Sequence[int] = (0,),
    n_jobs: int | None = None,
    resume: str | os.PathLike[str] | None = None,
    modality: Literal["image", "expression"] | None = None,
    image_rep: str | None = None,
    layer: str | None = None,
    library_key: str | None = None,
    table_key: str = "table",
    threshold: Literal["expected_f1", "gmm", "otsu"] | float = "expected_f1",
    **fit_kwargs: Any,
) -> CrossValidation:
    """Score every section with a model that was fitted without it and the other sections of its group.

    Genes, model and baselines are fitted on the training sections only. The held-out section is scored as by
    :func:`spacrd.tl.score`, without its labels. Nothing is written into the data.

    Parameters
    ----------
    sections
        Sections: one object, or a list. An object may hold several (``library_key``, or regions of a SpatialData).
        Sections of equal names are numbered: ``section_1``, ``section_2``.
    label_key
        ``.obs`` column of annotated classes. Unlabelled spots (NaN) take part in fitting without a label and are not
        evaluated.
    positive
        Class or classes that are cancer.
    negative
        Classes that are not cancer; every other class is then unlabelled. All others if None.
    group_key
        What to hold out at once: an ``.obs`` column, such as the patient, or a mapping from section to group. By
        default every section by itself, with a warning if a column like ``patient`` or ``donor`` has the same value
        in two sections.
    ignore
        Classes left out of the metrics, as in :func:`spacrd.metrics.evaluate`. They are still negative in the fit; to
        leave them out of both, use ``negative``. To leave them out afterwards, use :meth:`CrossValidation.evaluate`.
    baselines
        Other ways to score spots, to run in the same folds: names of :func:`spacrd.rivals.available`, or objects with
        the method ``fit`` of :class:`spacrd.rivals.Rival`, such as a method of your own. True for those of
        ``spacrd.rivals.BASELINES`` that the modalities allow, False for none. They are

        - ``"depth"``: the number of counts of the spot, which needs no label and no fit;
        - ``"svm-tuned"``: linear support vector machine on the genes of the spot, its decision averaged over nearby
          spots; penalty and smoothing are chosen by leaving each training section out in turn;
        - ``"logistic-tuned-image"``: such a logistic regression on neighbourhood means of the image features;
        - ``"late-fusion"``: the scores of such an expression and such an image model, added;
        - ``"logistic own genes"``: logistic regression (balanced, C = 0.01) on all genes of the spot;
        - ``"logistic neighbourhood genes"``: on the means of genes over the spot and its neighbours;
        - ``"logistic image"``: on such means of the image features;
        - ``"logistic both"``: on both means;
        - ``"gradient boosting"``: on the means that there are, of the 500 most variable genes and the image features;
        - ``"concatenation MLP"``: a small network on principal components of the spot's genes and image features.

        The last six read counts of all genes that the training sections share (or of ``genes``), log-normalised and
        scaled to [0, 1] within each section. A baseline that raises an error has no likelihoods; its rows say why in
        ``reason``, and the other models go on.
    seeds
        Seeds to repeat every fit with. Baselines without randomness (``seeded`` of their card) run once, under the
        first seed.
    n_jobs
        Processes to spread fits over, as in joblib: 1 if None, all cores if -1. Every fit uses one thread, so the
        results do not depend on this. On a GPU, keep 1.
    resume
        Folder to store finished fits in. A later call with the same data and arguments reads them; seeds and baselines
        may be added. Baselines that are not part of spacrd are fitted anew, as their code may have changed.
    modality
        ``"image"`` or ``"expression"`` to use one alone; by default what the sections have.
    image_rep
        Embedding in ``.obsm``; by default the one that :func:`spacrd.pp.extract_patches` made.
    layer
        Layer of raw counts; ``.X`` if None.
    library_key
        ``.obs`` column of section names.
    table_key
        Table of a SpatialData.
    threshold
        How regions are called, as in :func:`spacrd.tl.score`.
    **fit_kwargs
        Further arguments of :func:`spacrd.tl.fit`, such as ``recipe``, ``scaling`` and ``n_top_genes``.

    Returns
    -------
    Out-of-fold likelihoods and metrics per model, seed and section; ``print(result)`` shows the means.

    Raises
    ------
    TypeError
        If an argument is of the wrong type, or :func:`spacrd.tl.fit` has no such argument.
    KeyError
        If a column, layer, table or group is missing.
    ValueError
        If there are fewer than two groups, the training sections of a fold lack a class, a baseline is not known, or
        the ``resume`` folder is of other data or arguments.
    RuntimeError
        If one of ``n_jobs`` processes dies.

    See Also
    --------
    spacrd.metrics.evaluate : Metrics of scored sections.

    Examples
    --------
    >>> import spacrd
    >>> toys = [spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3)]
    >>> fast = {"modality": "expression", "baselines": False}
    >>> result = spacrd.tl.cross_validate(toys, "pathologist", positive="invasive cancer", **fast)
    >>> result.per_section("auc").columns.to_list()
    ['toy_1', 'toy_2', 'toy_3', 'mean']
    """
    labels = ClassLabels.resolve(label_key, positive, negative)
    ignored = ignore_values(ignore, labels.positive)
    labels = replace(labels, ignored=ignored)
    if modality is not None:
        check_choice(modality, ("image", "expression"), "modality")
    check_method(threshold)
    seeds = _seeds(seeds)
    settings = _fold_settings(fit_kwargs, labels, threshold)
    if resume is not None:
        Store.find(resume)  # before sections are read
    training = read_training(
        sections,
        labels,
        modality=modality,
        image_rep=image_rep,
        genes=settings.fit.genes,
        selection=Selection(table_key=table_key, library_key=library_key, layer=layer),
        scale=settings.fit.max_distance_um is not None,
        unique_names=True,
    )
    fold_data = fold_sections(training, labels, group_key)
    warn_of_absent_ignored(ignored, [pd.Series(section.labels) for section in fold_data], f"obs[{label_key!r}]")
    folds = make_folds(fold_data, label_key)
    available = {name for name in ("expression", "image") if any(_has(section.arrays, name) for section in fold_data)}
    models = competitors(baselines, available, settings.fit)
    groups = [section.group for section in fold_data]
    for column, patients in shared_patients([section for section, _ in training], groups).items():
        warn(
            f"Sections of one patient stand on both sides of a fold: obs[{column!r}] has {quote_names(patients, 5)} in "
            f"several groups. The metrics are then too good. Hold patients out together with group_key={column!r}."
        )
    store = None
    if resume is not None:
        store = Store.open(resume, _arguments(fold_data, folds, labels, settings))
    runs = run_all(models, seeds, folds, fold_data, settings, store=store, n_jobs=n_jobs)
    likelihoods, facts = tables(runs, [model.name for model in models], fold_data)
    metrics = metrics_table(likelihoods, facts, labels.positive, labels.negative, ignored)
    return CrossValidation(metrics, likelihoods, labels.positive, labels.negative, ignored)


def _has(arrays: SectionArrays, modality: str) -> bool:
    return (arrays.image if modality == "image" else arrays.counts) is not None


def _seeds(seeds: Sequence[int]) -> list[int]:
    given = [seeds] if np.isscalar(seeds) else list(seeds)
    checked = [check_positive_int(seed, "seeds", minimum=0) for seed in given]
    if not checked or len(set(checked)) < len(checked):
        raise ValueError(f"seeds must be at least one number, each once; got {given}.")
    return checked


def _fold_settings(given: Mapping[str, Any], labels: ClassLabels, threshold: str | float) -> FoldSettings:
    """Check the arguments of ``fit`` that folds share."""
    unknown = [name for name in given if name not in FIT_DEFAULTS]
    if unknown:
        hint = " Use `seeds`." if "seed" in unknown else ""
        raise TypeError(
            f"cross_validate and spacrd.tl.fit have no argument {quote_names(unknown)} to give here.{hint} "
            f"fit takes {quote_names(FIT_DEFAULTS, 40)}."
        )
    arguments = {**FIT_DEFAULTS, **given}
    hardware = Hardware.resolve(*(arguments.pop(name) for name in ("device", "precision", "devices", "strategy")))
    callbacks = tuple(arguments.pop("callbacks"))
    fit_settings = FitSettings.resolve(**arguments, label_key=labels.label_key, positive=labels.positive)
    return FoldSettings(fit_settings, hardware, callbacks, threshold)


def _arguments(
    fold_data: Sequence[FoldSection],
    folds: Sequence[Fold],
    labels: ClassLabels,
    settings: FoldSettings,
) -> dict[str, Any]:
    """Describe the data and arguments that all fits share, to compare with a ``resume`` folder."""
    if settings.callbacks:
        raise ValueError("resume cannot tell whether callbacks are the same as before: leave one of the two out.")
    return {
        "spacrd": version("spacrd"),
        "negative": labels.negative,
        "threshold": settings.threshold,
        **asdict(settings.fit),
        **asdict(settings.hardware),
        "groups": [fold.group for fold in folds],
        "sections": {section.name: section.digest() for section in fold_data},
    }
