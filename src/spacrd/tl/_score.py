"""Score sections with a fitted model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from .._checks import check_result_key
from .._keys import Keys
from .._sections import Selection
from ..model import SpaCRD, check_share
from ._match import check_model
from ._predict import ScoreOptions
from ._scoring import score_objects

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData


def score(
    data: AnnData | SpatialData | Sequence[AnnData | SpatialData],
    model: SpaCRD,
    *,
    key_added: str = Keys.DEFAULT,
    table_key: str = "table",
    library_key: str | None = None,
    layer: str | None = None,
    threshold: Literal["expected_f1", "gmm", "otsu"] | float = "expected_f1",
    expected_share: float | None = None,
    on_mismatch: Literal["error", "warn"] = "error",
    on_shift: Literal["uncall", "warn", "error"] = "uncall",
    batch_size: int = 4096,
    device: str | None = None,
    precision: Literal["32-true", "bf16-mixed"] = "32-true",
    copy: bool = False,
) -> AnnData | SpatialData | list[AnnData | SpatialData] | None:
    """Score every spot with the likelihood of cancer and call regions.

    Labels are never read. Genes are matched by name, in any order; some may be missing, and their share is recorded. A
    section that lacks one of the model's modalities is scored from the other.

    Parameters
    ----------
    data
        One object or a list of them. An object may hold several sections, told apart by ``library_key`` or by the
        regions of a SpatialData.
    model
        A fitted or loaded model.
    key_added
        Prefix of all names that are written.
    table_key
        Table of a SpatialData.
    library_key
        ``.obs`` column of section names.
    layer
        Layer of raw counts; ``.X`` if None.
    threshold
        How to cut each section, without labels. ``"expected_f1"``: where F1 is highest on average over the possible
        shares of cancer; ``"gmm"``: where two Gaussians of the logits cross (paper 2.3); ``"otsu"``; or a likelihood. A
        model that was fitted on one section uses ``"gmm"`` in place of the default.
    expected_share
        Share of cancer among the spots, where you know it roughly: likelihoods and calls follow. Estimated if None.
    on_mismatch
        What to do if the embedding was made by another encoder, or at another patch size, than the model's. Another
        width is always an error.
    on_shift
        What to do with a section that is unlike the training sections, such as another organ, platform or panel.
        ``"uncall"`` ranks its spots, calls all of them ``uncertain`` and warns; ``"warn"`` calls them all the same.
        Spots are always called with ``expected_share``, or a likelihood as ``threshold``.
    batch_size
        Spots per block; changes speed and memory, not the scores.
    device
        Torch device; the package setting if None.
    precision
        ``"bf16-mixed"`` for autocast to bfloat16: faster where the device has it, and likelihoods change in the third
        digit.
    copy
        Return a copy (for a list, a list of copies) instead of writing into ``data``.

    Returns
    -------
    The copy if ``copy``, else None. Written, when all objects are scored:

    - ``.obs["spacrd_likelihood"]``: float32 probability; NaN where a spot has no modality.
    - ``.obs["spacrd_uncertainty"]``: float32, 0 to 0.5: half the width of an interval of 80 % for the likelihood over
      the possible shares of cancer; NaN without a calibration.
    - ``.obs["spacrd_region"]``: category ``normal``, ``cancer``, or ``uncertain`` where the call would be another for a
      quarter of the possible shares, for at most 20 % of a section; NaN where there is no likelihood.
    - ``.obsm["X_spacrd"]``: float32 (n_obs, d): scores of the neighbourhood on the principal components of the training
      sections, at most 64 for each modality, or latent means of the first network.
    - ``.uns["spacrd"]["spacrd"]``: model, and for each section threshold, mixture, modality, the verdict ``tumour``,
      ``no tumour`` or ``unclear``, the expected share of cancer with an interval of 80 %, and the distance to the
      training sections, with a warning if it is large.

    Raises
    ------
    TypeError
        If ``model`` is not a model, or an argument is of the wrong type.
    KeyError
        If a column, layer or table is missing.
    ValueError
        If the section does not fit the model, is unlike the training sections with ``on_shift="error"``, or an argument
        is out of bounds; ``data`` is then unchanged.

    See Also
    --------
    spacrd.tl.threshold : Call regions again.
    spacrd.pl.likelihood : Plot the likelihoods.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> sorted(name for name in section["table"].obs if name.startswith("spacrd"))
    ['spacrd_likelihood', 'spacrd_region', 'spacrd_uncertainty']
    >>> section["table"].obsm["X_spacrd"].shape[1]
    60
    """
    check_model(model)
    check_result_key(key_added)
    check_share(expected_share, calibrated=model.config.calibration.n_sections > 0)
    options = ScoreOptions(
        threshold=threshold,
        on_mismatch=on_mismatch,
        on_shift=on_shift,
        expected_share=expected_share,
        batch_size=batch_size,
        device=device,
        precision=precision,
    )
    selection = Selection(table_key=table_key, library_key=library_key, layer=layer)
    return score_objects(data, model, selection, options, key_added=key_added, copy=copy)
