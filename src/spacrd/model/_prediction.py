"""Result of scoring one section."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._level import Level
from ._shift import Shift


@dataclass(frozen=True)
class Prediction:
    """Hold the likelihoods of one section.

    Attributes
    ----------
    likelihood
        Probability of cancer of each spot, (n,) float32; NaN where the spot has no modality of the model.
    logit
        Logit of the likelihood, (n,) float64.
    contrast
        Logit up to a constant that the level sets, (n,) float64; NaN like the likelihood.
    uncertainty
        Half the width of an interval of 80 % for the likelihood over the possible shares of cancer, (n,) float32; NaN
        for a model without calibration.
    level
        What is known of the share of cancer in the section.
    verdict
        Whether the section holds a tumour: ``"tumour"``, ``"no tumour"`` or ``"unclear"``.
    latent
        Mean of the latent code, (n, latent) float32.
    modality
        Modalities of the section: ``"image+expression"``, ``"image"`` or ``"expression"``.
    shift
        Differences of the section from the training sections.
    in_training
        Whether the model was fitted on this section, or on many of its spots.
    n_labelled
        Annotated spots that the prediction was adapted to.
    verdict_reason
        What the verdict rests on.

    Examples
    --------
    >>> import numpy as np
    >>> import spacrd
    >>> *training, new = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> table = new["table"]
    >>> section = spacrd.features.SectionArrays(
    ...     name="new",
    ...     xy=table.obsm["spatial"],
    ...     um_per_unit=1.0,
    ...     counts=table.X,
    ...     genes=table.var_names.to_numpy(),
    ...     image=None,
    ...     target=np.full(table.n_obs, np.nan),
    ... )
    >>> prediction = model.predict(section)
    >>> prediction.likelihood.shape, prediction.modality
    ((100,), 'expression')
    """

    likelihood: np.ndarray
    logit: np.ndarray
    contrast: np.ndarray
    uncertainty: np.ndarray
    level: Level
    verdict: str
    latent: np.ndarray
    modality: str
    shift: Shift
    in_training: bool = False
    n_labelled: int = 0
    verdict_reason: str = ""
