"""Score sections with the help of some annotated spots of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from .._checks import check_result_key
from .._keys import Keys
from .._sections import Selection
from ..model import SpaCRD, negative_classes
from ._labels import ClassLabels
from ._match import check_model
from ._predict import ScoreOptions
from ._scoring import score_objects

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData


def adapt(
    data: AnnData | SpatialData | Sequence[AnnData | SpatialData],
    model: SpaCRD,
    label_key: str,
    *,
    positive: str | int | Sequence[str | int] | None = None,
    negative: str | int | Sequence[str | int] | None = None,
    key_added: str = Keys.DEFAULT,
    table_key: str = "table",
    library_key: str | None = None,
    layer: str | None = None,
    threshold: Literal["expected_f1", "gmm", "otsu"] | float = "expected_f1",
    on_mismatch: Literal["error", "warn"] = "error",
    batch_size: int = 4096,
    device: str | None = None,
    precision: Literal["32-true", "bf16-mixed"] = "32-true",
    copy: bool = False,
) -> AnnData | SpatialData | list[AnnData | SpatialData] | None:
    """Score sections as :func:`spacrd.tl.score` does, and adapt the scores to some annotated spots of each.

    Ten to fifty spots are enough to learn how much of the section is cancer, which the model alone knows only roughly,
    and they improve the order of the spots. The model itself does not change. Each section is adapted to its own
    labels; a section without any is scored as it is.

    The logit of a spot becomes a level, plus a slope times its logit by the model, plus a linear function of the ten
    leading principal components of ``X_spacrd``. A logistic regression with normal priors around the model's own values
    fits them to the labels.

    Parameters
    ----------
    data
        One object or a list of them.
    model
        A fitted or loaded model.
    label_key
        ``.obs`` column of classes; NaN for spots that are not annotated, which are most.
    positive
        Classes that are cancer; those of the model if None.
    negative
        Classes that are not cancer, all others being unlabelled; all labelled others if None, with a warning of those
        that the model does not know, unless ``positive`` names classes of your own.
    key_added, table_key, library_key, layer, threshold, on_mismatch, batch_size, device, precision, copy
        As in :func:`spacrd.tl.score`.

    Returns
    -------
    The copy if ``copy``, else None. Written: what :func:`spacrd.tl.score` writes. In
    ``.uns["spacrd"]["spacrd"]["sections"]``, ``n_labelled`` is the number of annotated spots that were used. Spots are
    called even where the section is unlike the training sections, and the verdict is ``tumour`` if one is annotated as
    cancer.

    Raises
    ------
    TypeError
        If ``model`` is not a model, or an argument is of the wrong type.
    KeyError
        If a column, layer or table is missing.
    ValueError
        If no spot is labelled, no section has a class of ``positive``, the section does not fit the model, or an
        argument is out of bounds; ``data`` is then unchanged.

    See Also
    --------
    spacrd.tl.suggest_spots : Choose the spots to annotate.

    Examples
    --------
    >>> import numpy as np
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> names = spacrd.tl.suggest_spots(section, n=10)
    >>> obs = section["table"].obs
    >>> obs["annotated"] = obs["pathologist"].where(obs.index.isin(names))  # look at them, here: take the labels
    >>> spacrd.tl.adapt(section, model, "annotated")
    >>> section["table"].uns["spacrd"]["spacrd"]["sections"]["toy"]["n_labelled"]
    10
    """
    check_model(model)
    check_result_key(key_added)
    options = ScoreOptions(
        threshold=threshold, on_mismatch=on_mismatch, batch_size=batch_size, device=device, precision=precision
    )
    labels = ClassLabels.resolve(label_key, model.config.positive if positive is None else positive, negative)
    known = model.config.positive, negative_classes(model.config.training)
    labels = replace(labels, asked=positive is not None, model_classes=known)
    selection = Selection(table_key=table_key, library_key=library_key, layer=layer)
    return score_objects(data, model, selection, options, key_added=key_added, copy=copy, labels=labels)
